// Looking closer: one picture large, with what is known of it.

import { api } from "./api.js";
import { app } from "./app.js";
import { addPicture, goOnFrom } from "./changing.js";
import { $, $$, h } from "./dom.js";
import { count, score } from "./format.js";
import { items } from "./items.js";
import { drawStrip } from "./lens-strip.js";
import { RIGHT, WRONG } from "./round.js";
import { stateOf } from "./cell.js";
import { t } from "./words.js";

const WIDTH = 1280;
const LARGEST_SCALE = 4;
const LABELS = { p: RIGHT, n: WRONG, u: null };

export class Lens {
  #ids = null; // a list of its own, or null: the pictures of the grid
  #at = 0;

  constructor(grid) {
    this.grid = grid;
    this.dialog = $("#lens");
    this.image = $("#lens-image");
    this.dialog.addEventListener("keydown", (event) => this.#key(event));
    this.dialog.addEventListener("close", () => this.#ids || grid.focus(this.#at));
    this.dialog.addEventListener("click", (event) => event.target === this.dialog && this.dialog.close());
    $("#lens-close").addEventListener("click", () => this.dialog.close());
    $("#lens-before").addEventListener("click", () => this.#move(-1));
    $("#lens-after").addEventListener("click", () => this.#move(1));
    $("#lens-alike").addEventListener("click", () => this.#alike());
    $("#lens-but").addEventListener("click", () => goOnFrom(this.#hit.id));
    $("#lens-add").addEventListener("click", () => addPicture(this.#hit.id));
    for (const button of $$("#lens-labels button")) {
      button.addEventListener("click", () => this.#mark(LABELS[button.dataset.label]));
    }
    this.image.addEventListener("load", () => this.#drawImage());
    this.image.addEventListener("error", () => (this.dialog.dataset.image = "missing"));
    app.on("labels", () => this.dialog.open && (this.#drawLabel(), this.#drawStrip()));
    items.on("loaded", () => this.dialog.open && this.#drawWords());
  }

  /** Opens on a picture of the grid (its index), or on a list of ids. */
  open(what) {
    this.#ids = Array.isArray(what) ? what : null;
    this.#at = this.#ids ? 0 : what;
    if (!this.dialog.open) this.dialog.showModal();
    this.#draw();
  }

  get #hit() {
    return this.#ids ? { id: this.#ids[this.#at] } : this.grid.hits?.at(this.#at);
  }

  get #total() {
    return this.#ids ? this.#ids.length : (this.grid.hits?.total ?? 0);
  }

  #move(step) {
    return this.#go(this.#at + step);
  }

  async #go(next) {
    if (next < 0 || next >= this.#total) return;
    if (!this.#ids) await this.grid.hits.need(next, next);
    this.#at = next;
    this.#draw();
  }

  #mark(label) {
    if (this.#hit) app.mark([this.#hit.id], label);
  }

  #alike() {
    const { id } = this.#hit;
    this.dialog.close();
    app.search({ text: "", imageId: id, upload: null });
  }

  #draw() {
    const hit = this.#hit;
    if (!hit) return;
    this.dialog.dataset.image = "coming";
    this.image.src = api.image(app.session.catalogue, hit.id, WIDTH);
    items.want([hit.id]);
    $("#lens-place").textContent = t("lens.place", { n: this.#at + 1, of: this.#total });
    $("#lens-before").disabled = this.#at === 0;
    $("#lens-after").disabled = this.#at === this.#total - 1;
    $("#lens-add").hidden = !app.session.query.compose;
    this.#drawWords();
    this.#drawLabel();
    this.#drawStrip();
    this.#explain(hit.id);
  }

  #drawStrip() {
    const idOf = (index) => (this.#ids ? this.#ids[index] : this.grid.hits.at(index)?.id);
    const labelled = (id) => stateOf(app.round?.draft.get(id));
    drawStrip({ at: this.#at, total: this.#total, catalogue: app.session.catalogue, idOf, stateOf: labelled, go: (index) => this.#go(index) });
  }

  async #explain(id) {
    const { explain } = await import("./tools/why-here.js");
    if (this.dialog.open && this.#hit?.id === id) explain(id);
  }

  #drawImage() {
    this.dialog.dataset.image = "there";
    // A small picture blown up over the whole screen shows no more, only less sharply.
    this.image.style.maxWidth = `${this.image.naturalWidth * LARGEST_SCALE}px`;
    this.image.style.maxHeight = `${this.image.naturalHeight * LARGEST_SCALE}px`;
  }

  #drawWords() {
    const hit = this.#hit;
    const item = items.get(hit.id);
    this.image.alt = items.nameOf(hit.id);
    $("#lens-caption").textContent = item?.caption || t("lens.noCaption");
    $("#lens-caption").classList.toggle("none", !item?.caption);
    const facts = [
      [t("lens.score"), hit.score === undefined ? null : score(hit.score)],
      [t("lens.votes"), hit.votes ?? null],
      [t("lens.file"), item?.source],
      [t("lens.size"), item ? `${count(item.width)} × ${count(item.height)}` : null],
      ...Object.entries(item?.metadata ?? {}).map(([name, value]) => [name.replaceAll("_", " "), value]),
    ];
    const shown = facts.filter(([, value]) => value !== null && value !== undefined && value !== "");
    $("#lens-facts").replaceChildren(...shown.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, String(value))]));
  }

  #drawLabel() {
    const state = stateOf(app.round?.draft.get(this.#hit.id));
    this.dialog.dataset.state = state;
    for (const button of $$("#lens-labels button")) {
      button.setAttribute("aria-pressed", stateOf(LABELS[button.dataset.label]) === state);
    }
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const letter = event.key.toLowerCase();
    const onButton = event.target.closest("button") !== null;
    if (event.key === "ArrowLeft" || event.key === "ArrowUp") this.#move(-1);
    else if (event.key === "ArrowRight" || event.key === "ArrowDown") this.#move(1);
    else if (letter in LABELS) this.#mark(LABELS[letter]);
    else if (letter === "z") app.undo();
    else if (letter === "y") app.redo();
    else if (event.key === " " && !onButton) this.dialog.close();
    else return;
    event.preventDefault();
  }
}
