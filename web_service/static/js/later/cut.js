// The cut-off: fewer and surer, or more and less sure; what each choice gives is said before it is made.

import { api } from "../api.js";
import { app } from "../app.js";
import { connection } from "../connection.js";
import { $ } from "../dom.js";
import { images } from "../format.js";
import { renewed } from "../hits.js";

const slider = $("#cut-slider");
app.on("answer", () => $("#cut").open && !$("#cut").hidden && drawCut());
slider.addEventListener("input", () => say(app.round?.cuts));
slider.addEventListener("change", () => move(app.round?.cuts));
$("#cut-own").addEventListener("click", () => app.adjust({ cut: null }));

/** Shows where the answer's cut lies among those that can be chosen. */
export async function drawCut() {
  const { session } = app;
  const { round } = session;
  if (!round.response) return;
  $("#cut-own").hidden = round.cut === null;
  try {
    const task = () => api.cuts(session.catalogue, round.response.result_set);
    round.cuts ??= await connection.keepTrying(() => renewed(session, [round], task));
  } catch (error) {
    return app.emit("problem", error.message);
  }
  if (app.round !== round) return;
  const { steps, cut } = round.cuts;
  slider.max = Math.max(0, steps.length - 1);
  slider.disabled = steps.length < 2;
  const here = steps.findIndex((step) => step.cut === cut);
  slider.value = here < 0 ? 0 : here;
  say(round.cuts);
}

function say(cuts) {
  const step = cuts?.steps[slider.value];
  if (!step) return ($("#cut-words").textContent = "Nothing is accepted, so there is nothing to cut.");
  const total = `${step.exact ? "" : "about "}${images(step.total)}`;
  const right = `about ${Math.round(100 * step.precision)} % right`;
  $("#cut-words").textContent = `${total}, ${right} by the model's own estimate.`;
  slider.setAttribute("aria-valuetext", `${total}, ${right}`);
  return null;
}

function move(cuts) {
  const step = cuts?.steps[slider.value];
  if (step && step.cut !== cuts.cut) app.adjust({ cut: step.cut });
}
