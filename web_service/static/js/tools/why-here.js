// Why one picture is in the answer or not: its score beside the cut, its votes, the boxes around it.

import { api } from "../api.js";
import { app } from "../app.js";
import { connection } from "../connection.js";
import { boxNames } from "../boxes.js";
import { $, h } from "../dom.js";
import { score } from "../format.js";
import { renewed } from "../hits.js";
import { t } from "../words.js";

const SOON_MS = 90; // who walks through the pictures with a key held down asks nothing
const section = $("#lens-why");
let asked = new AbortController();
let timer = null;

/** Shows it for a picture as soon as the eye rests on it. */
export function explain(id) {
  const { session, round } = app;
  asked.abort();
  clearTimeout(timer);
  const plain = !round?.response || round.parent === null;
  section.hidden = plain;
  if (plain) return;
  asked = new AbortController();
  const { signal } = asked;
  timer = setTimeout(async () => {
    try {
      const task = () => api.why(session.catalogue, round.response.result_set, id, signal);
      const why = await connection.keepTrying(() => renewed(session, [round], task), signal);
      if (!signal.aborted) show(why, round.response);
    } catch (error) {
      if (!signal.aborted) section.replaceChildren(h("p", { class: "note" }, error.message));
    }
  }, SOON_MS);
}

function show(why, response) {
  const place = why.accepted ? t("why.place", { n: why.rank, of: why.total }) : t("why.notIn");
  section.replaceChildren(...[h("h3", {}, t("why.here")), h("p", {}, place), scale(why, response), votes(why), boxes(why, response)].filter(Boolean));
}

function scale({ score: own, cut }, response) {
  if (cut === null) return null;
  const top = Math.max(response.hits[0]?.score ?? own, own, cut);
  const half = Math.max(top - cut, cut - own, 1e-6);
  const at = (value) => `${50 + (50 * (value - cut)) / half}%`;
  const dot = h("span", { class: "scale-dot" });
  dot.style.insetInlineStart = at(own);
  const words = t(own >= cut ? "why.above" : "why.below", { score: score(own), cut: score(cut) });
  return h("div", { class: "scale" }, h("p", { class: "note" }, words), h("span", { class: "scale-track", "aria-hidden": "true" }, h("span", { class: "scale-cut" }), dot));
}

const votes = ({ votes: n, need, branches }) =>
  n === null || need === null ? null : h("p", { class: "note" }, `${t("why.branches", { n: branches, held: n })} ${t("why.enough", { n: need })}`);

function boxes({ boxes: holders, boxes_decide: decide }, response) {
  if (!holders.length) return h("p", { class: "note" }, decide ? t("why.noBox") : t("why.noneOfBoxes"));
  const known = holders.filter(({ id }) => response.boxes?.some((box) => box.id === id));
  const others = holders.length - known.length;
  const named = known.map(({ id, on }) => `${boxNames([id], response)}${on ? "" : ` ${t("why.off")}`}`);
  const words = [...named, others ? t(named.length ? "why.otherMore" : "why.others", { n: others }) : ""].filter(Boolean);
  return h("p", { class: "note" }, t("why.inside", { boxes: words.join(", ") }));
}
