// Everything that is saved, each with its first pictures.

import { $, h } from "../dom.js";
import { images } from "../format.js";
import { t } from "../words.js";
import { coverOf, store } from "./store.js";
import { askedWords, day, expressionWords } from "./telling.js";

const TILES = 4;

/** Draws the list whenever it changes; `look(id)` is what a click does. */
export function startList(look) {
  store.on("list", () => draw(look));
  store.on("chosen", markChosen);
}

function draw(look) {
  const groups = [
    [t("saved.collections"), store.collections],
    [t("saved.searches"), store.searches],
  ];
  const shown = groups.filter(([, entries]) => entries.length).map(([head, entries]) =>
    h("div", { class: "shelf-group" }, h("h2", {}, head), h("ul", {}, entries.map((entry) => h("li", {}, card(entry, look))))),
  );
  const none = h("div", { class: "shelf-none" }, h("h2", {}, t("saved.none")), h("p", { class: "note" }, t("saved.noneMore")), h("a", { class: "button primary", href: "./" }, t("saved.newSearch")));
  $("#shelf-lists").replaceChildren(...(shown.length ? shown : [none]));
  const perCatalogue = new Map();
  for (const { catalogue } of store.searches) perCatalogue.set(catalogue, (perCatalogue.get(catalogue) ?? 0) + 1);
  $("#combine").hidden = ![...perCatalogue.values()].some((n) => n > 1);
  markChosen();
}

function card(entry, look) {
  const words = entry.kind === "search" ? askedWords(entry.asked) : expressionWords(entry);
  const tiles = coverOf(entry, 160).slice(0, TILES).map((src) => {
    const image = h("img", { class: "tile", src, alt: "", loading: "lazy", decoding: "async" });
    image.addEventListener("error", () => image.classList.add("missing"));
    return image;
  });
  while (tiles.length < TILES) tiles.push(h("span", { class: "tile" }));
  return h(
    "a",
    { class: "card", href: `saved?id=${entry.id}`, "data-id": entry.id, onclick: (event) => clicked(event, entry.id, look) },
    h("span", { class: "card-strip" }, tiles),
    h("span", { class: "card-name" }, entry.name),
    h("span", { class: "note card-words" }, words),
    h("span", { class: "note" }, `${images(entry.total)} · ${day(entry.answered_at ?? entry.created_at)}`),
  );
}

function clicked(event, id, look) {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return; // a new tab, as with any link
  event.preventDefault();
  look(id);
}

function markChosen() {
  for (const link of document.querySelectorAll(".card")) {
    if (link.dataset.id === store.chosen?.id) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}
