// The map: which part of it is in sight, which points are pictures there and which dots, and what is under a click.

import { listenToGestures } from "./map-gestures.js";
import { MapPaint } from "./map-paint.js";

const CLOSEST = 40; // times the scale at which the whole map fits
const STEP = 1.5; // of a button
const NEAR = 14; // px within which a click means a point
const REST_MS = 120;
const AROUND = [-1, 0, 1].flatMap((a) => [-1, 0, 1].map((b) => [a, b]));
const PICTURES = { least: 40, most: 104, kept: 1500 };

export class MapCanvas {
  points = null; // {ids, x, y, group}
  lasso = false; // whether a drag encircles instead of moving
  path = null; // [[x, y], ...] of the line being drawn
  highlit = null; // the group that is pointed at
  chosen = new Set(); // ids
  #view = { scale: 1, x: 0, y: 0 }; // screen = (point - (x, y)) * scale
  #fit = 1;
  #frame = null;
  #resting = null;
  #drawn = []; // [index, x, y, half] of the pictures last drawn
  #images = new Map();
  #awaited = 0; // pictures that are on their way

  /** `labelOf(id)`: "right", "wrong" or "none"; `pictureOf(id, size)`: an address; `choose(ids)`; `look(id)`. */
  constructor(canvas, parts) {
    Object.assign(this, { canvas, paint: new MapPaint(canvas), ...parts });
    new ResizeObserver(() => this.#resized()).observe(canvas);
    new MutationObserver(() => this.recolour()).observe(document.documentElement, { attributeFilter: ["data-theme"] });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.recolour());
    listenToGestures(canvas, this);
  }

  show(points, grid) {
    Object.assign(this, { points, grid });
    this.#images.clear();
    this.recolour();
    this.#resized();
    this.whole();
  }

  whole() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width || !this.points) return;
    this.#fit = (0.9 * Math.min(width, height)) / this.grid;
    this.#view = { scale: this.#fit, x: this.grid / 2 - width / 2 / this.#fit, y: this.grid / 2 - height / 2 / this.#fit };
    this.draw();
  }

  /** Closer by a factor; the point at (x, y) of the canvas, its middle by default, stays where it is. */
  zoom(factor = STEP, x = this.canvas.clientWidth / 2, y = this.canvas.clientHeight / 2) {
    const { scale } = this.#view;
    const next = Math.min(CLOSEST, Math.max(0.5, (scale * factor) / this.#fit)) * this.#fit;
    this.#view = { scale: next, x: this.#view.x + x / scale - x / next, y: this.#view.y + y / scale - y / next };
    this.draw();
  }

  pan(dx, dy) {
    this.#view.x += dx / this.#view.scale;
    this.#view.y += dy / this.#view.scale;
    this.draw();
  }

  draw() {
    this.canvas.dataset.drawn = "false";
    clearTimeout(this.#resting);
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = null;
      this.#paint();
      this.#resting = setTimeout(() => this.#load(), REST_MS);
    });
  }

  recolour() {
    this.paint.recolour();
    this.draw();
  }

  /** Looks closer at the picture at a place, or at the point nearest to it; nothing there: nothing is chosen any more. */
  click(x, y) {
    const on = this.#drawn.findLast(([, px, py, half]) => Math.abs(px - x) <= half && Math.abs(py - y) <= half);
    if (on) return this.look(this.points.ids[on[0]]);
    const near = this.#inSight(this.canvas.clientWidth, this.canvas.clientHeight)
      .map(([i, px, py]) => [i, Math.hypot(px - x, py - y)])
      .filter(([, distance]) => distance < NEAR)
      .sort((a, b) => a[1] - b[1])[0];
    return near ? this.look(this.points.ids[near[0]]) : this.choose([]);
  }

  /** Chooses what lies inside a line on the canvas. */
  encircle(path) {
    const places = this.#inSight(this.canvas.clientWidth, this.canvas.clientHeight);
    const inside = this.paint.inside(path, places.map(([, x, y]) => [x, y]));
    this.choose(places.filter((_place, k) => inside[k]).map(([i]) => this.points.ids[i]));
  }

  #resized() {
    const { canvas } = this;
    const ratio = window.devicePixelRatio || 1;
    const size = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
    if (!size[0] || (canvas.width === size[0] && canvas.height === size[1])) return;
    [canvas.width, canvas.height] = size;
    if (this.points) this.whole();
  }

  get #pictureSize() {
    return Math.min(PICTURES.most, PICTURES.least * Math.sqrt(Math.max(1, this.#view.scale / this.#fit)));
  }

  #paint() {
    if (!this.points) return;
    const [pictures, dots] = this.#parted(this.#inSight(...this.paint.clear()));
    const { ids, group } = this.points;
    const marked = [];
    for (const place of dots) {
      const [i, x, y] = place;
      if (this.labelOf(ids[i]) !== "none") marked.push(place);
      else this.paint.dot(x, y, { chosen: this.chosen.has(ids[i]) || group[i] === this.highlit });
    }
    for (const [i, x, y] of marked) this.paint.mark(this.labelOf(ids[i]), x, y);
    for (const [i, ...place] of pictures) {
      const faint = this.highlit !== null && group[i] !== this.highlit;
      this.paint.picture(this.#images.get(ids[i]), ...place, { label: this.labelOf(ids[i]), chosen: this.chosen.has(ids[i]), faint });
    }
    if (this.path) this.paint.path(this.path);
  }

  /** [index, x, y] on the canvas of every point in sight, best first. */
  #inSight(width, height) {
    const { x, y } = this.points;
    const { scale, x: left, y: top } = this.#view;
    const margin = this.#pictureSize;
    const found = [];
    for (let i = 0; i < x.length; i++) {
      const [px, py] = [(x[i] - left) * scale, (y[i] - top) * scale];
      if (px > -margin && py > -margin && px < width + margin && py < height + margin) found.push([i, px, py]);
    }
    return found;
  }

  /** [pictures, dots]: a picture wherever there is room for one, the best first; the other points are dots. */
  #parted(places) {
    const size = this.#pictureSize + 4;
    const taken = new Map(); // cell -> [x, y] of the one picture that can begin in it
    const dots = [];
    this.#drawn = [];
    for (const place of places) {
      const [i, x, y] = place;
      const [column, row] = [Math.floor(x / size), Math.floor(y / size)];
      const covered = AROUND.some(([a, b]) => {
        const other = taken.get((column + a) * 10007 + row + b);
        return other && Math.abs(other[0] - x) < size && Math.abs(other[1] - y) < size;
      });
      if (covered) {
        dots.push(place);
        continue;
      }
      taken.set(column * 10007 + row, [x, y]);
      this.#drawn.push([i, x, y, this.#pictureSize / 2]);
      if (!this.#ready(this.points.ids[i])) dots.push(place);
    }
    return [this.#drawn.filter(([i]) => this.#ready(this.points.ids[i])), dots];
  }

  #ready(id) {
    return Boolean(this.#images.get(id)?.naturalWidth);
  }

  /** Asks for the pictures of what is in sight, once it rests; with the last of them the map is drawn. */
  #load() {
    const size = this.#pictureSize;
    for (const [i] of this.#drawn) {
      const id = this.points.ids[i];
      if (this.#images.has(id)) continue;
      const image = new Image();
      image.decoding = "async";
      this.#awaited++;
      for (const end of ["load", "error"]) image.addEventListener(end, () => (this.#awaited--, this.draw()));
      image.src = this.pictureOf(id, size);
      this.#images.set(id, image);
    }
    for (const id of this.#images.keys()) if (this.#images.size > PICTURES.kept) this.#images.delete(id);
    this.canvas.dataset.drawn = String(!this.#awaited);
  }
}
