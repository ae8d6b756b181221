// One box behind an answer: a switch, exact counts, a few of its pictures, its ranges and its condition.

import { api, widthFor } from "./api.js";
import { app } from "./app.js";
import { h, icon } from "./dom.js";
import { count, pictures } from "./format.js";

const TOP = 255;
const SAMPLE = 6;
const THUMB = 52;
const FIRST_RANGES = 6;

/** `open`: whether its details are shown; `decide`: whether boxes decide what is accepted. */
export function boxItem(box, i, { open, decide }) {
  const name = `Box ${i + 1}`;
  const on = box.on ?? true;
  const details = h(
    "details",
    { class: "box", open, "data-box": box.id },
    h("summary", { "data-key": `${box.id}?` }, icon("chevron"), h("span", { class: "box-name" }, name), h("span", { class: "box-count" }, count(box.count))),
  );
  const fill = () => details.open && details.children.length === 1 && details.append(...inside(box, name, decide));
  details.addEventListener("toggle", fill);
  fill();
  const toggle = h("input", { type: "checkbox", class: "box-switch", role: "switch", checked: on, "data-key": box.id, "aria-label": `${name}, ${pictures(box.accepted)} of the answer`, title: on ? "Switch this box off" : "Switch this box on" });
  toggle.addEventListener("change", () => {
    const { off } = app.round;
    app.adjust({ off: (toggle.checked ? off.filter((id) => id !== box.id) : [...off, box.id]).sort() });
  });
  return h("li", { class: "box-row", "data-on": String(on) }, details, toggle);
}

function inside(box, name, decide) {
  return [
    h("p", { class: "note" }, words(box, decide)),
    box.accepted ? sample(box, name) : null,
    box.accepted ? h("button", { type: "button", class: "button small", onclick: () => app.filter({ ...app.session.where, "@box": [box.id] }) }, "Show only these") : null,
    ranges(box),
    sqlRow(box.sql),
  ].filter(Boolean);
}

function words({ count: n, accepted, alone, on }, decide) {
  const inside_ = `${pictures(n)} inside, ${accepted === n ? "all" : count(accepted)} in the answer.`;
  if (on === false) return `${inside_} Switched off.`;
  if (!accepted) return inside_;
  const leave = alone ? `${pictures(alone)} would leave` : "nothing would leave";
  return `${inside_} Without it ${leave}${decide ? "" : ": those no other box holds"}.`;
}

/** The best pictures inside a box. */
function sample({ id }, name) {
  const list = h("ul", { class: "box-sample", "aria-label": `Pictures in ${name}` }, Array.from({ length: SAMPLE }, () => h("li", { class: "tile" })));
  const { session, round } = app;
  api.results(session.catalogue, round.response.result_set, 0, SAMPLE, { "@box": [id] }).then(
    ({ hits }) => list.replaceChildren(...hits.map((hit) => h("li", {}, h("img", { class: "tile", alt: "", src: api.image(session.catalogue, hit.id, widthFor(THUMB)) })))),
    () => list.remove(), // the numbers say it without pictures
  );
  return list;
}

function ranges(box) {
  const limited = box.features.map((_, k) => k).filter((k) => box.low[k] > 0 || box.high[k] < TOP); // others say nothing
  const rows = limited.map((k) => rangeRow(box.features[k], box.low[k], box.high[k]));
  const list = h("ul", { class: "ranges" }, rows);
  if (rows.length <= FIRST_RANGES + 2) return list;
  rows.slice(FIRST_RANGES).forEach((row) => (row.hidden = true));
  const more = h("button", { type: "button", class: "button small quiet" }, `All ${count(rows.length)} ranges`);
  more.addEventListener("click", () => {
    rows.forEach((row) => (row.hidden = false));
    more.remove();
  });
  return h("div", {}, list, more);
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

/** "box 1 or box 3" for ids of boxes of an answer. */
export function boxNames(ids, response) {
  const place = (id) => response?.boxes.findIndex((box) => box.id === id) ?? -1;
  return ids.map((id) => (place(id) < 0 ? "one box" : `box ${place(id) + 1}`)).join(" or ");
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
