// Showing a part of the answer, by what the catalogue knows of its pictures, with the exact count of every choice.

import { api } from "../api.js";
import { app } from "../app.js";
import { connection } from "../connection.js";
import { $, debounce, h } from "../dom.js";
import { count } from "../format.js";
import { renewed } from "../hits.js";
import { openUnder } from "./popover.js";
import { t } from "../words.js";

const OPEN_AT_FIRST = 2;
const panel = $("#filters");
let asked = new AbortController();
const opened = new Map(); // column -> whether its values are shown
const sought = new Map(); // column -> text that its listed values hold
const drawSoon = debounce(draw, 200); // while a value is being typed

app.on("answer", () => panel.matches(":popover-open") && draw());
app.on("session", () => panel.matches(":popover-open") && app.session === null && panel.hidePopover());
app.on("session", () => sought.clear());

export function openFilters() {
  openUnder(panel, $("#filter-button"));
  return draw();
}

async function draw() {
  const { session } = app;
  const { round, where, catalogue } = session;
  if (!round.response) return;
  asked.abort();
  asked = new AbortController();
  const { signal } = asked;
  panel.setAttribute("aria-busy", true);
  const find = Object.fromEntries([...sought].map(([name, text]) => [name, [text.trim()]]));
  try {
    const task = () => api.facets(catalogue, round.response.result_set, where, find, signal);
    const facets = await connection.keepTrying(() => renewed(session, [round], task), signal);
    if (!signal.aborted) show(facets, where);
  } catch (error) {
    if (!signal.aborted) app.emit("problem", error.message);
  } finally {
    if (!signal.aborted) panel.removeAttribute("aria-busy");
  }
}

function show({ columns, total, of }, where) {
  const before = panel.contains(document.activeElement) ? document.activeElement : null;
  const focused = before?.dataset.key;
  const caret = before?.type === "search" ? [before.selectionStart, before.selectionEnd] : null;
  const none = h("p", { class: "note" }, t("filter.none"));
  const filtered = Object.keys(where).length > 0;
  panel.replaceChildren(
    h(
      "div",
      { class: "sheet-head" },
      h("p", { class: "note" }, filtered ? t("filter.part", { n: total, of }) : t("filter.whole", { n: of })),
      filtered ? h("button", { type: "button", class: "button small quiet", "data-key": "all", onclick: () => app.filter({}) }, t("filter.all")) : null,
    ),
    ...(columns.length ? columns.map((facet, i) => column(facet, where[facet.name] ?? [], i)) : [none]),
  );
  if (focused) (panel.querySelector(`[data-key="${CSS.escape(focused)}"]`) ?? panel.querySelector("summary"))?.focus();
  if (caret && document.activeElement.type === "search") document.activeElement.setSelectionRange(...caret);
}

/** Finds among more values than can be listed. */
function search(name, title) {
  const field = h("input", {
    type: "search", value: sought.get(name) ?? "", "data-key": `${name}/`, maxlength: 100, autocomplete: "off", spellcheck: false,
    placeholder: t("filter.find"), "aria-label": t("filter.findIn", { column: title }),
  });
  field.addEventListener("input", () => {
    if (field.value.trim()) sought.set(name, field.value);
    else sought.delete(name);
    drawSoon();
  });
  return h("p", { class: "facet-find" }, field);
}

function column(facet, chosen, i) {
  const title = facet.name.replaceAll("_", " ");
  const open = opened.get(facet.name) ?? (chosen.length > 0 || i < OPEN_AT_FIRST);
  const details = h(
    "details",
    { class: "facet", open },
    h("summary", { "data-key": `${facet.name}?` }, h("span", {}, title), h("span", { class: "note" }, chosen.length ? t("filter.chosen", { n: chosen.length }) : "")),
    facet.kind === "numbers" ? range(facet, chosen) : [
          facet.more || sought.has(facet.name) ? search(facet.name, title) : null,
          h("ul", {}, facet.values.map((value) => choice(facet, value, chosen))),
        ],
    facet.more ? h("p", { class: "note" }, t("filter.more", { n: facet.more })) : null,
  );
  details.addEventListener("toggle", () => opened.set(facet.name, details.open));
  return details;
}

function choice({ name }, { value, count: n }, chosen) {
  const box = h("input", { type: "checkbox", "data-key": `${name}:${value}`, checked: chosen.includes(value) });
  box.addEventListener("change", () => choose(name, box.checked ? [...chosen, value] : chosen.filter((other) => other !== value)));
  return h("li", {}, h("label", {}, box, h("span", { class: "facet-value" }, value || t("none")), h("span", { class: "facet-count" }, count(n))));
}

function range({ name, low, high }, chosen) {
  const [from = "", to = ""] = (chosen[0] ?? "").split("..");
  const input = (label, value, hint, key) =>
    h("label", {}, label, h("input", { type: "number", step: "any", value, placeholder: hint ?? "", "data-key": `${name}:${key}` }));
  const ends = [input(t("filter.from"), from, low, "from"), input(t("filter.to"), to, high, "to")];
  const fields = ends.map((end) => end.querySelector("input"));
  for (const field of fields) {
    field.addEventListener("change", () => {
      const [a, b] = fields.map((one) => one.value);
      if (a && b && Number(a) > Number(b)) return field.setCustomValidity(t("filter.reversed")), field.reportValidity();
      fields.forEach((one) => one.setCustomValidity(""));
      return choose(name, a || b ? [`${a}..${b}`] : []);
    });
  }
  return h("div", { class: "facet-range" }, ends);
}

function choose(name, values) {
  const where = { ...app.session.where, [name]: values };
  if (!values.length) delete where[name];
  app.filter(where);
}
