// Why these images: the model that answered, and the boxes behind the answer.

import { app } from "./app.js";
import { $, $$, h, icon } from "./dom.js";
import { count } from "./format.js";

const SHOWN_BOXES = 40;
const TOP = 255;
const NAMES = { text: "Text", auto: "Auto", branch: "One branch", ensemble: "Many branches", linear: "Straight line" };

export function startWhy() {
  for (const choice of $$("#models input")) choice.addEventListener("change", () => app.useModel(choice.value));
  app.on("answer", drawWhy);
  app.on("labels", drawModel);
}

function drawModel() {
  for (const choice of $$("#models input")) choice.checked = choice.value === app.session?.model;
  $("#model-name").textContent = NAMES[app.session?.model ?? "auto"];
}

function drawWhy() {
  const { session } = app;
  if (!session) return;
  drawModel();
  const { response } = session.round;
  $("#why-words").textContent = response ? explanation(response) : "";
  const boxes = response?.boxes ?? [];
  $("#boxes").replaceChildren(...boxes.slice(0, SHOWN_BOXES).map((box, i) => boxItem(box, i)));
  const left = boxes.length - SHOWN_BOXES;
  $("#boxes-more").textContent = left > 0 ? `and ${count(left)} more, smaller boxes` : "";
}

function explanation({ model, boxes, boxes_decide: decide }) {
  if (model === "text") return "Every image, ordered by how close it is to your query. Refine to get a rule that says yes or no.";
  if (!boxes.length) return `${NAMES[model]}: a score decides.`;
  const n = boxes.length === 1 ? "box" : `${count(boxes.length)} boxes`;
  if (decide) return `${NAMES[model]}: an image is accepted when it lies inside the ${n} below${model === "ensemble" ? " of enough branches" : ""}.`;
  return `${NAMES[model]}: a score decides. The ${n} below describe the answer in plain ranges; they do not decide it.`;
}

function boxItem(box, i) {
  const limited = (k) => box.low[k] > 0 || box.high[k] < TOP; // a range without limits says nothing
  const ranges = box.features.map((feature, k) => limited(k) && rangeRow(feature, box.low[k], box.high[k])).filter(Boolean);
  const outside = box.count - box.accepted;
  const accepted = outside === 0 ? "all in the answer" : `${count(box.accepted)} of them in the answer`;
  return h(
    "li",
    {},
    h(
      "details",
      { class: "box", open: i === 0 },
      h(
        "summary",
        {},
        icon("chevron"),
        h("span", { class: "box-name" }, `Box ${i + 1}`),
        h("span", { class: "box-count" }, count(box.count)),
      ),
      h("p", { class: "note" }, `${count(box.count)} ${box.count === 1 ? "image" : "images"} inside, ${accepted}.`),
      h("ul", { class: "ranges" }, ranges),
      sqlRow(box.sql),
    ),
  );
}

function rangeRow(feature, low, high) {
  const bar = h("span", { class: "range-bar" });
  bar.style.insetInlineStart = `${(100 * low) / (TOP + 1)}%`;
  bar.style.inlineSize = `${(100 * (high - low + 1)) / (TOP + 1)}%`;
  return h(
    "li",
    { class: "range" },
    h("span", { class: "range-name" }, `f${feature}`),
    h("span", { class: "range-track", "aria-hidden": "true" }, bar),
    h("span", { class: "range-numbers" }, `${low}–${high}`),
  );
}

function sqlRow(sql) {
  const button = h("button", { type: "button", class: "button small quiet", "aria-label": "Copy this condition" }, icon("copy"), "Copy");
  button.addEventListener("click", async () => {
    app.emit("say", (await copied(sql)) ? "Condition copied." : "The browser did not allow copying: select the text instead.");
  });
  return h("div", { class: "sql" }, h("code", { tabindex: 0, "aria-label": "Condition" }, sql), button);
}

/** Copies a text; false where the browser does not allow it. */
export async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
