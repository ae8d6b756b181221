// The row under the search line: what else belongs to the search ("and", "without"), and what of the answer is shown.

import { app } from "./app.js";
import { decodeTerm } from "./asked.js";
import { boxNames } from "./boxes.js";
import { $, h, icon } from "./dom.js";
import { number, t } from "./words.js";

const WEIGHTS = [1, 2, 3, 0.5]; // each click gives the next
const MOST = 20; // of each kind, as the service takes
const TYPED = /(^|\s)([-+])(?:"([^"]+)"|(\S+))/g;
const ASKED = { and: t("scope.askAnd"), not: t("scope.askNot") };
let adding = "and";

export function startScope() {
  for (const kind of ["and", "not"]) $(`#add-${kind}`).addEventListener("click", () => openInput(kind));
  $("#add").addEventListener("submit", (event) => {
    event.preventDefault();
    add($("#add-text").value);
  });
  $("#add-text").addEventListener("blur", () => $("#add-text").value.trim() || closeInput());
  $("#add-text").addEventListener("keydown", (event) => event.key === "Escape" && closeInput({ focus: true }));
  $("#filter-button").addEventListener("click", async () => {
    const { openFilters } = await import("./tools/filters.js");
    if (app.session) openFilters();
  });
  for (const topic of ["session", "answer", "boxes"]) app.on(topic, drawScope);
}

/** The terms of the search that was asked last, to be changed and asked anew. */
export function queryChips() {
  const { terms = [], without = [] } = app.query ?? {};
  return { terms: [...terms], without: [...without] };
}

/** Takes +this and -"that" out of typed words and into the chips; gives the words that are left. */
export function takeChips(written, chips) {
  const left = written.replace(TYPED, (_, before, sign, quoted, word) => {
    put(chips, sign === "+" ? "and" : "not", quoted ?? word);
    return before;
  });
  return left.replace(/\s+/g, " ").trim();
}

function put({ terms, without }, kind, written) {
  const term = decodeTerm(written);
  if (kind === "not" && written.trim() && !without.includes(written.trim()) && without.length < MOST) without.push(written.trim());
  if (kind === "and" && term.text && !terms.some(({ text }) => text === term.text) && terms.length < MOST) terms.push(term);
}

function add(written) {
  const chips = queryChips();
  for (const part of written.split(",")) put(chips, adding, part);
  $("#add-text").value = "";
  closeInput({ focus: true });
  change(chips);
}

/** Asks the changed query; what is marked comes along. */
function change(chips) {
  const { session } = app;
  const query = { ...app.query, ...chips };
  if (!query.text && query.imageId === null && !query.upload && !query.terms.length) {
    return app.emit("problem", t("scope.nothingLeft"));
  }
  return app.search(query, { labels: session.round.draft });
}

function openInput(kind) {
  adding = kind;
  $("#add").hidden = false;
  $("#add-sign").textContent = kind === "and" ? t("scope.and") : t("scope.without");
  $("#add-text").setAttribute("aria-label", ASKED[kind]);
  $("#add-text").placeholder = kind === "and" ? t("scope.exampleAnd") : t("scope.exampleNot");
  $("#add-text").focus();
}

function closeInput({ focus = false } = {}) {
  if ($("#add").hidden) return;
  $("#add").hidden = true;
  $("#add-text").value = "";
  if (focus) $(`#add-${adding}`).focus();
}

function drawScope() {
  const { session } = app;
  $("#scope").hidden = !session;
  if (!session) return;
  const { terms, without } = session.query;
  const list = $("#chips");
  const focused = list.contains(document.activeElement);
  list.replaceChildren(
    ...terms.map((term) => chip(t("scope.and"), term.text, { drop: () => change(lessTerm(term.text)), more: weightButton(term, (weight) => change(weighed(term.text, weight))) })),
    ...without.map((text) => chip(t("scope.without"), text, { drop: () => change({ without: queryChips().without.filter((other) => other !== text) }) })),
    ...Object.entries(session.where).map(([column, values]) =>
      chip(...conditionWords(column, values), { drop: () => app.filter(lessColumn(session.where, column)), kind: "filter" }),
    ),
  );
  if (focused) ($("button", list) ?? $("#add-and")).focus();
}

const lessTerm = (text) => ({ terms: queryChips().terms.filter((other) => other.text !== text) });
const weighed = (text, weight) => ({ terms: queryChips().terms.map((one) => (one.text === text ? { ...one, weight } : one)) });
const lessColumn = (where, column) => Object.fromEntries(Object.entries(where).filter(([name]) => name !== column));

const conditionWords = (column, values) =>
  column === "@box" ? [t("scope.in"), boxNames(values, app.round.response)] : [`${column.replaceAll("_", " ")}:`, values.map((value) => value || t("none")).join(t("or"))];

/** How much something counts; a click gives the next weight to `weigh`. */
export function weightButton({ text, weight }, weigh) {
  const next = WEIGHTS[(WEIGHTS.indexOf(weight) + 1) % WEIGHTS.length];
  return h(
    "button",
    { type: "button", class: "chip-weight", title: t("scope.weight"), "aria-label": t("scope.weighs", { text, weight, next }), onclick: () => weigh(next) },
    `×${number(weight)}`,
  );
}

/** One part of what is asked, to be taken away by its button. */
export function chip(sign, text, { drop, more = null, kind = "" }) {
  const label = t("scope.remove", { what: `${sign} ${text}`.trim() });
  return h(
    "li",
    { class: `chip ${kind}` },
    h("span", { class: "chip-words" }, sign ? [h("span", { class: "chip-sign" }, sign), " "] : null, text),
    more,
    h("button", { type: "button", class: "chip-drop", "aria-label": label, title: t("remove"), onclick: drop }, icon("close")),
  );
}
