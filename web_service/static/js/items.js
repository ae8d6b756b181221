// Captions, sizes and metadata of images, fetched in batches and kept.

import { api } from "./api.js";
import { connection } from "./connection.js";
import { Emitter } from "./emitter.js";
import { t } from "./words.js";

const BATCH = 200;
const KEPT = 20_000;

class Items extends Emitter {
  #catalogue = null;
  #known = new Map(); // id -> item, or null if the catalogue has none
  #wanted = new Set();
  #timer = null;

  use(catalogue) {
    if (catalogue === this.#catalogue) return;
    this.#catalogue = catalogue;
    this.#known.clear();
    this.#wanted.clear();
  }

  get(id) {
    return this.#known.get(id) ?? null;
  }

  /** What to call an image when speaking of it. */
  nameOf(id) {
    return this.get(id)?.caption || this.get(id)?.source || t("picture.id", { id: String(id) });
  }

  /** Asks for `ids` soon; "loaded" is emitted when they are there. */
  want(ids) {
    for (const id of ids) if (!this.#known.has(id)) this.#wanted.add(id);
    if (this.#wanted.size && this.#timer === null) this.#timer = setTimeout(() => this.#fetch(), 40);
  }

  async fetch(ids) {
    const catalogue = this.#catalogue;
    const { items, missing } = await connection.keepTrying(() => api.items(catalogue, ids));
    if (catalogue !== this.#catalogue) return [];
    // The oldest go first: a Map remembers the order in which its keys came.
    for (const id of this.#known.keys()) if (this.#known.size > KEPT) this.#known.delete(id);
    for (const item of items) this.#known.set(item.id, item);
    for (const id of missing) this.#known.set(id, null);
    this.emit("loaded", ids);
    return items;
  }

  async #fetch() {
    const ids = [...this.#wanted].slice(0, BATCH);
    for (const id of ids) this.#wanted.delete(id);
    try {
      if (ids.length) await this.fetch(ids);
    } catch {
      // Pictures can be labelled without their captions; whoever looks at them again asks again.
    } finally {
      this.#timer = null;
      this.want([]);
    }
  }
}

export const items = new Items();
