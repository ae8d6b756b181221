// The images of an answer, page by page, as far as they have been looked at.

import { api } from "./api.js";
import { connection } from "./connection.js";
import { Emitter } from "./emitter.js";

const PAGE = 120;

export class Hits extends Emitter {
  #pages = new Map(); // page number -> hits, or a promise while awaited
  #load;

  /** `first`: the hits of page 0; `load(offset, limit)`: a promise of the hits from there on. */
  constructor(total, first, load) {
    super();
    this.total = total;
    this.#load = load;
    if (first.length >= Math.min(PAGE, total)) this.#pages.set(0, first.slice(0, PAGE));
  }

  /** Hit number `index` of the answer, or undefined if it has not come yet. */
  at(index) {
    return this.#pages.get(Math.floor(index / PAGE))?.[index % PAGE];
  }

  /** Fetches what is missing between two indices (both included); resolves when all of it is there. */
  async need(from, to) {
    const awaited = [];
    for (let page = Math.floor(from / PAGE); page <= Math.floor(Math.min(to, this.total - 1) / PAGE); page++) {
      if (!this.#pages.has(page)) this.#pages.set(page, this.#fetch(page));
      if (this.#pages.get(page) instanceof Promise) awaited.push(this.#pages.get(page));
    }
    await Promise.all(awaited);
  }

  async #fetch(page) {
    try {
      const hits = await connection.keepTrying(() => this.#load(page * PAGE, PAGE));
      this.#pages.set(page, hits);
      this.emit("loaded");
    } catch (error) {
      this.#pages.delete(page);
      this.emit("failed", error);
    }
  }
}

/** Grey cells that stand for an answer not known yet. */
export const AWAITED = { total: 60, at: () => undefined, need: async () => {}, on: () => () => {} };

/** What a session shows now: the answer, what came in or what went out. Null while it is not known. */
export function hitsOf(session) {
  const { round, tab, catalogue } = session;
  if (!round.response) return null;
  if (tab === "answer") {
    round.answerHits ??= new Hits(round.response.total, round.response.hits, async (offset, limit) => {
      const page = () => api.results(catalogue, round.response.result_set, offset, limit);
      return (await renewed(session, [round], page)).hits;
    });
    return round.answerHits;
  }
  if (!round.changes) return null;
  const side = tab === "in" ? "came_in" : "went_out";
  const parent = session.rounds[round.parent];
  round[side] ??= new Hits(round.changes[side].total, round.changes[side].hits, async (offset, limit) => {
    const page = () =>
      api.changes(catalogue, round.response.result_set, parent.response.result_set, offset, limit);
    return (await renewed(session, [round, parent], page))[side].hits;
  });
  return round[side];
}

/** `task`, repeated once after asking anew for answers that the service no longer holds. */
async function renewed(session, rounds, task) {
  try {
    return await task();
  } catch (error) {
    if (error.code !== "unknown_result_set") throw error;
    for (const round of rounds) await session.load(round, null, { renew: true });
    return task();
  }
}
