// A collection of saved searches: this, and also in that, but not in that; how many images it holds is said at once.

import { $, debounce, h, icon } from "../dom.js";
import { images } from "../format.js";
import { t } from "../words.js";
import { store } from "./store.js";
import { expressionOf, stepsOf } from "./telling.js";

const SOON_MS = 150;
const HOW = ["and", "or", "not"];
const dialog = $("#combiner");
const count = debounce(counted, SOON_MS);
let steps = [];
let asked = new AbortController();
let made = null;
let edited = null; // the collection that is changed, or null for a new one

/** `done(id)` is told of each new collection. */
export function startCombine(done) {
  made = done;
  $("#combine").addEventListener("click", () => open());
  $("#combiner-more").addEventListener("click", () => change([...steps, { how: "and", id: others()[0]?.id ?? steps[0].id }]));
  dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());
  $("#combiner-form").addEventListener("submit", (event) => {
    event.preventDefault();
    save();
  });
}

/** Opens on a collection that is there, to change what it is made of, or else on a new one. */
export function open(entry = null) {
  edited = entry;
  steps = entry ? (stepsOf(entry.expression) ?? partsOf(entry)) : begun();
  $("#combiner-head").textContent = t(entry ? "combine.change" : "combine.title");
  $("#combiner-note").hidden = !entry || stepsOf(entry.expression) !== null;
  $("#combiner-name").value = entry?.name ?? "";
  $("#combiner-problem").hidden = true;
  draw();
  dialog.showModal();
}

function begun() {
  const first = store.chosen?.kind === "search" ? store.chosen : store.searches[0];
  const second = store.searches.find(({ id, catalogue }) => id !== first.id && catalogue === first.catalogue);
  return [{ how: "first", id: first.id }, ...(second ? [{ how: "and", id: second.id }] : [])];
}

/** What an expression that this panel cannot show is made of, to begin another one with. */
const partsOf = ({ parts }) => Object.keys(parts).map((id, i) => ({ how: i ? "or" : "first", id }));

const alike = () => store.searches.filter(({ catalogue }) => catalogue === store.find(steps[0].id)?.catalogue);
const others = () => alike().filter(({ id }) => !steps.some((step) => step.id === id));

function change(next) {
  steps = next;
  // Parts of another catalogue than the first cannot be combined with it.
  const known = new Set(alike().map(({ id }) => id));
  steps = steps.filter(({ id }, i) => i === 0 || known.has(id));
  draw();
}

function draw() {
  const focused = dialog.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  $("#combiner-parts").replaceChildren(...steps.map(part));
  if (focused) dialog.querySelector(`[data-key="${focused}"]`)?.focus();
  count();
}

function part(step, i) {
  const choices = i === 0 ? store.searches : alike();
  const picked = h("select", { "data-key": `search${i}`, "aria-label": t("combine.search", { n: i + 1 }) }, choices.map(({ id, name, total }) => h("option", { value: id, selected: id === step.id }, `${name} (${images(total)})`)));
  picked.addEventListener("change", () => change(steps.with(i, { ...step, id: picked.value })));
  if (i === 0) return h("li", {}, h("span", { class: "combiner-how" }, t("combine.first")), picked);
  const words = { and: t("combine.and"), or: t("combine.or"), not: t("combine.not") };
  const how = h("select", { "data-key": `how${i}`, "aria-label": t("combine.how", { n: i + 1 }) }, HOW.map((one) => h("option", { value: one, selected: one === step.how }, words[one])));
  how.addEventListener("change", () => change(steps.with(i, { ...step, how: how.value })));
  const drop = h("button", { type: "button", class: "button small quiet square", "aria-label": t("combine.drop", { n: i + 1 }), title: t("remove"), onclick: () => change(steps.toSpliced(i, 1)) }, icon("close"));
  return h("li", {}, how, picked, drop);
}

async function counted() {
  asked.abort();
  asked = new AbortController();
  const { signal } = asked;
  try {
    const { total } = await store.count(expressionOf(steps), signal);
    $("#combiner-count").textContent = images(total);
    $("#combiner-problem").hidden = true;
  } catch (error) {
    if (!signal.aborted) told(error);
  }
}

async function save() {
  try {
    const [name, expression] = [$("#combiner-name").value, expressionOf(steps)];
    const { id } = edited ? await store.change(edited, { name, expression }) : await store.combine(name, expression);
    dialog.close();
    if (edited) $("#one").focus({ preventScroll: true });
    else made(id);
  } catch (error) {
    told(error);
    if (error.code === "conflict" && edited) await renew();
  }
}

/** Somebody else changed it: what was chosen here stays, and can be saved in place of theirs. */
async function renew() {
  await store.load();
  edited = store.find(edited.id) ?? edited;
  $("#combiner-problem").textContent = t("saved.conflict", { name: edited.name });
}

function told(error) {
  $("#combiner-problem").hidden = false;
  $("#combiner-problem").textContent = error.message;
}
