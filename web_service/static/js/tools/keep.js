// Keeping the answer: under a name on the server, or as a file; and marks from a file.

import { api } from "../api.js";
import { app } from "../app.js";
import { $, h } from "../dom.js";
import { pictures } from "../format.js";
import { RIGHT, WRONG } from "../round.js";
import { saveSearch } from "../saved/store.js";
import { uploadOf } from "../storage.js";
import { encodeWhere } from "../url.js";
import { t } from "../words.js";
import { fileLinks } from "./files.js";
import { openUnder } from "./popover.js";

const panel = $("#keep-panel");
const MOST_BYTES = 5_000_000;
const LABELS = { right: RIGHT, positive: RIGHT, true: RIGHT, yes: RIGHT, 1: RIGHT, wrong: WRONG, negative: WRONG, false: WRONG, no: WRONG, 0: WRONG, "-1": WRONG };

export function openKeep() {
  draw();
  openUnder(panel, $("#keep"));
}

function draw() {
  const { session } = app;
  const { round, where, catalogue } = session;
  const total = round.response?.total ?? 0;
  const known = session.filtered ? round.part?.hits?.total : total;
  const what = session.filtered ? t("save.part", { n: known ?? 0, of: total }) : t("save.whole", { pictures: pictures(total) });
  const file = h("input", { type: "file", accept: ".csv,text/csv", class: "unseen", tabindex: -1, "aria-label": t("save.csvFile") });
  file.addEventListener("change", () => file.files[0] && take(file.files[0]));
  const parts = [
    h("h2", {}, what),
    round.changed ? h("p", { class: "note" }, t("save.older")) : null,
    nameForm(session),
    h("h2", {}, t("save.asFile")),
    fileLinks((format) => api.file(catalogue, round.response.result_set, format, where)),
    h("h2", {}, t("save.marks")),
    h("p", { class: "note" }, t("save.marksMore")),
    h("button", { type: "button", class: "button small", onclick: () => file.click() }, t("save.choose")),
    file,
  ];
  panel.replaceChildren(...parts.filter(Boolean));
}

/** The form that saves the search on the server; when that is done it says so, and where it is. */
function nameForm(session) {
  const { text, terms } = session.query;
  const words = [text, ...terms.map((term) => term.text)].filter(Boolean).join(", ");
  const name = h("input", { required: true, maxlength: 200, autocomplete: "off", value: words });
  const notes = h("textarea", { rows: 2, maxlength: 20_000 });
  const wrong = h("p", { class: "form-problem", role: "alert", hidden: true });
  const send = h("button", { type: "submit", class: "button small primary" }, t("save.keep"));
  const form = h("form", { class: "form" }, h("label", {}, t("save.name"), name), h("label", {}, t("save.notes"), notes), wrong, send);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (send.getAttribute("aria-disabled")) return;
    send.setAttribute("aria-disabled", true);
    try {
      const saved = await saveSearch(savedBody(session, name.value, notes.value));
      const link = h("a", { class: "button small", href: `saved?id=${saved.id}` }, t("save.open"));
      form.replaceWith(h("div", { class: "form saved-note", role: "status" }, h("p", {}, t("save.kept", { name: saved.name })), link));
      link.focus();
      app.emit("say", t("save.kept", { name: saved.name }));
    } catch (error) {
      wrong.textContent = error.message;
      wrong.hidden = false;
    } finally {
      send.removeAttribute("aria-disabled");
    }
  });
  return form;
}

function savedBody(session, name, notes) {
  const { catalogue, round, where, query } = session;
  const { search, hash } = new URL(app.link);
  const body = { name, notes, catalogue, result_set: round.response.result_set, where: encodeWhere(where), address: `${search}${hash}` };
  const image = query.upload && uploadOf(query.upload);
  return image ? { ...body, image } : body;
}

async function take(file) {
  panel.hidePopover();
  try {
    const labels = readLabels(file.size > MOST_BYTES ? "" : await file.text(), file);
    const known = await knownOf(labels.map(([id]) => id));
    const here = labels.filter(([id]) => known.has(id));
    if (!here.length) throw new Error(t("save.foreign", { name: file.name }));
    app.markEach(here);
    const missing = labels.length - here.length;
    const told = [t("save.marked", { n: here.length, name: file.name }), missing ? t("save.unknown", { n: missing }) : ""];
    app.emit("told", told.filter(Boolean).join(" "));
  } catch (error) {
    app.emit("problem", error.message);
  }
}

/** [[id, RIGHT or WRONG], ...] of a CSV file's rows that have a label; throws with words for the person. */
export function readLabels(text, { name, size }) {
  if (size > MOST_BYTES) throw new Error(t("save.large", { name, n: Math.round(size / 1e6), most: MOST_BYTES / 1e6 }));
  const [head = [], ...rows] = parsed(text.replace(/^\ufeff/, ""));
  const columns = head.map((cell) => cell.trim().toLowerCase());
  const [id, label] = [columns.indexOf("id"), columns.indexOf("label")];
  if (id < 0 || label < 0) throw new Error(t("save.columns", { name, columns: head.join(", ").slice(0, 120) || t("none") }));
  const labels = new Map();
  rows.forEach((row, i) => {
    const word = (row[label] ?? "").trim().toLowerCase();
    if (!word) return;
    if (!(word in LABELS) || !/^\d{1,16}$/.test((row[id] ?? "").trim())) {
      throw new Error(t("save.line", { line: i + 2, name, id: (row[id] ?? "").slice(0, 20), label: word.slice(0, 20) }));
    }
    labels.set(Number(row[id]), LABELS[word]);
  });
  if (!labels.size) throw new Error(t("save.empty", { name }));
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
