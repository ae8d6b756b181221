// The bar of a search that starts from an image and words that change it: what is said, how much each counts, and between
// look and words.

import { api, widthFor } from "../api.js";
import { app } from "../app.js";
import { decodeTerm } from "../asked.js";
import { change, goesOn, said, setGoesOn } from "../changing.js";
import { $, h, icon } from "../dom.js";
import { items } from "../items.js";
import { uploadOf } from "../storage.js";
import { chip, weightButton } from "../scope.js";
import { t } from "../words.js";
import { drawSteps } from "./steps.js";

const MOST = 20; // of each kind, as the service takes
const [LARGE, SMALL] = [56, 40];
const STEPS = 20; // of the slider
const slider = $("#compose-balance");

$("#compose-form").addEventListener("submit", (event) => {
  event.preventDefault();
  add(event.submitter?.id === "compose-less" ? "less" : "texts");
});
slider.addEventListener("input", sayBalance);
slider.addEventListener("change", () => change({ balance: slider.value / STEPS }, { replace: true }));
$("#compose-click").addEventListener("click", () => setGoesOn(!goesOn()));
$("#compose-close").addEventListener("click", close);
app.on("goesOn", drawClick);
items.on("loaded", () => app.session?.query.compose && drawPictures());

/** Draws what the search that is shown says; `focus`: words are awaited. */
export function drawCompose({ focus }) {
  const { compose } = app.session.query;
  drawPictures();
  const list = $("#compose-words");
  const had = list.contains(document.activeElement);
  list.replaceChildren(...words(compose, "texts", ""), ...words(compose, "less", t("compose.less")));
  slider.value = Math.round(compose.balance * STEPS);
  slider.disabled = !compose.texts.length;
  sayBalance();
  drawClick();
  drawSteps();
  $("#compose-text").placeholder = compose.texts.length || compose.less.length ? t("compose.more") : t("compose.example");
  if (focus || had) $("#compose-text").focus({ preventScroll: true });
}

function words(compose, kind, sign) {
  return compose[kind].map((term) => {
    const drop = () => change({ [kind]: said()[kind].filter(({ text }) => text !== term.text) });
    const weigh = (weight) => change({ [kind]: said()[kind].map((one) => (one.text === term.text ? { ...one, weight } : one)) });
    return chip(sign, term.text, { drop, more: weightButton(term, weigh), kind });
  });
}

/** Takes what was typed: several things by commas, -this as what is to be less, and each with its weight as in "red^2". */
function add(kind) {
  const compose = said();
  const lists = { texts: [...compose.texts], less: [...compose.less] };
  for (const part of $("#compose-text").value.split(",")) {
    const minus = part.trim().startsWith("-");
    const list = lists[minus ? "less" : kind];
    const term = decodeTerm(minus ? part.trim().slice(1) : part);
    if (term.text && list.length < MOST && !list.some(({ text }) => text === term.text)) list.push(term);
  }
  $("#compose-text").focus();
  if (lists.texts.length === compose.texts.length && lists.less.length === compose.less.length) return;
  $("#compose-text").value = "";
  change(lists);
}

function drawPictures() {
  const { imageId, upload, compose } = app.session.query;
  const { images } = compose;
  items.want([imageId, ...images.map(({ id }) => id)].filter((id) => id !== null));
  const several = images.length > 0;
  const own = {
    name: upload ? t("search.yourImage") : items.nameOf(imageId),
    source: upload ? uploaded(upload) : api.image(app.session.catalogue, imageId, widthFor(LARGE)),
    more: several ? weightButton({ text: t("compose.reference"), weight: compose.own }, (weight) => change({ own: weight })) : null,
  };
  const others = images.map(({ id, weight }, i) => ({
    name: items.nameOf(id),
    source: api.image(app.session.catalogue, id, widthFor(SMALL)),
    more: weightButton({ text: items.nameOf(id), weight }, (next) => change({ images: images.map((one, k) => (k === i ? { id, weight: next } : one)) })),
    drop: () => change({ images: images.filter((_, k) => k !== i) }),
  }));
  const list = $("#compose-pictures");
  const had = list.contains(document.activeElement);
  list.replaceChildren(...[own, ...others].map(picture));
  if (had) ($("button", list) ?? $("#compose-text")).focus();
}

function picture({ name, source, more, drop }, i) {
  const size = i ? SMALL : LARGE;
  const image = source ? h("img", { src: source, alt: name, title: name, width: size, height: size }) : h("span", { class: "compose-away" }, "?");
  const label = t("scope.remove", { what: name });
  const close = drop ? h("button", { type: "button", class: "chip-drop", "aria-label": label, title: t("remove"), onclick: drop }, icon("close")) : null;
  return h("li", { class: i ? "compose-picture further" : "compose-picture" }, image, more || close ? h("span", { class: "compose-tools" }, more, close) : null);
}

const uploaded = (key) => uploadOf(key) && `data:image/jpeg;base64,${uploadOf(key)}`;

function sayBalance() {
  const share = Math.round((100 * slider.value) / STEPS);
  slider.setAttribute("aria-valuetext", t("compose.balance", { look: 100 - share, words: share }));
}

function drawClick() {
  $("#compose-click").setAttribute("aria-pressed", goesOn());
  document.documentElement.dataset.click = goesOn() ? "go" : "mark";
}

/** The same images without words that change them. */
function close() {
  const { query, round } = app.session;
  app.search({ ...query, compose: null, steps: [] }, { labels: round.draft });
  $("#query").focus();
}
