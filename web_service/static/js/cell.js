// One picture of the grid: image, label, caption and score, and the buttons that come with the mouse.

import { alike } from "./alike.js";
import { api, widthFor } from "./api.js";
import { h, icon } from "./dom.js";
import { score } from "./format.js";
import { items } from "./items.js";
import { RIGHT, WRONG } from "./round.js";
import { t } from "./words.js";

const STATES = { [RIGHT]: "right", [WRONG]: "wrong" };
// A picture that differs more than this from the shape of its cell is shown whole: filling would hide too much of it.
const NEARLY_ALIKE = 1.35;
const MARKS = { right: "tick", wrong: "cross" };
let empty = null; // what every cell is a copy of

export const stateOf = (label) => STATES[label] ?? "none";

/** An empty cell: few elements, as many of them are made while one scrolls; what a state needs comes with the state. */
export function makeCell(index, column) {
  empty ??= h(
    "div",
    { class: "cell", role: "gridcell", tabindex: -1 },
    h("span", { class: "picture" }, h("img", { alt: "", decoding: "async", draggable: "false" })),
    h("span", { class: "alike", "aria-hidden": "true", hidden: true }),
    h("span", { class: "mark", "aria-hidden": "true" }),
    h("span", { class: "words", "aria-hidden": "true" }, h("span", { class: "caption" }), h("span", { class: "score" })),
  );
  const cell = empty.cloneNode(true);
  cell.dataset.index = index;
  cell.setAttribute("aria-colindex", column + 1);
  return cell;
}

/** A picture that has come; `shape` is that of its cell, width to height, so that nothing has to be measured. */
export function arrived(image, shape) {
  image.closest(".cell").dataset.image = "there";
  const differs = image.naturalWidth / image.naturalHeight / shape;
  image.classList.toggle("whole", differs > NEARLY_ALIKE || differs < 1 / NEARLY_ALIKE);
}

/** A picture that cannot be had. */
export function failed(image) {
  if (!image.getAttribute("src")) return;
  image.closest(".cell").dataset.image = "missing";
  if (!image.nextSibling) image.after(h("span", { class: "missing" }, icon("missing"), t("picture.missing")));
}

/** Fills a cell with its hit; a cell without one stays a skeleton. */
export function fillCell(cell, hit, { catalogue, size }) {
  if (!hit || cell.dataset.id === String(hit.id)) return;
  cell.dataset.id = hit.id;
  if (hit.note) cell.dataset.note = hit.note;
  const image = cell.querySelector("img");
  cell.dataset.image = "coming";
  image.src = api.image(catalogue, hit.id, widthFor(size));
  cell.querySelector(".score").textContent = hit.note ?? (hit.score === undefined ? "" : score(hit.score));
}

export function describeCell(cell, hit, label, selected) {
  const state = stateOf(label);
  const caption = hit ? (items.get(hit.id)?.caption ?? "") : "";
  const marked = { right: t("picture.right"), wrong: t("picture.wrong"), none: t("picture.none") }[state];
  const group = hit ? alike.of(hit.id).length : 1;
  const stack = cell.querySelector(".alike");
  stack.hidden = group < 2;
  if (group > 1) stack.textContent = t("alike.count", { n: group });
  const name = [t("picture.nth", { n: Number(cell.dataset.index) + 1 }), caption || null, group > 1 ? t("alike.count", { n: group }) : null, hit ? marked : t("picture.loading")];
  if (cell.dataset.state !== state) {
    cell.dataset.state = state;
    cell.querySelector(".mark").replaceChildren(...(state in MARKS ? [icon(MARKS[state])] : []));
  }
  cell.setAttribute("aria-label", name.filter(Boolean).join(", "));
  cell.setAttribute("aria-selected", selected);
  const words = cell.querySelector(".caption");
  if (words.textContent !== caption) words.textContent = caption;
}

/** Stops loading a picture that has left the window, so that those in sight come first. */
export function dropCell(cell) {
  const image = cell.querySelector("img");
  if (!image.complete) image.removeAttribute("src");
}

export function reloadMissing(cell) {
  if (cell.dataset.image !== "missing") return;
  const image = cell.querySelector("img");
  const address = image.src;
  image.removeAttribute("src");
  image.src = address;
}

/** The buttons that come with the mouse: one set, for the picture that the mouse is over. */
export function quickButtons() {
  const button = (action, name, title) => h("button", { type: "button", class: "quick-button", tabindex: -1, "data-action": action, title }, icon(name));
  return h(
    "span",
    { class: "quick", "aria-hidden": "true" },
    button("right", "tick", t("mark.rightKey")),
    button("wrong", "cross", t("mark.wrongKey")),
    button("but", "change", t("compose.key")),
    button("look", "look", t("mark.lookKey")),
  );
}
