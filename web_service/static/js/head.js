// Above the grid: how many images, what changed, how long it took, and what of it is shown.

import { app } from "./app.js";
import { $, $$ } from "./dom.js";
import { count, images, milliseconds } from "./format.js";

export function startHead() {
  for (const tab of $$("#tabs [role=tab]")) tab.addEventListener("click", () => app.show(tab.dataset.tab));
  $("#tabs").addEventListener("keydown", moveBetweenTabs);
  app.on("answer", drawHead);
  app.on("busy", (what) => {
    $("#progress").hidden = what === null;
    $("#results").setAttribute("aria-busy", what !== null);
  });
}

/** The sentence that says what an answer is. */
export function totalWords(response) {
  if (response.model === "text") return [count(response.total), response.total === 1 ? "image, closest first" : "images, closest first"];
  return [count(response.total), response.total === 1 ? "image the model accepts" : "images the model accepts"];
}

function drawHead() {
  const { session } = app;
  if (!session) return;
  const { round, tab } = session;
  const { response, changes } = round;
  const [number, words] = response ? totalWords(response) : ["", round.number === 0 ? "Searching …" : "One moment …"];
  $("#total-count").textContent = number;
  $("#total-words").textContent = words;
  const known = changes !== null;
  const parent = known ? session.rounds[round.parent] : null;
  $("#came").textContent = known ? `+${count(changes.came_in.total)}` : "";
  $("#went").textContent = known ? `−${count(changes.went_out.total)}` : "";
  $("#since").textContent = known ? `since ${parent.name === "Text" ? "the first answer" : parent.name.toLowerCase()}` : "";
  $("#delta").hidden = !known;
  $("#took").textContent = response ? milliseconds(tookMs(response)) : "";
  $("#tabs").hidden = round.parent === null;
  $("#tab-in .tab-count").textContent = known ? count(changes.came_in.total) : "";
  $("#tab-out .tab-count").textContent = known ? count(changes.went_out.total) : "";
  for (const element of $$("#tabs [role=tab]")) {
    const chosen = element.dataset.tab === tab;
    element.setAttribute("aria-selected", chosen);
    element.tabIndex = chosen ? 0 : -1;
    element.disabled = element.dataset.tab !== "answer" && !known;
  }
  $("#grid").setAttribute("aria-label", { answer: "Answer", in: "Images that came in", out: "Images that went out" }[tab]);
}

/** What the service needed for an answer, in ms: its total, or else the sum of its steps. */
export function tookMs({ timings_ms: steps }) {
  return steps.total ?? Object.values(steps).reduce((sum, ms) => sum + ms, 0);
}

/** The answer in one sentence, for the live region. */
export function spoken(session) {
  const { response, changes } = session.round;
  const since = changes ? ` ${images(changes.came_in.total)} came in, ${count(changes.went_out.total)} went out.` : "";
  return `${session.round.name}: ${totalWords(response).join(" ")}.${since}`;
}

function moveBetweenTabs(event) {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const tabs = $$("#tabs [role=tab]:not(:disabled)");
  const next = tabs[(tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length];
  next?.focus();
  next?.click();
}
