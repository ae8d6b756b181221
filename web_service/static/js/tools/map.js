// A map of the answer: what looks alike lies together, to be encircled and marked at once; its groups as a list too.

import { api, widthFor } from "../api.js";
import { app } from "../app.js";
import { stateOf } from "../cell.js";
import { connection } from "../connection.js";
import { $, h } from "../dom.js";
import { pictures } from "../format.js";
import { renewed } from "../hits.js";
import { t } from "../words.js";
import { MapCanvas } from "./map-canvas.js";

const SAMPLE = 4;
const THUMB = 44;
let canvas = null;
let parts = null;
let shown = null; // the points that are drawn

/** Draws the map of the answer that is shown; `selection` takes what is encircled, `look` opens pictures. */
export async function openMap({ selection, look }) {
  parts = { selection, look };
  canvas ??= start();
  const { session } = app;
  const { round, where, catalogue } = session;
  const key = `map ${JSON.stringify(where)}`;
  if (!round.looks[key]) {
    shown = null;
    $("#map-words").textContent = t("map.coming");
    $("#map").setAttribute("aria-busy", true);
  }
  try {
    const task = () => api.map(catalogue, round.response.result_set, where);
    round.looks[key] ??= connection.keepTrying(() => renewed(session, [round], task));
    const points = await round.looks[key];
    if (app.round !== round || session.tab !== "map" || shown === points) return;
    show(points);
  } catch (error) {
    delete round.looks[key];
    app.emit("problem", error.message);
  } finally {
    if (app.round === round) $("#map").removeAttribute("aria-busy");
  }
}

function start() {
  const made = new MapCanvas($("#map-canvas"), {
    labelOf: (id) => stateOf(app.round?.draft.get(id)),
    pictureOf: (id, size) => api.image(app.session.catalogue, id, widthFor(size)),
    choose: (ids) => parts.selection.take(ids),
    look: (id) => parts.look([id]),
  });
  const lasso = $("#map-lasso");
  lasso.addEventListener("click", () => {
    made.lasso = !made.lasso;
    lasso.setAttribute("aria-pressed", made.lasso);
    made.canvas.classList.toggle("encircling", made.lasso);
  });
  $("#map-closer").addEventListener("click", () => made.zoom());
  $("#map-farther").addEventListener("click", () => made.zoom(1 / 1.5));
  $("#map-whole").addEventListener("click", () => made.whole());
  app.on("labels", () => made.draw());
  app.on("chosen", (ids) => {
    made.chosen = new Set(ids ?? []);
    for (const row of $("#groups").children) row.firstChild.setAttribute("aria-pressed", false);
    made.draw();
  });
  return made;
}

function show(points) {
  shown = points;
  canvas.show(points, points.grid);
  const { ids, total, group, groups } = points;
  const sampled = ids.length < total;
  $("#map-words").textContent = !total ? t("map.none") : sampled ? t("map.sampled", { n: ids.length, of: total }) : t("map.all", { pictures: pictures(total) });
  $("#groups").replaceChildren(...Array.from({ length: groups }, (_, g) => groupItem(g, ids.filter((_id, i) => group[i] === g))));
}

/** A group as a button: what a lasso does for the hand, it does for the keyboard. */
function groupItem(number, ids) {
  const { catalogue } = app.session;
  const thumbs = ids.slice(0, SAMPLE).map((id) => h("img", { class: "tile", alt: "", loading: "lazy", src: api.image(catalogue, id, widthFor(THUMB)) }));
  const button = h(
    "button",
    { type: "button", class: "group", "aria-pressed": "false", title: t("map.choose") },
    h("span", { class: "group-pictures", "aria-hidden": "true" }, thumbs),
    h("span", { class: "group-words" }, h("b", {}, t("map.group", { n: number + 1 })), h("span", { class: "note" }, pictures(ids.length))),
  );
  button.addEventListener("click", () => {
    const again = button.getAttribute("aria-pressed") === "true";
    parts.selection.take(again ? [] : ids);
    button.setAttribute("aria-pressed", !again);
  });
  const point = (which) => () => {
    canvas.highlit = which;
    canvas.draw();
  };
  for (const type of ["pointerenter", "focus"]) button.addEventListener(type, point(number));
  for (const type of ["pointerleave", "blur"]) button.addEventListener(type, point(null));
  return h("li", {}, button);
}
