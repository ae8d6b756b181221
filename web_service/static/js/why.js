// Why these images: the model that answered, the cut on its score, and the boxes behind the answer.

import { app } from "./app.js";
import { boxItem } from "./boxes.js";
import { $, $$ } from "./dom.js";
import { count } from "./format.js";

const SHOWN_BOXES = 40;
const NAMES = { text: "Text", auto: "Auto", branch: "One branch", ensemble: "Many branches", linear: "Straight line" };

export function startWhy() {
  for (const choice of $$("#models input")) choice.addEventListener("change", () => app.useModel(choice.value));
  app.on("answer", drawWhy);
  app.on("labels", drawModel);
  $("#boxes-all").addEventListener("click", () => app.adjust({ off: [] }));
  // The slider is for those who open it.
  $("#cut").addEventListener("toggle", async () => $("#cut").open && (await import("./later/cut.js")).drawCut());
}

function drawModel() {
  for (const choice of $$("#models input")) choice.checked = choice.value === app.session?.model;
  $("#model-name").textContent = NAMES[app.session?.model ?? "auto"];
}

let drawn = null;
function drawWhy() {
  const { session } = app;
  if (!session) return;
  drawModel();
  const { response, off, cut } = session.round;
  $("#cut").hidden = !response || response.cut === null || response.cut === undefined;
  $("#cut-state").textContent = cut === null ? "The model's" : "Moved";
  $("#why-words").textContent = response ? explanation(response) : "";
  $("#boxes-all").hidden = !off.length;
  if (drawn === response) return;
  drawn = response;
  const boxes = response?.boxes ?? [];
  const opened = new Set($$("#boxes details[open]").map((element) => element.dataset.box));
  const focused = $("#boxes").contains(document.activeElement) ? document.activeElement.dataset.key : null;
  $("#boxes").replaceChildren(...boxes.slice(0, SHOWN_BOXES).map((box, i) => boxItem(box, i, { open: opened.has(box.id), decide: response.boxes_decide })));
  if (focused) $(`#boxes [data-key="${focused}"]`)?.focus();
  const left = (response?.boxes_total ?? boxes.length) - Math.min(boxes.length, SHOWN_BOXES);
  const covered = boxes.length && response.covered < response.total ? `Together they hold ${count(response.covered)} of ${count(response.total)}.` : "";
  $("#boxes-more").textContent = [left > 0 ? `and ${count(left)} more, smaller boxes.` : "", covered].filter(Boolean).join(" ");
}

function explanation({ model, boxes, boxes_decide: decide, need, branches }) {
  if (model === "text") return "Every image, ordered by how close it is to your query. Refine to get a rule that says yes or no.";
  if (!boxes.length) return `${NAMES[model]}: a score decides.`;
  const n = boxes.length === 1 ? "box" : `${count(boxes.length)} boxes`;
  const enough = model === "ensemble" ? ` of enough branches${need ? ` (${count(need)} of ${count(branches)})` : ""}` : "";
  if (decide) return `${NAMES[model]}: an image is accepted when it lies inside the ${n} below${enough}.`;
  return `${NAMES[model]}: a score decides. The ${n} below describe the answer in plain ranges; they do not decide it.`;
}
