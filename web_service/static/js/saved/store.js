// Saved searches and collections on the server, and the one that is looked at.

import { api, call } from "../api.js";
import { Emitter } from "../emitter.js";

const rooted = { search: "saved/searches", collection: "saved/collections" };
const at = ({ kind, id }) => `${rooted[kind]}/${id}`;

/** Saves an answer under a name: {name, notes, catalogue, result_set, where, address, image}. */
export const saveSearch = (body) => call(rooted.search, { body });

class Store extends Emitter {
  searches = [];
  collections = [];
  chosen = null; // the entry that is looked at, or null
  ran = null; // what its latest run said: see `run`
  #asking = new AbortController(); // ends what is asked of an entry that is left

  get all() {
    return [...this.collections, ...this.searches];
  }

  find(id) {
    return this.all.find((entry) => entry.id === id) ?? null;
  }

  /** Reads the list anew; what is looked at stays. */
  async load() {
    Object.assign(this, await call("saved"));
    if (this.chosen) this.chosen = this.find(this.chosen.id);
    this.emit("list");
  }

  /** Looks at an entry, or at none; a search is asked for its marks and its image. */
  async choose(id) {
    const entry = this.find(id);
    this.#asking.abort();
    this.#asking = new AbortController();
    this.ran = null;
    this.chosen = entry;
    this.emit("chosen");
    if (entry?.kind !== "search") return;
    const whole = await call(at(entry));
    if (this.chosen === entry) Object.assign(entry, whole);
    this.emit("marks");
  }

  page(entry, side, offset, limit) {
    const run = side === "saved" ? "" : `&side=${side}&result_set=${this.ran.result_set}`;
    return call(`${at(entry)}/items?offset=${offset}&limit=${limit}${run}`, { signal: this.#asking.signal });
  }

  file = (entry, format) => new URL(`api/${at(entry)}/export?format=${format}`, document.baseURI).href;

  /** Asks the same again: {result_set, total, before, since, came_in, went_out, marks_gone}. */
  async run(entry) {
    const ran = await call(`${at(entry)}/run`, { body: {} });
    if (this.chosen?.id !== entry.id) return;
    this.ran = ran;
    this.emit("ran");
  }

  /** Keeps the answer of the latest run. */
  async renew(entry) {
    const { version } = entry;
    await call(`${at(entry)}/renew`, { body: { version, result_set: this.ran.result_set } });
    await this.load();
    await this.choose(entry.id);
  }

  async change(entry, changes) {
    const changed = await call(at(entry), { method: "PATCH", body: { version: entry.version, ...changes } });
    await this.load();
    this.emit("chosen");
    return changed;
  }

  async remove(entry) {
    this.#asking.abort(); // a page asked for meanwhile would come too late to be found
    try {
      const deleted = await call(at(entry), { method: "DELETE", body: { version: entry.version } });
      if (this.chosen?.id === entry.id) this.chosen = null;
      await this.load();
      return deleted;
    } finally {
      this.#asking = new AbortController();
      this.emit("chosen");
    }
  }

  async restore(deleted) {
    await call(`${at(deleted)}/restore`, { body: { version: deleted.version } });
    await this.load();
    await this.choose(deleted.id);
  }

  count = (expression, signal) => call(`${rooted.collection}/count`, { body: { expression }, signal });

  async combine(name, expression) {
    const made = await call(rooted.collection, { body: { name, expression } });
    await this.load();
    return made;
  }
}

export const store = new Store();
export const coverOf = (entry, width) => entry.cover.map((id) => api.image(entry.catalogue, id, width));
