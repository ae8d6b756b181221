// The quiet bars above the grid: a service that is away, a mistake, labels on the wrong side, labels of another day.

import { app } from "./app.js";
import { connection } from "./connection.js";
import { $, h } from "./dom.js";
import { ago, count, pictures } from "./format.js";

export function startNotices(look) {
  connection.on("change", drawConnection);
  connection.on("probe", () => ($("#connection-when").textContent = "Trying …"));
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
    $("#connection-words").textContent = `${down.message} Your labels are kept.`;
    drawCountdown();
  } else {
    app.emit("say", "The service answers again.");
  }
}

function drawCountdown() {
  if (!connection.down) return;
  const seconds = Math.ceil((connection.down.retryAt - Date.now()) / 1000);
  $("#connection-when").textContent = seconds > 0 ? `Trying again in ${seconds} s` : "Trying …";
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
      h("span", {}, `You marked ${pictures(before.right + before.wrong)} for this search ${ago(before.time)}.`),
      h("a", { class: "button small", href: before.address, onclick: (event) => (event.preventDefault(), app.follow(before.address)) }, "Go on from there"),
      h("button", { type: "button", class: "button small quiet", onclick: drop }, "Start anew"),
    ),
  );
}

function drawShared() {
  const bar = $("#resume");
  const words = "Opened from a link, with its rounds and labels. What you change stays with you; share your own link to pass it on.";
  const close = h("button", { type: "button", class: "button small quiet", onclick: () => bar.replaceChildren() }, "OK");
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
    left && `${count(left)} marked right ${left === 1 ? "is" : "are"} not in the answer`,
    stayed && `${count(stayed)} marked wrong ${stayed === 1 ? "is" : "are"} still in ${left ? "it" : "the answer"}`,
  ];
  const show = () => look(misplaced.map(({ id }) => id));
  bar.replaceChildren(
    h(
      "div",
      { class: "notice" },
      h("span", {}, `${parts.filter(Boolean).join(", ")}.`),
      h("button", { type: "button", class: "button small", onclick: show }, misplaced.length === 1 ? "Look at it" : "Look at them"),
    ),
  );
}
