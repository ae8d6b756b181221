// The quiet bars above the grid: a service that is away, a mistake, labels on the wrong side, labels of another day.

import { app } from "./app.js";
import { connection } from "./connection.js";
import { $, h } from "./dom.js";
import { ago, pictures } from "./format.js";
import { t } from "./words.js";

export function startNotices(look) {
  connection.on("change", drawConnection);
  connection.on("probe", () => ($("#connection-when").textContent = t("away.trying")));
  setInterval(drawCountdown, 500);
  $("#connection-now").addEventListener("click", () => connection.tryNow());
  $("#problem-close").addEventListener("click", () => drawProblem(null));
  app.on("problem", drawProblem);
  app.on("told", drawTold);
  $("#told-close").addEventListener("click", () => drawTold(null));
  app.on("notice", ({ kind, before }) => (kind === "resume" ? drawResume(before) : drawShared()));
  app.on("session", () => ($("#resume").replaceChildren(), drawTold(null)));
  app.on("answer", () => drawMisplaced(look));
  app.on("session", () => drawMisplaced(look));
}

function drawConnection() {
  const { down } = connection;
  $("#connection").hidden = !down;
  if (down) {
    $("#connection-words").textContent = `${down.message} ${t("away.kept")}`;
    drawCountdown();
  } else {
    app.emit("say", t("away.back"));
  }
}

function drawCountdown() {
  if (!connection.down) return;
  const seconds = Math.ceil((connection.down.retryAt - Date.now()) / 1000);
  $("#connection-when").textContent = seconds > 0 ? t("away.again", { n: seconds }) : t("away.trying");
}

function drawProblem(message) {
  $("#problem").hidden = !message;
  $("#problem-words").textContent = message ?? "";
}

function drawTold(message) {
  $("#told").hidden = !message;
  $("#told-words").textContent = message ?? "";
}

function drawResume(before) {
  const bar = $("#resume");
  const drop = () => bar.replaceChildren();
  bar.replaceChildren(
    h(
      "div",
      { class: "notice" },
      h("span", {}, t("resume.marked", { pictures: pictures(before.right + before.wrong), when: ago(before.time) })),
      h("a", { class: "button small", href: before.address, onclick: (event) => (event.preventDefault(), app.follow(before.address)) }, t("resume.on")),
      h("button", { type: "button", class: "button small quiet", onclick: drop }, t("resume.anew")),
    ),
  );
}

function drawShared() {
  const bar = $("#resume");
  const words = t("shared.words");
  const close = h("button", { type: "button", class: "button small quiet", onclick: () => bar.replaceChildren() }, t("ok"));
  bar.replaceChildren(h("div", { class: "notice" }, h("span", {}, words), close));
}

/** A labelled image that the answer puts on the other side: the model disagrees, and says so. */
function drawMisplaced(look) {
  const misplaced = app.round?.response?.misplaced ?? [];
  const bar = $("#misplaced");
  if (!misplaced.length) return bar.replaceChildren();
  const left = misplaced.filter(({ label }) => label === "positive" || label === "right").length;
  const stayed = misplaced.length - left;
  const parts = [
    left && t("misplaced.right", { n: left }),
    stayed && t(left ? "misplaced.wrongToo" : "misplaced.wrong", { n: stayed }),
  ];
  const show = () => look(misplaced.map(({ id }) => id));
  bar.replaceChildren(
    h(
      "div",
      { class: "notice" },
      h("span", {}, `${parts.filter(Boolean).join(", ")}.`),
      h("button", { type: "button", class: "button small", onclick: show }, t("misplaced.look", { n: misplaced.length })),
    ),
  );
}
