// The answer in figures: how its scores are spread, and what the catalogue knows of it, beside the catalogue as a whole.

import { api } from "../api.js";
import { app } from "../app.js";
import { connection } from "../connection.js";
import { $, h } from "../dom.js";
import { count, percent, pictures, short } from "../format.js";
import { renewed } from "../hits.js";
import { t } from "../words.js";

const panel = $("#figures");
let shown = null;

export async function openFigures() {
  const { session } = app;
  const { round, where, catalogue } = session;
  const key = `figures ${JSON.stringify(where)}`;
  panel.setAttribute("aria-busy", true);
  try {
    const task = () => api.figures(catalogue, round.response.result_set, where);
    round.looks[key] ??= connection.keepTrying(() => renewed(session, [round], task));
    const figures = await round.looks[key];
    if (app.round !== round || session.tab !== "figures" || shown === figures) return;
    shown = figures;
    show(figures);
  } catch (error) {
    delete round.looks[key];
    app.emit("problem", error.message);
  } finally {
    panel.removeAttribute("aria-busy");
  }
}

function show({ total, of, scores, columns: known }) {
  // What tells the answer from the catalogue most comes first.
  const columns = known.toSorted((a, b) => apart(b, total, of) - apart(a, total, of));
  panel.replaceChildren(
    h("p", { class: "note" }, t("figures.what", { pictures: pictures(total), of })),
    h(
      "div",
      { class: "figures-list" },
      scores.length ? h("section", { class: "figure" }, h("h2", {}, t("figures.scores")), histogram(scores, { name: t("figures.scores"), total })) : null,
      ...columns.map((column) => section(column, total, of)),
    ),
  );
}

const section = (column, total, of) =>
  h(
    "section",
    { class: "figure" },
    h("h2", {}, named(column)),
    column.kind === "numbers" ? histogram(column.bins, { name: named(column), total, of }) : table(column, total, of),
  );

/** How far a column's shares here are from the catalogue's: 0, the same, to 1. */
const apart = ({ values, bins }, total, of) =>
  [...values, ...bins].reduce((sum, one) => sum + Math.abs(one.count / Math.max(1, total) - one.of / Math.max(1, of)) / 2, 0);

const named = ({ name }) => name.replaceAll("_", " ");

/** A bar for each range, its height the share of the answer; a line marks the catalogue's share. */
function histogram(bins, { name, total, of = null }) {
  const share = ({ count: n }) => n / Math.max(1, total);
  const whole = (bin) => (of === null ? 0 : bin.of / Math.max(1, of));
  const most = Math.max(...bins.flatMap((bin) => [share(bin), whole(bin)]), 1e-9);
  const peak = bins.reduce((best, bin) => (bin.count > best.count ? bin : best), bins[0]);
  const range = ({ low, high }) => t("figures.range", { low: short(low), high: short(high) });
  const words = t("figures.spoken", { name, range: range({ low: bins[0].low, high: bins.at(-1).high }), peak: range(peak), n: peak.count });
  const bars = bins.map((bin) => {
    const bar = h("span", { class: "bar" });
    bar.style.blockSize = `${(100 * share(bin)) / most}%`;
    const line = of === null ? null : h("span", { class: "bar-whole" });
    if (line) line.style.insetBlockEnd = `${(100 * whole(bin)) / most}%`;
    return h("span", { class: "bar-place", title: `${range(bin)}: ${pictures(bin.count)}` }, bar, line);
  });
  return h(
    "div",
    {},
    h("div", { class: "histogram", role: "img", "aria-label": words }, bars),
    h("p", { class: "histogram-ends note", "aria-hidden": "true" }, h("span", {}, short(bins[0].low)), h("span", {}, short(bins.at(-1).high))),
  );
}

function table({ name, values, more }, total, of) {
  const most = Math.max(...values.map((value) => value.count / Math.max(1, total)), ...values.map((value) => value.of / Math.max(1, of)), 1e-9);
  const rows = values.map(({ value, count: n, of: all }) => {
    const [here, there] = [n / Math.max(1, total), all / Math.max(1, of)];
    const bar = h("span", { class: "share-bar" });
    bar.style.inlineSize = `${(100 * here) / most}%`;
    const line = h("span", { class: "share-whole" });
    line.style.insetInlineStart = `${(100 * there) / most}%`;
    const pick = h("button", { type: "button", class: "figure-value", title: t("figures.show"), onclick: () => app.filter({ ...app.session.where, [name]: [value] }) }, value || t("none"));
    return h(
      "tr",
      {},
      h("th", { scope: "row" }, pick),
      h("td", { class: "share", "aria-hidden": "true" }, bar, line),
      h("td", {}, count(n)),
      h("td", {}, percent(here)),
      h("td", { class: "note" }, percent(there)),
    );
  });
  const head = [t("figures.value"), null, t("figures.count"), t("figures.here"), t("figures.catalogue")];
  const heads = head.map((words) => (words ? h("th", { scope: "col" }, words) : h("td", { "aria-hidden": "true" })));
  return h("div", {}, h("table", { class: "figure-table" }, h("thead", {}, h("tr", {}, heads)), h("tbody", {}, rows)), more ? h("p", { class: "note" }, t("filter.more", { n: more })) : null);
}
