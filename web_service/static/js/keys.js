// The keyboard: one table for what the keys do and for the help that lists them.

import { app } from "./app.js";
import { addPicture, goOnFrom } from "./changing.js";
import { $ } from "./dom.js";
import { RIGHT, WRONG } from "./round.js";

/** Starts listening; `parts`: {grid, selection, look, help, focusSearch}. */
export function listenToKeys(parts) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || document.querySelector("dialog[open]")) return;
    if (inField(event.target)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const action = find(event, parts);
    if (!action) return;
    event.preventDefault();
    action();
  });
}

const inField = (target) => target.closest("input, textarea, select, [contenteditable]") !== null;
const onControl = (target) => target.closest("button, a, summary, [role=tab]") !== null;

function withActive(grid, action) {
  const hit = grid.hits?.at(grid.active);
  return hit && action(hit.id);
}

function find(event, { grid, selection, look, help, focusSearch }) {
  const { key, shiftKey, target } = event;
  const letter = key.length === 1 ? key.toLowerCase() : key;
  if (event.ctrlKey || event.metaKey) {
    if (letter === "z") return shiftKey ? () => app.redo() : () => app.undo();
    return letter === "y" ? () => app.redo() : null;
  }
  if (event.altKey) return null;
  if (letter === "/") return focusSearch;
  if (letter === "?") return help;
  if (!app.session) return null;
  if (/^[0-9]$/.test(letter)) return app.session.rounds[letter] ? () => app.go(Number(letter)) : null;

  const elsewhere = onControl(target) && !grid.root.contains(target);
  // A mark given while the focus is on a button would fall on a picture that nobody looks at.
  if ("pnu".includes(letter) && (elsewhere || grid.scroller.hidden) && !selection.size) return null;
  if (grid.scroller.hidden && "ab ".includes(letter)) return null;
  const simple = {
    p: () => selection.mark(RIGHT),
    n: () => selection.mark(WRONG),
    u: () => selection.mark(null),
    a: () => (shiftKey ? selection.everything() : selection.screen()),
    b: () => withActive(grid, shiftKey && app.session.query.compose ? addPicture : goOnFrom),
    r: () => app.refine(),
    z: () => (shiftKey ? app.redo() : app.undo()),
    y: () => app.redo(),
    Escape: () => selection.clear(),
  };
  if (simple[letter]) return simple[letter];
  // On a button or a tab these keys have a meaning of their own.
  if (elsewhere) return null;
  if (grid.scroller.hidden) return key === "Enter" ? () => app.refine() : null;
  if (key === "Enter") return () => app.refine();
  if (key === " ") return () => look(grid.active);
  return move(key, shiftKey, grid, selection);
}

function move(key, extend, grid, selection) {
  const screen = grid.screenRows * grid.columns;
  const steps = {
    ArrowLeft: -1,
    ArrowRight: 1,
    ArrowUp: -grid.columns,
    ArrowDown: grid.columns,
    PageUp: -screen,
    PageDown: screen,
    Home: -Infinity,
    End: Infinity,
  };
  if (!(key in steps) || !grid.hits?.total) return null;
  // The first arrow key only shows where the focus is.
  const entering = !grid.root.contains(document.activeElement) && !extend && Number.isFinite(steps[key]);
  const last = grid.hits.total - 1;
  const onScreen = grid.onScreen();
  const first = onScreen.includes(grid.active) ? grid.active : onScreen[0];
  const index = entering ? first : Math.min(last, Math.max(0, grid.active + steps[key]));
  return () => {
    if (extend) return selection.extend(index);
    selection.release();
    if (grid.selection.size) selection.clear();
    return grid.focus(index);
  };
}

/** Opens the list of all keys. */
export function openHelp() {
  $("#keys").showModal();
}
