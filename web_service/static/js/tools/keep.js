// Keeping the answer: as a file with labels, scores and recipe; and labels from a file.

import { api } from "../api.js";
import { app } from "../app.js";
import { $, h } from "../dom.js";
import { count, pictures } from "../format.js";
import { RIGHT, WRONG } from "../round.js";
import { openUnder } from "./popover.js";

const panel = $("#keep-panel");
const MOST_BYTES = 5_000_000;
const WORDS = { right: RIGHT, positive: RIGHT, true: RIGHT, yes: RIGHT, 1: RIGHT, wrong: WRONG, negative: WRONG, false: WRONG, no: WRONG, 0: WRONG, "-1": WRONG };
const FILES = [
  ["csv", "CSV", "a line for each picture: place, score, label, caption and all that the catalogue knows"],
  ["json", "JSON", "the same, with the recipe: catalogue, query, labels, model and boxes"],
  ["recipe", "Recipe alone", "what gives the same answer again"],
];

export function openKeep() {
  draw();
  openUnder(panel, $("#keep"));
}

function draw() {
  const { session } = app;
  const { round, where, catalogue } = session;
  const total = round.response?.total ?? 0;
  const known = session.filtered ? round.part?.hits?.total : total;
  const what = session.filtered ? `What is shown: ${count(known ?? 0)} of ${pictures(total)}` : `The whole answer: ${pictures(total)}`;
  const file = h("input", { type: "file", accept: ".csv,text/csv", class: "unseen", tabindex: -1, "aria-label": "CSV file with labels" });
  file.addEventListener("change", () => file.files[0] && take(file.files[0]));
  const parts = [
    h("h2", {}, what),
    round.changed ? h("p", { class: "note" }, "With the marks that this round was made from. Refine to have the newer ones in it.") : null,
    h("ul", { class: "files" }, FILES.map(([format, name, words]) => h("li", {}, h("a", { class: "file", download: "", href: api.file(catalogue, round.response.result_set, format, where) }, h("b", {}, name), h("span", { class: "note" }, words))))),
    h("h2", {}, "Marks from a file"),
    h("p", { class: "note" }, "A CSV with the columns “id” and “label” (right or wrong), such as a file saved here."),
    h("button", { type: "button", class: "button small", onclick: () => file.click() }, "Choose a CSV file"),
    file,
  ];
  panel.replaceChildren(...parts.filter(Boolean));
}

async function take(file) {
  panel.hidePopover();
  try {
    const labels = readLabels(file.size > MOST_BYTES ? "" : await file.text(), file);
    const known = await knownOf(labels.map(([id]) => id));
    const here = labels.filter(([id]) => known.has(id));
    if (!here.length) throw new Error(`Not one of its ids is in this catalogue: is “${file.name}” of another?`);
    app.markEach(here);
    const missing = labels.length - here.length;
    app.emit("told", `${pictures(here.length)} marked from “${file.name}”.${missing ? ` ${count(missing)} of its ids are not in this catalogue.` : ""}`);
  } catch (error) {
    app.emit("problem", error.message);
  }
}

/** [[id, RIGHT or WRONG], ...] of a CSV file's rows that have a label; throws with words for the person. */
export function readLabels(text, { name, size }) {
  if (size > MOST_BYTES) throw new Error(`“${name}” is ${Math.round(size / 1e6)} MB. Choose a file of at most ${MOST_BYTES / 1e6} MB.`);
  const [head = [], ...rows] = parsed(text.replace(/^\ufeff/, ""));
  const columns = head.map((cell) => cell.trim().toLowerCase());
  const [id, label] = [columns.indexOf("id"), columns.indexOf("label")];
  if (id < 0 || label < 0) throw new Error(`“${name}” must have the columns “id” and “label” in its first line. It has: ${head.join(", ").slice(0, 120) || "nothing"}.`);
  const labels = new Map();
  rows.forEach((row, i) => {
    const word = (row[label] ?? "").trim().toLowerCase();
    if (!word) return;
    if (!(word in WORDS) || !/^\d{1,16}$/.test((row[id] ?? "").trim())) {
      throw new Error(`Line ${i + 2} of “${name}” must have a whole number as “id” and right or wrong as “label”. It has “${(row[id] ?? "").slice(0, 20)}” and “${word.slice(0, 20)}”.`);
    }
    labels.set(Number(row[id]), WORDS[word]);
  });
  if (!labels.size) throw new Error(`“${name}” has no labels: its column “label” is empty.`);
  return [...labels];
}

/** Rows of cells of a CSV text, with quotes as in RFC 4180. */
function parsed(text) {
  const rows = [[]];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|\n|\r|$)/g)) {
    rows.at(-1).push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end !== ",") rows.push([]);
  }
  return rows.filter((row) => row.some((cell) => cell !== ""));
}

async function knownOf(ids) {
  const known = new Set();
  for (let start = 0; start < ids.length; start += 500) {
    const { items } = await api.items(app.session.catalogue, ids.slice(start, start + 500));
    for (const { id } of items) known.add(id);
  }
  return known;
}
