// The tray: the pictures marked so far, and what can be done with them.

import { api, widthFor } from "./api.js";
import { app } from "./app.js";
import { goesOn } from "./changing.js";
import { $, h, icon } from "./dom.js";
import { count } from "./format.js";
import { items } from "./items.js";
import { RIGHT, WRONG } from "./round.js";
import { t } from "./words.js";

const THUMB = 40;
const SHOWN = 150;

export function startTray() {
  $("#refine").addEventListener("click", () => app.refine());
  $("#undo").addEventListener("click", () => app.undo());
  $("#redo").addEventListener("click", () => app.redo());
  $("#tray-handle").addEventListener("click", () => setOpen($("#tray").dataset.open !== "true"));
  for (const topic of ["session", "answer", "labels", "busy", "goesOn"]) app.on(topic, drawTray);
  items.on("loaded", nameThumbs);
}

function setOpen(open) {
  $("#tray").dataset.open = open;
  $("#tray-handle").setAttribute("aria-expanded", open);
}

function drawTray() {
  const { session, round, busy } = app;
  $("#tray").hidden = !session;
  if (!session) return;
  const [right, wrong] = [round.ids(RIGHT), round.ids(WRONG)];
  drawSide($("#rights"), right, "right");
  drawSide($("#wrongs"), wrong, "wrong");
  $("#right-count").textContent = count(right.length);
  $("#wrong-count").textContent = count(wrong.length);
  $("#undo").disabled = !round.done.length;
  $("#redo").disabled = !round.undone.length;
  const stale = round.changed || (round.number > 0 && session.model !== round.model);
  const refine = $("#refine");
  // aria-disabled keeps it in the tab order: who presses it is told what is missing.
  refine.setAttribute("aria-disabled", !right.length || busy === "refine");
  refine.classList.toggle("primary", stale && right.length > 0);
  $("#refine-words").textContent = busy === "refine" ? t("tray.refining") : t("tray.refine");
  const hint = hintFor({ right, wrong, stale, round, busy });
  $("#hint").textContent = hint;
  $("#hint").hidden = !hint;
}

function hintFor({ right, wrong, stale, round, busy }) {
  if (busy === "refine") return "";
  if (!right.length && !wrong.length) return goesOn() ? t("compose.tray") : t("tray.click");
  if (!right.length) return t("tray.oneRight");
  if (stale) return t("tray.every");
  return round.number > 0 ? t("tray.again") : "";
}

function drawSide(list, ids, state) {
  const shown = new Map([...list.children].map((element) => [Number(element.dataset.id), element]));
  // Newest first: what was just marked is always in sight.
  const wanted = ids.slice(-SHOWN).reverse();
  const focusWasHere = list.contains(document.activeElement);
  list.replaceChildren(...wanted.map((id) => (shown.get(id)?.dataset.state === state && shown.get(id)) || thumb(id, state)));
  if (ids.length > SHOWN) list.append(h("li", { class: "thumb-more" }, `+${count(ids.length - SHOWN)}`));
  if (focusWasHere && !list.contains(document.activeElement)) (list.querySelector("button") ?? $("#undo")).focus();
  items.want(wanted);
}

function thumb(id, state) {
  const image = h("img", { alt: "", src: api.image(app.session.catalogue, id, widthFor(THUMB)), width: THUMB, height: THUMB, draggable: "false" });
  image.addEventListener("error", () => image.classList.add("missing"));
  const button = h("button", { type: "button", class: "thumb", onclick: () => app.mark([id], null) }, image, icon("close"));
  const element = h("li", { "data-id": id, "data-state": state }, button);
  nameThumb(element);
  return element;
}

function nameThumb(element) {
  const name = items.nameOf(Number(element.dataset.id));
  const label = element.dataset.state === "right" ? t("tray.right", { name }) : t("tray.wrong", { name });
  element.firstChild.setAttribute("aria-label", label);
  element.firstChild.title = t("tray.remove");
}

function nameThumbs() {
  for (const element of document.querySelectorAll(".thumbs > li[data-id]")) nameThumb(element);
}
