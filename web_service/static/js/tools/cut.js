// The cut-off: fewer and surer, or more and less sure; what each choice gives is said before it is made.

import { api } from "../api.js";
import { app } from "../app.js";
import { connection } from "../connection.js";
import { $ } from "../dom.js";
import { images } from "../format.js";
import { renewed } from "../hits.js";
import { t } from "../words.js";

const REST = 250; // ms without a move: arrow keys go step by step, and only the last step is asked for

const slider = $("#cut-slider");
let drawn = null; // {round, cuts} of the steps that the slider stands for, until those of the next answer are here
let moving = 0;
app.on("answer", () => $("#cut").open && !$("#cut").hidden && drawCut());
slider.addEventListener("input", () => say());
slider.addEventListener("change", () => moveSoon());
$("#cut-own").addEventListener("click", () => app.adjust({ cut: null }));

/** Shows where the answer's cut lies among those that can be chosen. */
export async function drawCut() {
  const { session } = app;
  if (!session?.round.response) return;
  const { round } = session;
  $("#cut-own").hidden = round.cut === null;
  if (drawn?.round !== round) {
    drawn = null;
    slider.disabled = true;
    $("#cut-words").textContent = "";
  }
  try {
    const task = () => api.cuts(session.catalogue, round.response.result_set);
    round.cuts ??= await connection.keepTrying(() => renewed(session, [round], task));
  } catch (error) {
    return app.emit("problem", error.message);
  }
  if (app.round !== round || moving) return;
  drawn = { round, cuts: round.cuts };
  const { steps, cut } = round.cuts;
  slider.max = Math.max(0, steps.length - 1);
  slider.disabled = steps.length < 2;
  const here = steps.findIndex((step) => step.cut === cut);
  slider.value = here < 0 ? 0 : here;
  say();
}

function say() {
  const step = drawn?.cuts.steps[slider.value];
  if (!step) return ($("#cut-words").textContent = t("cut.nothing"));
  const total = step.exact ? images(step.total) : t("cut.about", { images: images(step.total) });
  const right = t("cut.right", { percent: Math.round(100 * step.precision) });
  $("#cut-words").textContent = t("cut.words", { total, right });
  slider.setAttribute("aria-valuetext", `${total}, ${right}`);
  return null;
}

function moveSoon() {
  clearTimeout(moving);
  moving = setTimeout(() => {
    moving = 0;
    move();
  }, REST);
}

function move() {
  const step = drawn?.cuts.steps[slider.value];
  if (drawn?.round !== app.round) drawCut();
  else if (step && (app.busy || step.cut !== app.round.cuts?.cut)) app.adjust({ cut: step.cut });
}
