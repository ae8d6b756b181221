// How complete an answer is: a random sample is judged in the order drawn, and the interval follows every mark.

import { api } from "../api.js";
import { app } from "../app.js";
import { connection } from "../connection.js";
import { $, debounce, h } from "../dom.js";
import { pictures } from "../format.js";
import { hitsOf, renewed } from "../hits.js";
import { RIGHT, WRONG } from "../round.js";
import { t } from "../words.js";

const SOON_MS = 120;
const body = $("#check-body");
const ask = debounce(weigh, SOON_MS);
let asked = new AbortController();

/** Follows the marks from now on; `grid` shows the sample. */
export function startCheck(grid) {
  app.on("labels", () => app.session.tab === "check" && ask());
  app.on("answer", draw);
  $("#check-rest").addEventListener("click", () => judgeRest(grid));
  draw();
}

function draw() {
  const { session } = app;
  const checking = session?.tab === "check";
  $("#check-line").hidden = !checking;
  if (!checking) return session && drawVerdict(session.round);
  $("#check-words").textContent = t("check.how");
  $("#check-rest").disabled = !session.round.checkHits; // until there is something to judge
  drawVerdict(session.round);
  return ask();
}

/** The marks of the sample's first pictures, up to the first that has none. */
function judged(round) {
  const found = [];
  for (let i = 0; i < (round.checkHits?.total ?? 0); i++) {
    const label = round.draft.get(round.checkHits.at(i)?.id);
    if (label === undefined) break;
    found.push(label === RIGHT);
  }
  return found;
}

/** Marks what nobody marked, up to the last picture in sight, wrong: from outside an answer most are. */
async function judgeRest(grid) {
  const { round, tab } = app.session;
  if (tab !== "check" || !round.checkHits) return;
  const last = grid.onScreen().at(-1) ?? -1;
  await round.checkHits.need(0, last);
  if (app.round !== round) return;
  const ids = Array.from({ length: last + 1 }, (_, i) => round.checkHits.at(i)?.id);
  app.mark(ids.filter((id) => id !== undefined && !round.draft.has(id)), WRONG);
}

async function weigh() {
  const { session } = app;
  const round = session?.round;
  if (!round?.checkHits || hitsOf(session) !== round.checkHits) return;
  const marks = judged(round);
  const key = marks.map(Number).join("");
  $("#check-count").textContent = t("check.judged", { n: marks.length }) + summary(round.verdict);
  if (round.verdict?.key === key) return;
  asked.abort();
  asked = new AbortController();
  const { signal } = asked;
  try {
    const task = () => api.check(session.catalogue, round.response.result_set, marks, signal);
    const found = await connection.keepTrying(() => renewed(session, [round], task), signal);
    round.verdict = { key, judged: marks.length, ...found };
    if (app.round !== round) return;
    $("#check-count").textContent = t("check.judged", { n: marks.length }) + summary(round.verdict);
    drawVerdict(round);
  } catch (error) {
    if (!signal.aborted) app.emit("problem", error.message);
  }
}

function drawVerdict(round) {
  const { verdict } = round;
  if (!verdict?.judged) return body.replaceChildren(h("p", { class: "note" }, t("check.start")));
  const { recall, precision, missing } = verdict;
  return body.replaceChildren(
    meter(t("check.recall"), recall),
    meter(t("check.precision"), precision),
    h("p", { class: "note" }, `${t("check.missing", { low: Math.ceil(missing.low), pictures: pictures(Math.floor(missing.high)) })} ${from(verdict)}`),
    h("p", { class: "advice", role: "status" }, advice(verdict)),
  );
}

const summary = (verdict) => (verdict?.judged ? `, ${t("check.found", percents(verdict.recall))}` : "");
const percent = (share) => Math.round(100 * share);
const percents = ({ low, high }) => ({ low: percent(low), high: percent(high) });

function meter(name, { low, high, estimate }) {
  const bar = h("span", { class: "meter-bar" });
  bar.style.insetInlineStart = `${100 * low}%`;
  bar.style.inlineSize = `${100 * (high - low)}%`;
  const dot = estimate === null ? null : h("span", { class: "meter-dot" });
  if (dot) dot.style.insetInlineStart = `${100 * estimate}%`;
  return h(
    "div",
    { class: "meter" },
    h("span", {}, name),
    h("b", {}, t("check.interval", percents({ low, high }))),
    h("span", { class: "meter-track", "aria-hidden": "true" }, bar, dot),
  );
}

const from = ({ outside_right: right, outside_judged: n }) => t("check.outside", { n: right, of: n });

function advice({ recall, target, more, outside_right: right, outside_judged: n, missing }) {
  if (recall.low >= target) return t("check.stop", { low: percent(recall.low) });
  if (!n) return t("check.goOn");
  if (right) return t("check.refine", { n: Math.round(missing.estimate) });
  if (more === null) return t("check.tooLarge");
  return t("check.more", { n: Math.ceil(more * 1.5), target: percent(target) });
}
