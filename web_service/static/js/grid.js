// The grid of pictures: a window of rows over any number of hits, one of them in the tab order.

import { arrived, describeCell, dropCell, failed, fillCell, makeCell, reloadMissing } from "./cell.js";
import { h } from "./dom.js";
import { GAP, measured, usualShape } from "./grid-measure.js";
import { items } from "./items.js";

const OVERSCAN_ROWS = 3;
const SETTLE_MS = 70;

export class Grid {
  hits = null;
  active = 0; // index of the cell in the tab order
  selection = new Set(); // indices
  #rows = new Map(); // row number -> element
  #measure = { columns: 4, cell: 160, height: 160, rowHeight: 168 };
  #shape = 1; // width to height of a cell
  #shapedFor = null; // the catalogue that the shape was chosen for
  #frame = null;
  #settled = null;
  #unsubscribe = [];

  /** `labelOf(id)`: the label shown on a picture; `catalogue()`: whose pictures they are. */
  constructor(scroller, root, { labelOf, catalogue }) {
    Object.assign(this, { scroller, root, labelOf, catalogue, size: 1, captions: false });
    scroller.addEventListener("scroll", () => this.#soon(), { passive: true });
    new ResizeObserver(() => this.layout()).observe(scroller);
    items.on("loaded", () => this.#shaped() || this.refresh());
    // Both do not bubble, but are heard on their way down.
    root.addEventListener("load", ({ target }) => arrived(target, this.#measure.cell / this.#measure.height), true);
    root.addEventListener("error", ({ target }) => failed(target), true);
    root.addEventListener("focusin", ({ target }) => {
      const cell = target.closest(".cell");
      if (cell) this.#activate(Number(cell.dataset.index));
    });
  }

  get columns() {
    return this.#measure.columns;
  }

  /** Rows that fit the window, at least one. */
  get screenRows() {
    return Math.max(1, Math.floor(this.scroller.clientHeight / this.#measure.rowHeight));
  }

  /** Shows other hits, from `scroll` pixels on. */
  show(hits, scroll = 0) {
    const anew = hits !== this.hits;
    const focused = this.root.contains(document.activeElement);
    if (anew) {
      for (const off of this.#unsubscribe) off();
      this.#unsubscribe = hits ? [hits.on("loaded", () => this.refresh())] : [];
      this.hits = hits;
      this.active = 0;
      this.selection = new Set();
      this.#clear();
      this.layout();
      this.scroller.scrollTop = scroll;
    }
    this.#render();
    // Who works by keyboard goes on in the new answer where it is looked at.
    if (anew && focused && this.hits) this.focus(this.onScreen()[0] ?? 0);
  }

  /** Measures anew and keeps the first picture in sight where it was. */
  layout() {
    const width = this.root.clientWidth;
    if (!width) return;
    const anchor = Math.floor(this.scroller.scrollTop / this.#measure.rowHeight) * this.#measure.columns;
    const before = this.#measure;
    this.#measure = measured(width, { size: this.size, captions: this.captions, shape: this.#shape });
    const { columns, height, rowHeight } = this.#measure;
    const changed = columns !== before.columns || rowHeight !== before.rowHeight;
    const total = this.hits?.total ?? 0;
    this.root.style.height = `${Math.max(0, Math.ceil(total / columns) * rowHeight - GAP)}px`;
    this.root.style.setProperty("--columns", columns);
    this.root.style.setProperty("--cell", `${height}px`);
    this.root.setAttribute("aria-rowcount", Math.ceil(total / columns));
    this.root.setAttribute("aria-colcount", columns);
    if (changed) {
      const focused = this.root.contains(document.activeElement);
      this.#clear();
      if (anchor) this.scroller.scrollTop = Math.floor(anchor / columns) * rowHeight;
      this.#render();
      if (focused) this.focus(this.active);
    } else {
      this.#render();
    }
  }

  /** Brings labels, captions and selection of the rows in the window up to date. */
  refresh() {
    for (const cell of this.#cells()) this.#update(cell);
    this.#wantItems();
  }

  retryMissing() {
    for (const cell of this.#cells()) reloadMissing(cell);
  }

  /** Moves the focus to a picture and brings it into sight. */
  focus(index) {
    if (!this.hits?.total) return;
    const at = Math.min(Math.max(0, index), this.hits.total - 1);
    this.#activate(at);
    const top = Math.floor(at / this.#measure.columns) * this.#measure.rowHeight;
    const { scrollTop, clientHeight } = this.scroller;
    const margin = this.root.offsetTop;
    if (top + margin < scrollTop + margin) this.scroller.scrollTop = top;
    else if (top + this.#measure.rowHeight > scrollTop + clientHeight - margin) {
      this.scroller.scrollTop = top + this.#measure.rowHeight + margin - clientHeight;
    }
    this.#render();
    this.cellAt(at)?.focus({ preventScroll: true });
  }

  cellAt(index) {
    return this.#rows.get(Math.floor(index / this.#measure.columns))?.children[index % this.#measure.columns] ?? null;
  }

  /** Indices of the pictures that are wholly or mostly in sight. */
  onScreen() {
    const { scrollTop, clientHeight } = this.scroller;
    const first = Math.round(scrollTop / this.#measure.rowHeight);
    const last = Math.max(first, Math.round((scrollTop + clientHeight) / this.#measure.rowHeight) - 1);
    const end = Math.min(this.hits?.total ?? 0, (last + 1) * this.#measure.columns);
    return range(first * this.#measure.columns, end - 1);
  }

  select(indices) {
    this.selection = new Set(indices);
    this.refresh();
  }

  /** Ids of some indices, fetched where they have not been looked at yet. */
  async idsOf(indices) {
    if (!indices.length || !this.hits) return [];
    const { hits } = this;
    await hits.need(Math.min(...indices), Math.max(...indices));
    return indices.map((index) => hits.at(index)?.id).filter((id) => id !== undefined);
  }

  /** Gives cells the shape that most pictures of the catalogue have; true if that changed the layout. */
  #shaped() {
    if (!this.hits || this.catalogue() === this.#shapedFor) return false;
    const known = this.#cells().map((cell) => items.get(Number(cell.dataset.id))).filter((item) => item?.width);
    if (!known.length) return false;
    this.#shapedFor = this.catalogue();
    const nearest = usualShape(known);
    if (nearest === this.#shape) return false;
    this.#shape = nearest;
    this.layout();
    return true;
  }

  #cells() {
    return [...this.#rows.values()].flatMap((row) => [...row.children]);
  }

  #activate(index) {
    if (index === this.active) return;
    this.cellAt(this.active)?.setAttribute("tabindex", -1);
    this.active = index;
    this.cellAt(index)?.setAttribute("tabindex", 0);
  }

  #soon() {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = null;
      this.#render();
    });
  }

  #window() {
    const total = this.hits?.total ?? 0;
    const last = Math.ceil(total / this.#measure.columns) - 1;
    const first = Math.floor(this.scroller.scrollTop / this.#measure.rowHeight) - OVERSCAN_ROWS;
    const end = Math.ceil((this.scroller.scrollTop + this.scroller.clientHeight) / this.#measure.rowHeight) + OVERSCAN_ROWS;
    return [Math.max(0, first), Math.min(last, end)];
  }

  #render() {
    const [first, last] = this.#window();
    const kept = Math.floor(this.active / this.#measure.columns);
    const focused = this.root.contains(document.activeElement);
    for (const [number, row] of this.#rows) {
      // The row that holds the focus stays, however far it is scrolled away: the focus must not be lost.
      if ((number < first || number > last) && !(focused && number === kept)) {
        for (const cell of row.children) dropCell(cell);
        row.remove();
        this.#rows.delete(number);
      }
    }
    for (let number = first; number <= last; number++) if (!this.#rows.has(number)) this.#addRow(number);
    clearTimeout(this.#settled);
    if (last < first) return;
    this.#wantItems();
    // While the scroll bar is dragged through thousands of pictures, only where it rests is asked for.
    this.#settled = setTimeout(() => this.hits?.need(first * this.#measure.columns, (last + 1) * this.#measure.columns - 1), SETTLE_MS);
  }

  #addRow(number) {
    const row = h("div", { class: "row", role: "row", "aria-rowindex": number + 1 });
    row.style.transform = `translateY(${number * this.#measure.rowHeight}px)`;
    const end = Math.min((number + 1) * this.#measure.columns, this.hits.total);
    for (let index = number * this.#measure.columns; index < end; index++) {
      const cell = makeCell(index, index % this.#measure.columns);
      if (index === this.active) cell.setAttribute("tabindex", 0);
      this.#update(cell);
      row.append(cell);
    }
    // Rows stand in the document in the order in which they are read.
    const after = [...this.#rows.keys()].filter((other) => other > number);
    this.root.insertBefore(row, after.length ? this.#rows.get(Math.min(...after)) : null);
    this.#rows.set(number, row);
  }

  #update(cell) {
    const index = Number(cell.dataset.index);
    const hit = this.hits?.at(index);
    fillCell(cell, hit, { catalogue: this.catalogue(), size: this.#measure.cell });
    describeCell(cell, hit, hit && this.labelOf(hit.id), this.selection.has(index));
  }

  #wantItems() {
    items.want(this.#cells().filter((cell) => cell.dataset.id).map((cell) => Number(cell.dataset.id)));
  }

  #clear() {
    for (const cell of this.#cells()) dropCell(cell);
    this.#rows.clear();
    this.root.replaceChildren();
  }
}

/** Whole numbers from one to another, both included, in either order. */
export function range(from, to) {
  const [low, high] = from <= to ? [from, to] : [to, from];
  return Array.from({ length: high - low + 1 }, (_, i) => low + i);
}
