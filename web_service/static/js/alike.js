// Near duplicates: which pictures the catalogue knows to be alike, so that one mark can speak for all of them.

import { Emitter } from "./emitter.js";
import { items } from "./items.js";

const BATCH = 200;

class Alike extends Emitter {
  ask = async () => ({ groups: [] }); // (ids) => their groups
  together = true; // whether a mark is for the whole group
  #catalogue = null;
  #groups = new Map(); // id -> ids of its group, or null while awaited

  use(catalogue) {
    if (catalogue !== this.#catalogue) this.#groups.clear();
    this.#catalogue = catalogue;
  }

  /** The ids of a picture's group; itself alone where it has none. */
  of(id) {
    return this.#groups.get(id) ?? [id];
  }

  get known() {
    return [...this.#groups.values()].some((group) => group !== null);
  }

  /** `ids` with all that are alike, if a mark is for the whole group. */
  withAlike(ids) {
    return this.together ? [...new Set(ids.flatMap((id) => this.of(id)))] : ids;
  }

  /** Learns the groups of pictures that have just become known. */
  async learn(ids) {
    const asked = ids.filter((id) => items.get(id)?.metadata?.alike && !this.#groups.has(id));
    for (let start = 0; start < asked.length; start += BATCH) {
      const some = asked.slice(start, start + BATCH);
      for (const id of some) this.#groups.set(id, null);
      try {
        const { groups } = await this.ask(some);
        for (const group of groups) for (const id of group) this.#groups.set(id, group);
      } catch {
        for (const id of some) this.#groups.delete(id); // whoever looks at them again asks again
      }
      this.emit("learnt");
    }
  }
}

export const alike = new Alike();
