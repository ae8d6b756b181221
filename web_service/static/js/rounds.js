// The rounds of a search, each a way back to its answer and its labels.

import { app } from "./app.js";
import { $, h } from "./dom.js";
import { count } from "./format.js";
import { t } from "./words.js";

export function startRounds() {
  for (const topic of ["session", "answer", "rounds"]) app.on(topic, drawRounds);
}

/** The first round is named after what was asked with. */
export function roundName(session, round) {
  if (round.number > 0) return t("round.nth", { n: round.number });
  const { text, imageId, upload, compose } = session.query;
  if (compose?.texts.length || compose?.less.length) return t("round.changed");
  if (!upload && imageId === null) return t("round.text");
  return text ? t("round.textAndImage") : t("round.image");
}

function drawRounds() {
  const { session } = app;
  const list = $("#rounds");
  if (!session) return list.replaceChildren();
  const focused = list.contains(document.activeElement);
  list.replaceChildren(...session.rounds.map((round) => roundItem(session, round)));
  const current = $("[aria-current]", list);
  if (focused) current?.focus();
  if (session.rounds.length > 1) current?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function roundItem(session, round) {
  const current = round.number === session.at;
  const { response, changes } = round;
  // A round made from an older one says which: the list alone would not tell.
  const branched = round.parent !== null && round.parent !== round.number - 1;
  const from = branched ? t("round.from", { name: roundName(session, session.rounds[round.parent]) }) : null;
  const delta = changes
    ? h("span", { class: "round-delta" }, h("span", { class: "came" }, `+${count(changes.came_in.total)}`), " ", h("span", { class: "went" }, `−${count(changes.went_out.total)}`))
    : null;
  return h(
    "li",
    {},
    h(
      "button",
      {
        type: "button",
        class: "round",
        "aria-current": current ? "step" : null,
        "data-round": round.number,
        title: round.number < 10 ? t("round.goKey", { n: round.number }) : t("round.go"),
        onclick: () => app.go(round.number),
      },
      h("span", { class: "dot", "aria-hidden": "true" }),
      h("span", { class: "round-name" }, roundName(session, round)),
      h("span", { class: "round-total" }, response ? count(response.total) : "…"),
      delta || from ? h("span", { class: "round-more" }, delta, from ? h("span", { class: "round-from" }, from) : null) : null,
    ),
  );
}
