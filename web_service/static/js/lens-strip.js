// Looking closer: the neighbours of the picture that is shown, each a click away. Keys move without it.

import { api, widthFor } from "./api.js";
import { $, h } from "./dom.js";
import { items } from "./items.js";
import { t } from "./words.js";

const BESIDE = { wide: 4, narrow: 2 }; // on either side
const SIZE = 56;

/**
 * Draws the pictures around number `at` of `total`; `idOf(index)`: the id there, or undefined while not known,
 * `stateOf(id)`: "right", "wrong" or "none", `go(index)`: what a click does.
 */
export function drawStrip({ at, total, catalogue, idOf, stateOf, go }) {
  const beside = matchMedia("(max-width: 720px)").matches ? BESIDE.narrow : BESIDE.wide;
  const first = Math.max(0, Math.min(at - beside, total - 2 * beside - 1));
  const last = Math.min(total - 1, first + 2 * beside);
  const strip = $("#lens-strip");
  const before = new Map([...strip.children].map((one) => [one.dataset.id, one]));
  const shown = [];
  for (let index = first; index <= last; index++) {
    const id = idOf(index);
    if (id === undefined) continue;
    const one = before.get(String(id)) ?? neighbour(catalogue, id);
    const button = one.firstChild;
    button.onclick = () => go(index);
    button.setAttribute("aria-label", t("lens.neighbour", { n: index + 1, name: items.nameOf(id) }));
    button.setAttribute("aria-current", index === at);
    one.dataset.state = stateOf(id);
    shown.push(one);
  }
  strip.hidden = shown.length < 2;
  strip.replaceChildren(...shown);
}

function neighbour(catalogue, id) {
  const image = h("img", { src: api.image(catalogue, id, widthFor(SIZE)), alt: "", draggable: "false" });
  image.addEventListener("error", () => image.classList.add("missing"));
  return h("li", { "data-id": id }, h("button", { type: "button", class: "lens-neighbour", tabindex: -1 }, image));
}
