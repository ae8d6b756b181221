// What to label next: the pictures whose labels teach the model most, each with the reason why.

import { api } from "../api.js";
import { app } from "../app.js";
import { connection } from "../connection.js";
import { $ } from "../dom.js";
import { Hits } from "../hits.js";
import { t } from "../words.js";

const QUEUE = 24;
const REASONS = { unsure: t("next.unsure"), likely: t("next.likely"), unlike: t("next.unlike") };

/** Asks for the queue of a round unless it is there; "answer" is emitted when it is. */
export function loadNext() {
  const { session } = app;
  const { round } = session;
  $("#next-line").hidden = false;
  if (round.suggested || round.suggesting) return;
  const request = { ...session.request(round), limit: QUEUE, exclude: [...round.draft.keys()].filter((id) => !round.labels.has(id)) };
  round.suggesting = connection.keepTrying(() => api.suggest(session.catalogue, request)).then(
    ({ suggestions }) => {
      const hits = suggestions.map(({ id, reason, accepted }) => ({ id, note: REASONS[reason] ?? reason, accepted }));
      round.suggested = new Hits(hits.length, hits, async () => hits);
      round.suggesting = null;
      app.emit("answer");
    },
    (error) => {
      round.suggesting = null;
      app.emit("problem", error.message);
    },
  );
}

$("#next-more").addEventListener("click", () => {
  app.round.suggested = null;
  loadNext();
});
