// What the map looks like: dots, pictures, marks and the line that encircles, on a canvas.

const NAMES = ["ground", "edge", "right", "wrong", "accent", "on-label"];
const STROKES = {
  right: [[[-3, 0], [-0.8, 2.4], [3.2, -2.6]]],
  wrong: [[[-2.8, -2.8], [2.8, 2.8]], [[2.8, -2.8], [-2.8, 2.8]]],
};

export class MapPaint {
  #colours = {};

  constructor(canvas) {
    Object.assign(this, { canvas, context: canvas.getContext("2d") });
  }

  /** Reads the theme's colours as they are now. */
  recolour() {
    const { style } = this.canvas;
    for (const name of NAMES) {
      style.color = `var(--${name})`;
      this.#colours[name] = getComputedStyle(this.canvas).color;
    }
    style.color = "";
  }

  /** An empty sheet; gives its width and height. */
  clear() {
    const ratio = window.devicePixelRatio || 1;
    const size = [this.canvas.width / ratio, this.canvas.height / ratio];
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.context.clearRect(0, 0, ...size);
    return size;
  }

  /** A picture around (x, y); `label`: "right", "wrong" or "none". */
  picture(image, x, y, half, { label, chosen, faint }) {
    const { context } = this;
    const size = 2 * half;
    const side = Math.min(image.naturalWidth, image.naturalHeight);
    const from = [(image.naturalWidth - side) / 2, (image.naturalHeight - side) / 2];
    context.globalAlpha = faint ? 0.25 : 1;
    context.drawImage(image, ...from, side, side, x - half, y - half, size, size);
    context.globalAlpha = 1;
    const colour = chosen ? "accent" : label === "none" ? null : label;
    if (colour) {
      context.lineWidth = 3;
      context.strokeStyle = this.#colours[colour];
      context.strokeRect(x - half + 1.5, y - half + 1.5, size - 3, size - 3);
    }
    if (label !== "none") this.mark(label, x - half + 10, y - half + 10);
  }

  dot(x, y, { chosen }) {
    this.context.fillStyle = this.#colours[chosen ? "accent" : "edge"];
    const half = chosen ? 2.5 : 1.5;
    this.context.fillRect(x - half, y - half, 2 * half, 2 * half);
  }

  /** A round tick or a square cross, as everywhere on the page: the shape says it as well as the colour. */
  mark(label, x, y) {
    const { context } = this;
    context.fillStyle = this.#colours[label];
    context.strokeStyle = this.#colours["on-label"];
    context.lineWidth = 1.6;
    context.beginPath();
    if (label === "right") context.arc(x, y, 7, 0, 7);
    else context.rect(x - 6, y - 6, 12, 12);
    context.fill();
    context.beginPath();
    for (const stroke of STROKES[label]) stroke.forEach(([dx, dy], k) => context[k ? "lineTo" : "moveTo"](x + dx, y + dy));
    context.stroke();
  }

  /** The line around what is being chosen: [[x, y], ...]. */
  path(points) {
    const { context } = this;
    context.beginPath();
    points.forEach(([x, y], k) => context[k ? "lineTo" : "moveTo"](x, y));
    context.closePath();
    context.strokeStyle = this.#colours.accent;
    context.lineWidth = 2;
    context.stroke();
    context.globalAlpha = 0.12;
    context.fillStyle = this.#colours.accent;
    context.fill();
    context.globalAlpha = 1;
  }

  /** Which of [[x, y], ...] lie inside a line: the browser knows. */
  inside(line, places) {
    const shape = new Path2D();
    line.forEach(([x, y], k) => shape[k ? "lineTo" : "moveTo"](x, y));
    shape.closePath();
    this.context.setTransform(1, 0, 0, 1, 0, 0);
    return places.map(([x, y]) => this.context.isPointInPath(shape, x, y, "evenodd"));
  }
}
