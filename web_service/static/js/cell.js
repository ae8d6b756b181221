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

export const stateOf = (label) => STATES[label] ?? "none";

export function makeCell(index, column) {
  const image = h("img", { alt: "", decoding: "async", draggable: "false" });
  const cell = h(
    "div",
    { class: "cell", role: "gridcell", tabindex: -1, "data-index": index, "aria-colindex": column + 1 },
    h("span", { class: "picture" }, image, h("span", { class: "missing" }, icon("missing"), t("picture.missing"))),
    h("span", { class: "alike", "aria-hidden": "true", hidden: true }),
    h("span", { class: "mark", "aria-hidden": "true" }, icon("tick"), icon("cross")),
    h(
      "span",
      { class: "quick", "aria-hidden": "true" },
      quick("right", "tick", t("mark.rightKey")),
      quick("wrong", "cross", t("mark.wrongKey")),
      quick("but", "change", t("compose.key")),
      quick("look", "look", t("mark.lookKey")),
    ),
    h("span", { class: "words", "aria-hidden": "true" }, h("span", { class: "caption" }), h("span", { class: "score" })),
  );
  image.addEventListener("load", () => {
    cell.dataset.image = "there";
    const shape = (image.naturalWidth / image.naturalHeight) * (image.clientHeight / image.clientWidth);
    image.classList.toggle("whole", shape > NEARLY_ALIKE || shape < 1 / NEARLY_ALIKE);
  });
  image.addEventListener("error", () => image.src && (cell.dataset.image = "missing"));
  return cell;
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
  cell.dataset.state = state;
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

function quick(action, name, title) {
  return h("button", { type: "button", class: "quick-button", tabindex: -1, "data-action": action, title }, icon(name));
}
