// One box behind an answer: a switch, exact counts, a few of its pictures, its ranges and its condition.

import { api, widthFor } from "./api.js";
import { app } from "./app.js";
import { h, icon } from "./dom.js";
import { count, pictures } from "./format.js";
import { t } from "./words.js";

const TOP = 255;
const SAMPLE = 6;
const THUMB = 52;
const FIRST_RANGES = 6;

/** `open`: whether its details are shown; `decide`: whether boxes decide what is accepted. */
export function boxItem(box, i, { open, decide }) {
  const name = t("box.name", { n: i + 1 });
  const on = box.on ?? true;
  const details = h(
    "details",
    { class: "box", open, "data-box": box.id },
    h("summary", { "data-key": `${box.id}?` }, icon("chevron"), h("span", { class: "box-name" }, name), h("span", { class: "box-count" }, count(box.count))),
  );
  const fill = () => details.open && details.children.length === 1 && details.append(...inside(box, name, decide));
  details.addEventListener("toggle", fill);
  fill();
  const toggle = h("input", { type: "checkbox", class: "box-switch", role: "switch", checked: on, "data-key": box.id, "aria-label": t("box.switch", { name, pictures: pictures(box.accepted) }), title: on ? t("box.off") : t("box.on") });
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
    box.accepted ? h("button", { type: "button", class: "button small", onclick: () => app.filter({ ...app.session.where, "@box": [box.id] }) }, t("box.only")) : null,
    ranges(box),
    sqlRow(box.sql),
  ].filter(Boolean);
}

function words({ count: n, accepted, alone, on }, decide) {
  const inside_ = t(accepted === n ? "box.insideAll" : "box.inside", { pictures: pictures(n), accepted });
  if (on === false) return `${inside_} ${t("box.isOff")}`;
  if (!accepted) return inside_;
  if (!alone) return `${inside_} ${t(decide ? "box.nothingLeaves" : "box.nothingAlone")}`;
  return `${inside_} ${t(decide ? "box.leave" : "box.alone", { n: alone })}`;
}

/** The best pictures inside a box. */
function sample({ id }, name) {
  const list = h("ul", { class: "box-sample", "aria-label": t("box.pictures", { name }) }, Array.from({ length: SAMPLE }, () => h("li", { class: "tile" })));
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
  const more = h("button", { type: "button", class: "button small quiet" }, t("box.allRanges", { n: rows.length }));
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
  const button = h("button", { type: "button", class: "button small quiet", "aria-label": t("box.copyThis") }, icon("copy"), t("box.copy"));
  button.addEventListener("click", async () => {
    app.emit("say", (await copied(sql)) ? t("box.copied") : t("box.notCopied"));
  });
  return h("div", { class: "sql" }, h("code", { tabindex: 0, "aria-label": t("box.condition") }, sql), button);
}

/** "box 1 or box 3" for ids of boxes of an answer. */
export function boxNames(ids, response) {
  const place = (id) => response?.boxes?.findIndex((box) => box.id === id) ?? -1;
  return ids.map((id) => (place(id) < 0 ? t("box.one") : t("box.nth", { n: place(id) + 1 }))).join(t("or"));
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
