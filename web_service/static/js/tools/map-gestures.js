// What hands do on the map: wheel, drag, pinch, click, a line drawn around, and keys.

const STEP = 1.5; // of a key or a button
const STILL = 4; // px that a click may move
const PAN = 60; // px of an arrow key

/**
 * `map`: {lasso, path, zoom(factor, x, y), pan(dx, dy), whole(), draw(), click(x, y), encircle(path)}; `lasso` is whether
 * a drag encircles instead of moving, `path` the line being drawn, [[x, y], ...] on the canvas, or null.
 */
export function listenToGestures(canvas, map) {
  const fingers = new Map(); // pointer id -> {from, at, moved}

  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };

  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      map.zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015)), ...at(event));
    },
    { passive: false },
  );

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button > 0) return;
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, { from: at(event), at: at(event), moved: false });
    if (fingers.size > 1) {
      map.path = null;
      for (const finger of fingers.values()) finger.moved = true; // two fingers never click
    } else if (map.lasso || event.shiftKey) map.path = [at(event)];
  });

  canvas.addEventListener("pointermove", (event) => {
    const finger = fingers.get(event.pointerId);
    if (!finger) return;
    const [x, y] = at(event);
    const [bx, by] = finger.at;
    finger.moved ||= Math.hypot(x - finger.from[0], y - finger.from[1]) > STILL;
    if (fingers.size === 2) {
      const [other] = [...fingers.entries()].filter(([id]) => id !== event.pointerId).map(([, one]) => one.at);
      const [before, now] = [Math.hypot(bx - other[0], by - other[1]), Math.hypot(x - other[0], y - other[1])];
      if (before > 1) map.zoom(now / before, (x + other[0]) / 2, (y + other[1]) / 2);
    } else if (map.path) {
      map.path.push([x, y]);
      map.draw();
    } else if (finger.moved) map.pan(bx - x, by - y);
    finger.at = [x, y];
  });

  const up = (event) => {
    const finger = fingers.get(event.pointerId);
    fingers.delete(event.pointerId);
    const { path } = map;
    map.path = null;
    if (!finger || event.type === "pointercancel") return map.draw();
    if (path && finger.moved) return map.encircle(path);
    if (!finger.moved) map.click(...finger.at);
    return map.draw();
  };
  for (const type of ["pointerup", "pointercancel"]) canvas.addEventListener(type, up);

  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const actions = {
      ArrowLeft: () => map.pan(-PAN, 0), ArrowRight: () => map.pan(PAN, 0), ArrowUp: () => map.pan(0, -PAN), ArrowDown: () => map.pan(0, PAN),
      "+": () => map.zoom(STEP), "=": () => map.zoom(STEP), "-": () => map.zoom(1 / STEP), Home: () => map.whole(),
    };
    if (!(event.key in actions)) return;
    event.preventDefault();
    actions[event.key]();
  });
}
