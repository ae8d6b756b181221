// The saved search or collection that is looked at: what it is, what can be done with it, and its pictures.

import { $, h, icon } from "../dom.js";
import { count, images } from "../format.js";
import { Hits } from "../hits.js";
import { items } from "../items.js";
import { RIGHT, WRONG } from "../round.js";
import { rememberUpload } from "../storage.js";
import { openUnder } from "../tools/popover.js";
import { fileLinks } from "../tools/files.js";
import { t } from "../words.js";
import { store } from "./store.js";
import { askedWords, day, expressionWords, whereWords } from "./telling.js";

const PAGE = 120;
let side = "saved";
let marks = new Map();

export const labelOf = (id) => marks.get(id);

/** Draws what is chosen into `grid`; `doing` runs tasks and says what went wrong; `edit`, `recombine`, `remove`: what buttons do. */
export function startOne({ grid, ...parts }) {
  const { doing } = parts;
  const draw = () => drawOne(parts);
  store.on("chosen", () => {
    side = "saved";
    marks = new Map();
    draw();
    showPictures(grid, doing);
  });
  store.on("marks", () => {
    const { right = [], wrong = [] } = store.chosen ?? {};
    marks = new Map([...right.map((id) => [id, RIGHT]), ...wrong.map((id) => [id, WRONG])]);
    grid.refresh();
  });
  store.on("ran", () => {
    const before = side;
    side = store.ran?.came_in ? "in" : store.ran?.went_out ? "out" : "saved";
    draw();
    if (side !== before || side !== "saved") showPictures(grid, doing);
    $("#live").textContent = ranWords(store.ran);
  });
  addEventListener("saved:side", ({ detail }) => {
    side = detail;
    draw();
    showPictures(grid, doing);
  });
}

function drawOne({ doing, edit, recombine, remove, back }) {
  const entry = store.chosen;
  $("#main").dataset.chosen = Boolean(entry);
  $("#one-head").hidden = !entry;
  if (!entry) return;
  const search = entry.kind === "search";
  const button = (name, words, act, more = {}) => h("button", { type: "button", class: "button small", onclick: act, ...more }, icon(name), h("span", {}, words));
  const files = button("keep", t("saved.file"), () => openFiles(entry, files), { "aria-haspopup": "dialog", "aria-expanded": "false" });
  const copy = button("link", t("saved.link"), () => copyLink(copy));
  $("#one-head").replaceChildren(
    h("a", { class: "one-back button small quiet", href: "saved", onclick: (event) => (event.preventDefault(), back()) }, icon("back"), t("saved.back")),
    h("h1", { class: "one-name" }, entry.name),
    h("p", { class: "one-words" }, search ? askedWords(entry.asked) : expressionWords(entry), search && whereWords(entry.asked) ? h("span", { class: "note" }, ` ${whereWords(entry.asked)}`) : null),
    h("p", { class: "note one-facts" }, facts(entry).join(" · ")),
    ...(entry.notes ? [h("p", { class: "one-notes" }, entry.notes)] : []),
    h(
      "div",
      { class: "one-tools", role: "group", "aria-label": t("saved.tools") },
      search ? h("a", { class: "button small primary", href: entry.address.length > 1 ? `./${entry.address}` : "./", onclick: () => entry.image && keepImage(entry) }, t("saved.open")) : null,
      search ? button("run", t("saved.run"), () => doing(() => store.run(entry))) : null,
      search ? null : button("combine", t("combine.change"), () => recombine(entry)),
      files,
      copy,
      button("edit", t("saved.edit"), () => edit(entry)),
      button("bin", t("saved.delete"), () => remove(entry)),
    ),
    ...(store.ran ? [ran(entry, doing)] : []),
  );
}

function facts(entry) {
  const when = t("saved.on", { date: day(entry.answered_at ?? entry.created_at) });
  const found = [images(entry.total), entry.catalogue, when];
  if (entry.right_marks) found.push(t("saved.marks", { right: entry.right_marks, wrong: entry.wrong_marks }));
  if (entry.used_by?.length) found.push(t("saved.usedBy", { names: entry.used_by.map((text) => t("quoted", { text })).join(", ") }));
  return found;
}

/** What a run found, and the tabs that show it. */
function ran(entry, doing) {
  const { came_in: came, went_out: went, before } = store.ran;
  const changed = came + went > 0;
  const tab = (name, words, n) => h("button", { type: "button", role: "tab", "data-side": name, "aria-selected": String(side === name), "aria-controls": "panel", tabindex: side === name ? 0 : -1, disabled: n === 0 && name !== "saved", onclick: () => show(name) }, words, h("span", { class: "tab-count" }, count(n)));
  const tabs = h("div", { class: "tabs", role: "tablist", "aria-label": t("saved.tabs") }, tab("in", t("saved.tabNew"), came), tab("out", t("saved.tabGone"), went), tab("saved", t("saved.tabSaved"), before));
  tabs.addEventListener("keydown", moveBetween);
  return h(
    "div",
    { class: "ran" },
    h("p", { class: "ran-words" }, ranWords(store.ran)),
    changed ? tabs : null,
    changed ? h("button", { type: "button", class: "button small", onclick: () => doing(() => store.renew(entry)) }, t("saved.keepNew")) : null,
  );
}

function ranWords(found) {
  if (!found) return "";
  const { came_in: came, went_out: went, since, marks_gone: gone } = found;
  const date = day(since);
  const parts = came + went ? [came && t("saved.new", { n: came, date }), went && t("saved.gone", { n: went })].filter(Boolean).join(", ") : t("saved.same", { date });
  return [`${parts}.`, gone ? t("saved.marksGone", { n: gone }) : ""].filter(Boolean).join(" ");
}

const show = (name) => dispatchEvent(new CustomEvent("saved:side", { detail: name }));

function moveBetween(event) {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const tabs = [...event.currentTarget.querySelectorAll("[role=tab]:not(:disabled)")];
  const next = tabs[(tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length];
  show(next.dataset.side);
  document.querySelector(`.ran [data-side="${next.dataset.side}"]`)?.focus();
}

function showPictures(grid, doing) {
  const entry = store.chosen;
  if (!entry) {
    grid.show(new Hits(0, [], async () => []));
    $("#nothing").hidden = true;
    return;
  }
  items.use(entry.catalogue);
  const asked = side;
  doing(async () => {
    const first = await store.page(entry, asked, 0, PAGE);
    if (store.chosen?.id !== entry.id || side !== asked) return;
    $("#nothing").hidden = first.total > 0;
    $("#nothing").textContent = t("saved.empty");
    grid.show(new Hits(first.total, first.hits, async (offset, limit) => (await store.page(entry, asked, offset, limit)).hits));
    grid.refresh();
  });
}

/** The picture that the search began with goes along to the page that opens it. */
function keepImage({ address, image }) {
  const key = new URLSearchParams(address.split("#")[0]).get("upload");
  if (key) rememberUpload(key, image);
}

function openFiles(entry, button) {
  const panel = $("#files");
  panel.replaceChildren(h("h2", {}, images(entry.total)), fileLinks((format) => store.file(entry, format)));
  openUnder(panel, button);
}

async function copyLink(button) {
  const words = button.querySelector("span");
  try {
    await navigator.clipboard.writeText(location.href);
    words.textContent = t("share.copied");
  } catch {
    words.textContent = t("share.byHand"); // without https, or not allowed
  }
  setTimeout(() => (words.textContent = t("saved.link")), 2000);
}
