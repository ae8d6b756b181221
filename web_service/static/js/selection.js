// Which pictures a key or a gesture is about: the selected ones, or else the one in focus.

import { app } from "./app.js";
import { $, h, icon } from "./dom.js";
import { count } from "./format.js";
import { range } from "./grid.js";
import { RIGHT, WRONG } from "./round.js";

export class Selection {
  #anchor = null;

  constructor(grid) {
    this.grid = grid;
    this.bar = $("#selection");
    const button = (name, key, label) => {
      const mark = () => this.mark(label);
      return h("button", { type: "button", class: "button small", onclick: mark }, icon(name), `${key}`);
    };
    this.words = h("span", { class: "selection-count" });
    this.bar.append(
      this.words,
      button("tick", "Right", RIGHT),
      button("cross", "Wrong", WRONG),
      button("clear", "Clear", null),
      h("button", { type: "button", class: "button small quiet", onclick: () => this.clear() }, "Deselect"),
    );
  }

  get indices() {
    return [...this.grid.selection].sort((a, b) => a - b);
  }

  /** Marks the selected pictures, or the one in focus when none is selected. */
  async mark(label) {
    const { grid } = this;
    const indices = grid.selection.size ? this.indices : [grid.active];
    const { round } = app;
    const ids = await grid.idsOf(indices);
    if (round === app.round) app.mark(ids, label);
    if (grid.selection.size) this.clear();
  }

  /** Selects everything between where the range began and `index`. */
  extend(index) {
    this.#anchor ??= this.grid.active;
    this.grid.focus(index);
    this.#select(range(this.#anchor, this.grid.active));
  }

  screen() {
    this.#anchor = null;
    this.#select(this.grid.onScreen());
  }

  clear() {
    this.#anchor = null;
    if (this.grid.selection.size) this.#select([]);
  }

  /** The next range begins where the focus is then. */
  release() {
    this.#anchor = null;
  }

  #select(indices) {
    this.grid.select(indices);
    this.bar.hidden = indices.length === 0;
    this.words.textContent = `${count(indices.length)} selected`;
    if (indices.length) app.emit("say", `${count(indices.length)} selected`);
  }

  /** The bar goes when another answer comes: its pictures are no longer there. */
  reset() {
    this.#anchor = null;
    this.bar.hidden = this.grid.selection.size === 0;
  }
}
