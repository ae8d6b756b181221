// Small helpers to find and make elements.

const SVG = "http://www.w3.org/2000/svg";

export const $ = (selector, root = document) => root.querySelector(selector);
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

/** An element with properties ("class", "on*" listeners, "data-*" and other attributes) and children. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** One of the icons of _icons.html; decoration, so hidden from screen readers. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/** Calls `task` once, `delay` ms after the last call; `.now()` does it at once if one is due, `.cancel()` never. */
export function debounce(task, delay) {
  let timer = null;
  const run = () => {
    clearTimeout(timer);
    timer = null;
    task();
  };
  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(run, delay);
  };
  later.now = () => timer !== null && run();
  later.cancel = () => {
    clearTimeout(timer);
    timer = null;
  };
  return later;
}
