// Which pictures a key or a gesture is about: the selected ones, or else the one in focus.

import { app } from "./app.js";
import { $, h, icon } from "./dom.js";
import { range } from "./grid.js";
import { allIdsOf } from "./hits.js";
import { RIGHT, WRONG } from "./round.js";
import { t } from "./words.js";

/** All indices below a number, as if they were in a Set. */
class Everything {
  constructor(size) {
    this.size = size;
  }

  has(index) {
    return index < this.size;
  }
}

export class Selection {
  given = null; // ids chosen otherwise than in the grid, such as on the map
  #anchor = null;

  constructor(grid) {
    this.grid = grid;
    this.bar = $("#selection");
    const button = (name, key, label) => {
      const mark = () => this.mark(label);
      return h("button", { type: "button", class: "button small", onclick: mark }, icon(name), key);
    };
    this.words = h("span", { class: "selection-count" });
    this.all = h("button", { type: "button", class: "button small quiet", onclick: () => this.everything() });
    this.bar.append(
      this.words,
      this.all,
      button("tick", t("mark.right"), RIGHT),
      button("cross", t("mark.wrong"), WRONG),
      button("clear", t("mark.clear"), null),
      h("button", { type: "button", class: "button small quiet", onclick: () => this.clear() }, t("selection.none")),
    );
  }

  /** Every picture that the grid shows from first to last, looked at or not. */
  everything() {
    const total = this.grid.hits?.total ?? 0;
    if (!total) return;
    this.#anchor = null;
    this.grid.selection = new Everything(total);
    this.grid.refresh();
    this.#drawBar();
  }

  get size() {
    return this.given?.length ?? this.grid.selection.size;
  }

  /** Takes ids that were chosen otherwise; "chosen" is emitted whenever they change. */
  take(ids) {
    this.given = ids.length ? ids : null;
    app.emit("chosen", this.given);
    this.#drawBar();
  }

  async #ids() {
    const { grid } = this;
    if (this.given) return this.given;
    if (grid.selection instanceof Everything) return allIdsOf(app.session);
    return grid.idsOf(grid.selection.size ? [...grid.selection].sort((a, b) => a - b) : [grid.active]);
  }

  /** Marks the selected pictures, or the one in focus when none is selected. */
  async mark(label) {
    const { grid } = this;
    const { round } = app;
    const ids = await this.#ids();
    if (ids && round === app.round) app.mark(ids, label);
    if (this.size) this.clear();
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
    if (this.given) this.take([]);
    if (this.grid.selection.size) this.#select([]);
  }

  /** The next range begins where the focus is then. */
  release() {
    this.#anchor = null;
  }

  #select(indices) {
    this.grid.select(indices);
    this.#drawBar();
  }

  #drawBar() {
    const { size } = this;
    const total = this.given ? 0 : (this.grid.hits?.total ?? 0);
    this.bar.hidden = size === 0;
    this.words.textContent = t(size === total && size > 1 ? "selection.allSelected" : "selection.selected", { n: size });
    this.all.hidden = size >= total;
    this.all.textContent = t("selection.all", { n: total });
    if (size) app.emit("say", this.words.textContent);
  }

  /** The bar goes when another answer comes: its pictures are no longer there. */
  reset() {
    this.#anchor = null;
    this.bar.hidden = this.size === 0;
  }
}
