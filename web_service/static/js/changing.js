// "Like this, but ...": a picture as the start of a search that words change, and from there on to the next.

import { app } from "./app.js";
import { UNCHANGED } from "./asked.js";
import { $ } from "./dom.js";

let wanted = null; // whether a click goes on from a picture, where somebody has said so
let asking = false; // whether words are awaited: the bar has been asked for, and was not there before
let bar = null; // tools/compose.js, once it was needed

/** True while a click on a picture makes it the one to go on from: until something is marked, if nobody says otherwise. */
export const goesOn = () => isChanging() && (wanted ?? (app.session.at === 0 && !app.round.draft.size));

const isChanging = () => Boolean(app.session?.query.compose);

export function startChanging() {
  $("#add-but").addEventListener("click", () => changeThis());
  for (const id of ["but", "add"]) $(`#lens-${id}`).addEventListener("click", () => $("#lens").close());
  app.on("session", draw);
  app.on("labels", () => isChanging() && app.emit("goesOn"));
}

/** A search for pictures like `imageId`, to be changed by words; what is shown now becomes a step of its trail. */
export function goOnFrom(imageId) {
  const { session } = app;
  const steps = session ? [...session.query.steps, { ...session.query, steps: [] }] : [];
  const balance = session?.query.compose?.balance ?? UNCHANGED.balance;
  setGoesOn(null);
  asking = !isChanging();
  return app.search({ imageId, compose: { ...UNCHANGED, balance }, steps });
}

/** The search that was asked last, if it is one that words change; else the one that is shown. */
const latest = () => (app.query.compose ? app.query : app.session.query);

/** How the image is changed by what was asked last. */
export const said = () => latest().compose;

/** The search for an image that is shown, to be changed by words. */
function changeThis() {
  const { query, round } = app.session;
  setGoesOn(null);
  asking = true;
  return app.search({ ...query, compose: UNCHANGED }, { labels: round.draft });
}

/** Adds a picture to those that a changed search starts from. */
export function addPicture(id) {
  const { compose, imageId } = latest();
  if (id === imageId || compose.images.some((one) => one.id === id)) return null;
  return change({ images: [...compose.images, { id, weight: 1 }] });
}

/** Asks the changed composition; what is marked comes along. `replace`: not as a step of the browser's history. */
export function change(changes, { replace = false } = {}) {
  const query = latest();
  return app.search({ ...query, compose: { ...query.compose, ...changes } }, { labels: app.round.draft, replace });
}

/** What of the search that was asked last still holds for a query with this image. */
export function keptFor({ imageId, upload }) {
  const { query } = app;
  const same = query && query.imageId === imageId && query.upload === upload;
  return same ? { compose: query.compose, steps: query.steps } : {};
}

export function setGoesOn(on) {
  wanted = on;
  app.emit("goesOn");
}

async function draw() {
  const { session } = app;
  const query = session?.query;
  $("#add-but").hidden = !query || Boolean(query.compose) || (query.imageId === null && !query.upload);
  if (!query?.compose) return void ($("#compose").hidden = true);
  // Shown when it can be used, not before: a form that nobody listens to would leave the page.
  bar ??= await import("./tools/compose.js");
  if (app.session !== session) return;
  $("#compose").hidden = false;
  bar.drawCompose({ focus: asking });
  asking = false;
}
