// How complete an answer is: a random sample is judged in the order drawn, and the interval follows every mark.

import { api } from "../api.js";
import { app } from "../app.js";
import { connection } from "../connection.js";
import { $, debounce, h } from "../dom.js";
import { count, pictures } from "../format.js";
import { hitsOf, renewed } from "../hits.js";
import { RIGHT, WRONG } from "../round.js";

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
  $("#check-words").textContent = "Drawn at random from inside and outside the answer, mixed. Mark each right or wrong, in order.";
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
  const ids = Array.from({ length: last + 1 }, (_, i) => round.checkHits.at(i)?.id);
  app.mark(ids.filter((id) => id !== undefined && !round.draft.has(id)), WRONG);
}

async function weigh() {
  const { session } = app;
  const round = session?.round;
  if (!round?.checkHits || hitsOf(session) !== round.checkHits) return;
  const marks = judged(round);
  const key = marks.map(Number).join("");
  $("#check-count").textContent = `${count(marks.length)} judged${summary(round.verdict)}`;
  if (round.verdict?.key === key) return;
  asked.abort();
  asked = new AbortController();
  const { signal } = asked;
  try {
    const task = () => api.check(session.catalogue, round.response.result_set, marks, signal);
    const found = await connection.keepTrying(() => renewed(session, [round], task), signal);
    round.verdict = { key, judged: marks.length, ...found };
    if (app.round !== round) return;
    $("#check-count").textContent = `${count(marks.length)} judged${summary(round.verdict)}`;
    drawVerdict(round);
  } catch (error) {
    if (!signal.aborted) app.emit("problem", error.message);
  }
}

function drawVerdict(round) {
  const { verdict } = round;
  if (!verdict?.judged) return body.replaceChildren(h("p", { class: "note" }, "Judge a small random sample to learn how much is missing."));
  const { recall, precision, missing } = verdict;
  return body.replaceChildren(
    meter("Found of all there are", recall),
    meter("Right of what is here", precision),
    h("p", { class: "note" }, `Missing: ${count(Math.ceil(missing.low))} to ${pictures(Math.floor(missing.high))}. ${from(verdict)}`),
    h("p", { class: "advice", role: "status" }, advice(verdict)),
  );
}

const summary = (verdict) => (verdict?.judged ? `, found ${percent(verdict.recall.low)} – ${percent(verdict.recall.high)} %` : "");
const percent = (share) => Math.round(100 * share);

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
    h("b", {}, `${percent(low)} – ${percent(high)} %`),
    h("span", { class: "meter-track", "aria-hidden": "true" }, bar, dot),
  );
}

const from = ({ outside_right: right, outside_judged: n }) => `${count(right)} of ${count(n)} drawn from outside ${right === 1 ? "is" : "are"} right.`;

function advice({ recall, target, more, outside_right: right, outside_judged: n, missing }) {
  if (recall.low >= target) return `You can stop: with 95 % confidence at least ${percent(recall.low)} % of all there are is here.`;
  if (!n) return "Go on: nothing from outside the answer has been judged yet.";
  if (right) return `About ${count(Math.round(missing.estimate))} may be missing. Refine with these marks, then check again.`;
  if (more === null) return "Nothing missing was found. In so large a catalogue a sample alone cannot promise more.";
  return `Nothing missing was found yet. Judge about ${count(Math.ceil(more * 1.5))} more to be sure of ${percent(target)} %.`;
}
