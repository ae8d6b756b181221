// Why these images: the model that answered, the cut on its score, and the boxes behind the answer.

import { app } from "./app.js";
import { boxItem } from "./boxes.js";
import { $, $$ } from "./dom.js";
import { t } from "./words.js";

const SHOWN_BOXES = 40;
const NAMES = { text: t("round.text"), auto: t("model.auto"), branch: t("model.branch"), ensemble: t("model.ensemble"), linear: t("model.linear") };

export function startWhy() {
  for (const choice of $$("#models input")) choice.addEventListener("change", () => app.useModel(choice.value));
  for (const topic of ["answer", "boxes"]) app.on(topic, drawWhy);
  app.on("labels", drawModel);
  $("#boxes-all").addEventListener("click", () => app.adjust({ off: [] }));
  // The slider is for those who open it.
  $("#cut").addEventListener("toggle", async () => $("#cut").open && (await import("./tools/cut.js")).drawCut());
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
  $("#cut-state").textContent = cut === null ? t("cut.own") : t("cut.moved");
  $("#boxes-all").hidden = !off.length;
  const boxes = response?.boxes ?? []; // they come after the answer
  $("#why-words").textContent = response?.boxes ? explanation(response) : "";
  if (drawn === boxes) return;
  drawn = boxes;
  const opened = new Set($$("#boxes details[open]").map((element) => element.dataset.box));
  const focused = $("#boxes").contains(document.activeElement) ? document.activeElement.dataset.key : null;
  $("#boxes").replaceChildren(...boxes.slice(0, SHOWN_BOXES).map((box, i) => boxItem(box, i, { open: opened.has(box.id), decide: response.boxes_decide })));
  if (focused) $(`#boxes [data-key="${focused}"]`)?.focus();
  const left = (response?.boxes_total ?? boxes.length) - Math.min(boxes.length, SHOWN_BOXES);
  const covered = boxes.length && response.covered < response.total ? t("why.covered", { n: response.covered, of: response.total }) : "";
  $("#boxes-more").textContent = [left > 0 ? t("why.moreBoxes", { n: left }) : "", covered].filter(Boolean).join(" ");
}

function explanation({ model, boxes, boxes_decide: decide, need, branches }) {
  if (model === "text") return t("why.text");
  const [name, n] = [NAMES[model], boxes.length];
  if (!n) return t("why.score", { name });
  if (!decide) return t("why.scoreAndBoxes", { name, n });
  if (model !== "ensemble") return t("why.boxes", { name, n });
  return need ? t("why.votes", { name, n, need, of: branches }) : t("why.someVotes", { name, n });
}
