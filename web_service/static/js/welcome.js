// The first page: what can be done, examples to click, and the catalogue's pictures.

import { api, widthFor } from "./api.js";
import { app } from "./app.js";
import { $, h } from "./dom.js";
import { ago, pictures } from "./format.js";
import { items } from "./items.js";
import { recentSearches } from "./storage.js";
import { t } from "./words.js";

const MOSAIC = { wide: 72, narrow: 36 };
const STRIP = 4;
const EXAMPLES = 6;
let drawn = null; // name of the catalogue that is drawn

export function startWelcome() {
  app.on("session", draw);
  app.on("catalogue", draw);
  app.on("recovered", () => {
    drawn = null;
    draw();
  });
}

function draw() {
  $("#welcome").hidden = app.session !== null;
  $("#work").hidden = app.session === null;
  if (app.session) return;
  document.title = "CLIP-Branches";
  drawRecent();
  drawBroken();
  if (!app.catalogue || drawn === app.catalogue.name) return;
  drawn = app.catalogue.name;
  drawExamples(app.catalogue);
  drawMosaic(app.catalogue);
  $("#welcome-size").textContent = pictures(app.catalogue.size);
}

function drawBroken() {
  const reasons = Object.entries(app.unavailable).map(([name, reason]) => t("catalogue.broken", { name, reason }));
  $("#broken").hidden = !reasons.length;
  $("#broken").textContent = reasons.join(" ");
}

function drawRecent() {
  const worth = ({ right, wrong, rounds }) => right + wrong + rounds > 0;
  const kept = recentSearches().filter((entry) => worth(entry) && app.catalogueNamed(entry.catalogue)).slice(0, 4);
  $("#recent-section").hidden = !kept.length;
  $("#recent").replaceChildren(
    ...kept.map(({ address, words, right, wrong, rounds, time }) =>
      h(
        "li",
        {},
        h(
          "a",
          { class: "recent", href: address, onclick: (event) => follow(event, address) },
          h("span", { class: "recent-words" }, words),
          h("span", { class: "note" }, [rounds && t("recent.rounds", { n: rounds }), t("recent.right", { n: right }), t("recent.wrong", { n: wrong }), ago(time)].filter(Boolean).join(" · ")),
        ),
      ),
    ),
  );
}

function drawExamples({ name, examples }) {
  const list = $("#examples");
  $("#examples-section").hidden = !examples.length;
  const cards = examples.slice(0, EXAMPLES).map((text) => {
    const address = `?${new URLSearchParams({ catalogue: name, q: text })}`;
    const strip = h("span", { class: "strip" }, Array.from({ length: STRIP }, () => h("span", { class: "tile" })));
    const link = h("a", { class: "example", href: address, onclick: (event) => ask(event, { text }) }, strip, h("span", { class: "example-words" }, text));
    fillStrip(name, text, strip);
    return h("li", {}, link);
  });
  list.replaceChildren(...cards);
}

async function fillStrip(catalogue, text, strip) {
  try {
    const { hits } = await api.search(catalogue, { text, limit: STRIP });
    strip.replaceChildren(...hits.map(({ id }) => tile(catalogue, id, 84)));
  } catch {
    // The words alone say what the example is.
  }
}

/** Pictures from all over the catalogue; each of them is a query too. */
async function drawMosaic({ name, size }) {
  const mosaic = $("#mosaic");
  const wanted = Math.min(matchMedia("(max-width: 600px)").matches ? MOSAIC.narrow : MOSAIC.wide, size);
  mosaic.replaceChildren(...Array.from({ length: wanted }, () => h("li", {}, h("span", { class: "tile" }))));
  items.use(name);
  const ids = [...new Set(Array.from({ length: wanted }, (_, i) => Math.floor(((i + 0.5) * size) / wanted)))];
  let found = [];
  try {
    found = await items.fetch(ids);
  } catch {
    return;
  }
  if (name !== drawn) return;
  mosaic.replaceChildren(
    ...found.map((item) => {
      const address = `?${new URLSearchParams({ catalogue: name, image: item.id })}`;
      const label = t("welcome.withPicture", { name: items.nameOf(item.id) });
      return h("li", {}, h("a", { href: address, "aria-label": label, title: item.caption, onclick: (event) => ask(event, { imageId: item.id }) }, tile(name, item.id, 104)));
    }),
  );
}

function tile(catalogue, id, size) {
  const image = h("img", { class: "tile", src: api.image(catalogue, id, widthFor(size)), alt: "", loading: "lazy", decoding: "async" });
  image.addEventListener("error", () => image.classList.add("missing"));
  return image;
}

function ask(event, { text = "", imageId = null }) {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return; // a new tab, as with any link
  event.preventDefault();
  app.search({ text, imageId, upload: null });
}

function follow(event, address) {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  app.follow(address);
}
