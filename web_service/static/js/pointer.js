// Mouse and touch on the grid. Mouse: a click goes from unmarked to right, to wrong, to unmarked.
// While a search goes on from picture to picture, a click or tap goes on from that one instead.
// Touch: a tap marks right (or unmarks), a double tap marks wrong, a long press looks closer.

import { app } from "./app.js";
import { quickButtons } from "./cell.js";
import { goOnFrom, goesOn } from "./changing.js";
import { RIGHT, WRONG } from "./round.js";

const DOUBLE_TAP_MS = 320;
const LONG_PRESS_MS = 450;
const STILL_PX = 10;

export function listenToPointer(grid, selection, look) {
  let tapped = { id: null, time: 0 };
  let press = null; // {timer, x, y} of the finger that is down
  let handled = false; // the long press was the gesture: the click that ends it is not another one

  const endPress = () => {
    clearTimeout(press?.timer);
    press = null;
  };

  const quick = quickButtons();
  grid.root.addEventListener("pointerover", ({ target, pointerType }) => {
    const cell = pointerType === "mouse" && target.closest(".cell[data-id]");
    if (cell && quick.parentNode !== cell) cell.querySelector(".words").before(quick);
  });

  grid.root.addEventListener("pointerdown", (event) => {
    handled = false;
    const cell = event.target.closest(".cell[data-id]");
    if (event.pointerType === "mouse" || !cell) return;
    const timer = setTimeout(() => {
      handled = true;
      press = null;
      swallowClick();
      look(Number(cell.dataset.index));
    }, LONG_PRESS_MS);
    press = { timer, x: event.clientX, y: event.clientY };
  });
  grid.root.addEventListener("pointermove", (event) => {
    if (press && Math.hypot(event.clientX - press.x, event.clientY - press.y) > STILL_PX) endPress();
  });
  for (const type of ["pointerup", "pointercancel", "pointerleave"]) grid.root.addEventListener(type, endPress);
  grid.root.addEventListener("contextmenu", (event) => (press || handled) && event.preventDefault());
  // Shift and click would select text on the page.
  grid.root.addEventListener("mousedown", (event) => event.shiftKey && event.preventDefault());

  grid.root.addEventListener("click", (event) => {
    const cell = event.target.closest(".cell[data-id]");
    if (!cell || handled) return;
    const [index, id] = [Number(cell.dataset.index), Number(cell.dataset.id)];
    if (event.shiftKey) {
      selection.extend(index);
      return;
    }
    selection.clear();
    grid.focus(index);
    const action = event.target.closest("[data-action]")?.dataset.action;
    if (action === "look") look(index);
    else if (action === "but" || (!action && goesOn())) goOnFrom(id);
    else if (action) toggle(id, action === "right" ? RIGHT : WRONG);
    else if (event.pointerType === "touch" || event.pointerType === "pen") tap(id, event.timeStamp);
    else app.cycle(id);
  });

  /** `now`: when the finger was lifted, which a busy page hears of later. */
  function tap(id, now) {
    const twice = tapped.id === id && now - tapped.time < DOUBLE_TAP_MS;
    tapped = twice ? { id: null, time: 0 } : { id, time: now };
    if (twice) app.mark([id], WRONG, { merge: true });
    else toggle(id, RIGHT);
  }

  function toggle(id, label) {
    app.mark([id], app.round.draft.get(id) === label ? null : label);
  }
}

/** The click that ends a long press falls on whatever has opened under the finger: it is not meant for that. */
function swallowClick() {
  const swallow = (event) => {
    event.preventDefault();
    event.stopPropagation();
  };
  document.addEventListener("click", swallow, { capture: true, once: true });
  document.addEventListener("pointerdown", () => document.removeEventListener("click", swallow, true), { capture: true, once: true });
}
