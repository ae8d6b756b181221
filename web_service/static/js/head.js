// Above the grid: how many images, what changed, how long it took, and what of it is shown.

import { app } from "./app.js";
import { boxNames } from "./boxes.js";
import { $, $$ } from "./dom.js";
import { count, images, milliseconds } from "./format.js";
import { roundName } from "./rounds.js";
import { LOOKS } from "./session.js";
import { t } from "./words.js";

const GRIDS = { answer: t("grid.answer"), in: t("grid.in"), out: t("grid.out"), next: t("grid.next"), check: t("grid.check") };

export function startHead() {
  for (const tab of $$("#tabs [role=tab]")) tab.addEventListener("click", () => app.show(tab.dataset.tab));
  $("#tabs").addEventListener("keydown", moveBetweenTabs);
  $("#shown-all").addEventListener("click", () => app.filter({}));
  $("#keep").addEventListener("click", async () => {
    const { openKeep } = await import("./tools/keep.js");
    if (app.round?.response) openKeep();
  });
  $("#order").addEventListener("change", ({ target }) => app.orderBy(target.value));
  $("#check-start").addEventListener("click", () => app.show("check"));
  app.on("answer", drawHead);
  app.on("boxes", () => drawShown(app.session));
  app.on("busy", (what) => {
    $("#progress").hidden = what === null;
    $("#results").setAttribute("aria-busy", what !== null);
  });
}

/** The sentence that says what an answer is. */
export function totalWords(response, order = "best") {
  const text = order === "alike" ? "total.alike" : "total.text";
  return [count(response.total), t(response.model === "text" ? text : "total.model", { n: response.total })];
}

function drawHead() {
  const { session } = app;
  if (!session) return;
  const { round, tab } = session;
  const { response, changes } = round;
  const [number, words] = response ? totalWords(response, session.order) : ["", round.number === 0 ? t("total.searching") : t("total.moment")];
  $("#total-count").textContent = number;
  $("#total-words").textContent = words;
  const known = changes !== null;
  const parent = known ? session.rounds[round.parent] : null;
  $("#came").textContent = known ? `+${count(changes.came_in.total)}` : "";
  $("#went").textContent = known ? `−${count(changes.went_out.total)}` : "";
  $("#since").textContent = known ? (parent.number ? t("total.since", { n: parent.number }) : t("total.sinceFirst")) : "";
  $("#delta").hidden = !known;
  $("#took").textContent = response ? milliseconds(tookMs(response)) : "";
  drawShown(session);
  $("#keep").disabled = !response;
  $("#tabs").hidden = !response;
  for (const name of ["in", "out", "next", "check"]) $(`#tab-${name}`).hidden = round.parent === null;
  for (const element of $$("#captions, .size")) element.classList.toggle("gone", LOOKS.includes(tab));
  $("#order-label").hidden = tab !== "answer";
  $("#order").value = session.order;
  $("#check").hidden = round.parent === null || !response;
  $("#check-start").hidden = tab === "check";
  $("#tab-in .tab-count").textContent = known ? count(changes.came_in.total) : "";
  $("#tab-out .tab-count").textContent = known ? count(changes.went_out.total) : "";
  for (const element of $$("#tabs [role=tab]")) {
    const chosen = element.dataset.tab === tab;
    element.setAttribute("aria-selected", chosen);
    element.tabIndex = chosen ? 0 : -1;
    element.disabled = ["in", "out"].includes(element.dataset.tab) && !known;
  }
  if (GRIDS[tab]) $("#grid").setAttribute("aria-label", GRIDS[tab]);
}

/** How much of the answer is shown, and why not all of it: never silently. */
function drawShown({ filtered, where, round, tab }) {
  const part = round.part?.hits;
  $("#shown").hidden = !filtered || (tab !== "answer" && !LOOKS.includes(tab)) || !round.response || !part;
  if ($("#shown").hidden) return;
  const why = Object.entries(where).map(([column, values]) => column === "@box" ? t("shown.in", { boxes: boxNames(values, round.response) }) : `${column.replaceAll("_", " ")} = ${values.map((value) => value || t("none")).join(t("or"))}`);
  $("#shown-words").textContent = t("shown.part", { n: part.total, of: round.response.total, why: why.join(", ") });
}

/** What the service needed for an answer, in ms: its total, or else the sum of its steps. */
export function tookMs({ timings_ms: steps }) {
  return steps.total ?? Object.values(steps).reduce((sum, ms) => sum + ms, 0);
}

/** The answer in one sentence, for the live region. */
export function spoken(session) {
  const { response, changes } = session.round;
  const since = changes ? ` ${t("total.changes", { images: images(changes.came_in.total), out: changes.went_out.total })}` : "";
  return `${roundName(session, session.round)}: ${totalWords(response).join(" ")}.${since}`;
}

function moveBetweenTabs(event) {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const tabs = $$("#tabs [role=tab]:not(:disabled, [hidden])");
  const next = tabs[(tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length];
  next?.focus();
  next?.click();
}
