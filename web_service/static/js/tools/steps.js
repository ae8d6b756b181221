// The trail of a search that goes from picture to picture: each step a way back.

import { api, widthFor } from "../api.js";
import { app } from "../app.js";
import { $, h, icon } from "../dom.js";
import { Session } from "../session.js";
import { uploadOf } from "../storage.js";
import { t } from "../words.js";

const THUMB = 24;

/** Draws the steps that led to the search that is shown, and itself as the last one. */
export function drawSteps() {
  const { session } = app;
  const { query, catalogue } = session;
  const { steps } = query;
  $("#steps").hidden = !steps.length;
  const back = (i) => app.search({ ...steps[i], steps: steps.slice(0, i) });
  $("#steps-list").replaceChildren(
    ...steps.map((step, i) => h("li", {}, h("button", { type: "button", class: "trail-step", onclick: () => back(i), title: t("compose.back") }, content(catalogue, step)))),
    h("li", {}, h("span", { class: "trail-step", "aria-current": "step" }, content(catalogue, query))),
  );
  const list = $("#steps-list");
  list.scrollLeft = list.scrollWidth;
}

function content(catalogue, query) {
  const { imageId, upload, compose } = query;
  const own = upload ? uploadOf(upload) : null;
  const source = upload ? own && `data:image/jpeg;base64,${own}` : imageId === null ? null : api.image(catalogue, imageId, widthFor(THUMB));
  const thumb = source ? h("img", { src: source, alt: "", width: THUMB, height: THUMB }) : icon(imageId === null && !upload ? "search" : "image");
  const said = compose ? [...compose.texts.map(({ text }) => text), ...compose.less.map(({ text }) => `− ${text}`)].join(", ") : "";
  const whole = new Session(catalogue, query).words;
  return [thumb, h("span", { class: "trail-words", "aria-hidden": "true" }, said || (imageId === null && !upload ? whole : t("compose.likeThis"))), h("span", { class: "unseen" }, whole)];
}
