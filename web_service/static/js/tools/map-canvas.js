// The map's drawing and its gestures: points and pictures on a canvas, to be moved, brought closer and encircled.

const CLOSEST = 40; // times the scale at which the whole map fits
const STEP = 1.5; // of a key or a button
const NEAR = 14; // px within which a click means a point
const STILL = 4; // px that a click may move
const REST_MS = 120;
const AROUND = [-1, 0, 1].flatMap((a) => [-1, 0, 1].map((b) => [a, b]));
const PICTURES = { least: 40, most: 104, kept: 1500 };

export class MapCanvas {
  points = null; // {ids, x, y, group}
  lasso = false; // whether a drag encircles instead of moving
  highlit = null; // the group that is pointed at
  chosen = new Set(); // ids
  #view = { scale: 1, x: 0, y: 0 }; // screen = (point - (x, y)) * scale
  #fit = 1;
  #frame = null;
  #resting = null;
  #path = null; // [[x, y], ...] of the lasso being drawn
  #fingers = new Map();
  #drawn = []; // [index, x, y, half] of the pictures last drawn
  #images = new Map();
  #colours = {};

  /** `labelOf(id)`: "right", "wrong" or "none"; `pictureOf(id, size)`: an address; `choose(ids)`; `look(id)`. */
  constructor(canvas, parts) {
    Object.assign(this, { canvas, context: canvas.getContext("2d"), ...parts });
    new ResizeObserver(() => this.#resized()).observe(canvas);
    new MutationObserver(() => this.recolour()).observe(document.documentElement, { attributeFilter: ["data-theme"] });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.recolour());
    canvas.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const type of ["pointerup", "pointercancel"]) canvas.addEventListener(type, (event) => this.#up(event));
    canvas.addEventListener("keydown", (event) => this.#key(event));
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

  draw() {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = null;
      this.#paint();
    });
    clearTimeout(this.#resting);
    this.#resting = setTimeout(() => this.#load(), REST_MS);
  }

  recolour() {
    const { canvas } = this;
    for (const name of ["ground", "edge", "right", "wrong", "accent", "on-label"]) {
      canvas.style.color = `var(--${name})`;
      this.#colours[name] = getComputedStyle(canvas).color;
    }
    canvas.style.color = "";
    this.draw();
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
    const { context, canvas } = this;
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [canvas.width / ratio, canvas.height / ratio];
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const [pictures, dots] = this.#parted(this.#inSight(width, height));
    this.#paintDots(dots);
    for (const picture of pictures) this.#paintPicture(...picture);
    if (this.#path) this.#paintPath();
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

  #paintPicture(i, x, y, half) {
    const { context } = this;
    const size = 2 * half;
    const id = this.points.ids[i];
    const image = this.#images.get(id);
    const side = Math.min(image.naturalWidth, image.naturalHeight);
    const from = [(image.naturalWidth - side) / 2, (image.naturalHeight - side) / 2];
    const label = this.labelOf(id);
    context.globalAlpha = this.highlit === null || this.points.group[i] === this.highlit ? 1 : 0.25;
    context.drawImage(image, ...from, side, side, x - half, y - half, size, size);
    context.globalAlpha = 1;
    const colour = this.chosen.has(id) ? "accent" : label === "none" ? null : label;
    if (colour) {
      context.lineWidth = 3;
      context.strokeStyle = this.#colours[colour];
      context.strokeRect(x - half + 1.5, y - half + 1.5, size - 3, size - 3);
    }
    if (label !== "none") this.#paintMark(label, x - half + 10, y - half + 10);
  }

  #paintDots(places) {
    const { context } = this;
    const marked = [];
    context.fillStyle = this.#colours.edge;
    for (const place of places) {
      const [i, x, y] = place;
      const id = this.points.ids[i];
      if (this.labelOf(id) !== "none") marked.push(place);
      else if (this.chosen.has(id) || this.points.group[i] === this.highlit) {
        context.fillStyle = this.#colours.accent;
        context.fillRect(x - 2.5, y - 2.5, 5, 5);
        context.fillStyle = this.#colours.edge;
      } else context.fillRect(x - 1.5, y - 1.5, 3, 3);
    }
    for (const [i, x, y] of marked) this.#paintMark(this.labelOf(this.points.ids[i]), x, y);
  }

  /** A round tick or a square cross, as everywhere on the page: the shape says it as well as the colour. */
  #paintMark(label, x, y) {
    const { context } = this;
    context.fillStyle = this.#colours[label];
    context.strokeStyle = this.#colours["on-label"];
    context.lineWidth = 1.6;
    context.beginPath();
    if (label === "right") context.arc(x, y, 7, 0, 7);
    else context.rect(x - 6, y - 6, 12, 12);
    context.fill();
    context.beginPath();
    const strokes = label === "right" ? [[-3, 0], [-0.8, 2.4], [3.2, -2.6]] : [[-2.8, -2.8], [2.8, 2.8], null, [2.8, -2.8], [-2.8, 2.8]];
    strokes.forEach((at, k) => at && context[k === 0 || strokes[k - 1] === null ? "moveTo" : "lineTo"](x + at[0], y + at[1]));
    context.stroke();
  }

  #paintPath() {
    const { context } = this;
    context.beginPath();
    this.#path.forEach(([x, y], k) => context[k ? "lineTo" : "moveTo"](x, y));
    context.closePath();
    context.strokeStyle = this.#colours.accent;
    context.lineWidth = 2;
    context.stroke();
    context.globalAlpha = 0.12;
    context.fillStyle = this.#colours.accent;
    context.fill();
    context.globalAlpha = 1;
  }

  /** Asks for the pictures of what is in sight, once it rests. */
  #load() {
    const size = this.#pictureSize;
    for (const [i] of this.#drawn) {
      const id = this.points.ids[i];
      if (this.#images.has(id)) continue;
      const image = new Image();
      image.decoding = "async";
      image.addEventListener("load", () => this.draw());
      image.src = this.pictureOf(id, size);
      this.#images.set(id, image);
    }
    for (const id of this.#images.keys()) if (this.#images.size > PICTURES.kept) this.#images.delete(id);
  }

  #at(event) {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  #wheel(event) {
    event.preventDefault();
    this.zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015)), ...this.#at(event));
  }

  #down(event) {
    if (event.button > 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.#fingers.set(event.pointerId, { from: this.#at(event), at: this.#at(event), moved: false });
    if (this.#fingers.size > 1) this.#path = null;
    else if (this.lasso || event.shiftKey) this.#path = [this.#at(event)];
  }

  #move(event) {
    const finger = this.#fingers.get(event.pointerId);
    if (!finger) return;
    const [x, y] = this.#at(event);
    const [bx, by] = finger.at;
    finger.moved ||= Math.hypot(x - finger.from[0], y - finger.from[1]) > STILL;
    if (this.#fingers.size === 2) {
      const [other] = [...this.#fingers.entries()].filter(([id]) => id !== event.pointerId).map(([, one]) => one.at);
      const [before, now] = [Math.hypot(bx - other[0], by - other[1]), Math.hypot(x - other[0], y - other[1])];
      if (before > 1) this.zoom(now / before, (x + other[0]) / 2, (y + other[1]) / 2);
    } else if (this.#path) {
      this.#path.push([x, y]);
      this.draw();
    } else if (finger.moved) {
      this.#pan(bx - x, by - y);
    }
    finger.at = [x, y];
  }

  #up(event) {
    const finger = this.#fingers.get(event.pointerId);
    this.#fingers.delete(event.pointerId);
    const path = this.#path;
    this.#path = null;
    if (!finger || event.type === "pointercancel") return this.draw();
    if (path && finger.moved) return this.choose(this.#inside(path));
    if (!finger.moved) this.#click(...finger.at);
    return this.draw();
  }

  #pan(dx, dy) {
    this.#view.x += dx / this.#view.scale;
    this.#view.y += dy / this.#view.scale;
    this.draw();
  }

  #click(x, y) {
    const on = this.#drawn.findLast(([, px, py, half]) => Math.abs(px - x) <= half && Math.abs(py - y) <= half);
    if (on) return this.look(this.points.ids[on[0]]);
    const near = this.#inSight(this.canvas.clientWidth, this.canvas.clientHeight)
      .map(([i, px, py]) => [i, Math.hypot(px - x, py - y)])
      .filter(([, distance]) => distance < NEAR)
      .sort((a, b) => a[1] - b[1])[0];
    return near ? this.look(this.points.ids[near[0]]) : this.choose([]);
  }

  /** Ids inside a path on the canvas: the browser knows what is inside. */
  #inside(path) {
    const shape = new Path2D();
    path.forEach(([x, y], k) => shape[k ? "lineTo" : "moveTo"](x, y));
    shape.closePath();
    this.context.setTransform(1, 0, 0, 1, 0, 0);
    return this.#inSight(this.canvas.clientWidth, this.canvas.clientHeight)
      .filter(([, x, y]) => this.context.isPointInPath(shape, x, y, "evenodd"))
      .map(([i]) => this.points.ids[i]);
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const pan = 60;
    const actions = {
      ArrowLeft: () => this.#pan(-pan, 0), ArrowRight: () => this.#pan(pan, 0), ArrowUp: () => this.#pan(0, -pan), ArrowDown: () => this.#pan(0, pan),
      "+": () => this.zoom(), "=": () => this.zoom(), "-": () => this.zoom(1 / STEP), Home: () => this.whole(),
    };
    if (!(event.key in actions)) return;
    event.preventDefault();
    actions[event.key]();
  }
}
