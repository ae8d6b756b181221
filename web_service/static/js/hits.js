// The images of an answer, page by page, as far as they have been looked at.

import { api } from "./api.js";
import { app } from "./app.js";
import { connection } from "./connection.js";
import { Emitter } from "./emitter.js";
import { LOOKS } from "./session.js";

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

  /** Ids of all hits, fetched as far as they are not there. */
  async allIds() {
    await this.need(0, this.total - 1);
    return Array.from({ length: this.total }, (_, i) => this.at(i)?.id).filter((id) => id !== undefined);
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

/** What a session shows now: the answer, what came in, what went out, or a sample to judge. Null while not known. */
export function hitsOf(session) {
  const { round, tab } = session;
  if (!round.response) return null;
  if (tab === "check") return (round.checkHits ??= sampleOf(session, round));
  if (tab === "next") return round.suggested;
  if (tab === "answer" || LOOKS.includes(tab)) return session.filtered || session.order !== "best" ? partOf(session, round) : (round.answerHits ??= answerOf(session, round));
  if (!round.changes) return null;
  const side = tab === "in" ? "came_in" : "went_out";
  return (round[side] ??= changesOf(session, round, side));
}

/** Every id of what is shown, first to last: the service tells them all at once. Null if it cannot. */
export async function allIdsOf(session) {
  const { round, tab, catalogue, where } = session;
  try {
    if (tab !== "answer" && !LOOKS.includes(tab)) return (await hitsOf(session)?.allIds()) ?? null;
    const task = () => api.ids(catalogue, round.response.result_set, where);
    return (await connection.keepTrying(() => renewed(session, [round], task))).ids;
  } catch (error) {
    app.emit("problem", error.message);
    return null;
  }
}

function answerOf(session, round) {
  const { catalogue } = session;
  return new Hits(round.response.total, round.response.hits, async (offset, limit) => {
    const page = () => api.results(catalogue, round.response.result_set, offset, limit);
    return (await renewed(session, [round], page)).hits;
  });
}

/** The part of the answer for which the conditions hold, in the order chosen; how many that are, its first page tells. */
function partOf(session, round) {
  const { catalogue, where, order } = session;
  const key = JSON.stringify([where, order]);
  if (round.part?.key === key) return round.part.hits;
  const page = (offset, limit) => api.results(catalogue, round.response.result_set, offset, limit, where, order);
  const part = { key, hits: null };
  round.part = part;
  connection.keepTrying(() => renewed(session, [round], () => page(0, PAGE))).then(
    (first) => {
      part.hits = new Hits(first.total, first.hits, async (offset, limit) => (await renewed(session, [round], () => page(offset, limit))).hits);
      if (round.part === part) app.emit("answer");
    },
    (error) => {
      app.emit("problem", error.message);
      if (app.session === session && session.filtered) app.filter({});
    },
  );
  return null;
}

function changesOf(session, round, side) {
  const { catalogue } = session;
  const parent = session.rounds[round.parent];
  return new Hits(round.changes[side].total, round.changes[side].hits, async (offset, limit) => {
    const page = () =>
      api.changes(catalogue, round.response.result_set, parent.response.result_set, offset, limit);
    return (await renewed(session, [round, parent], page))[side].hits;
  });
}

/** The random sample that an answer is checked with; null until its first page is there. */
function sampleOf(session, round) {
  if (round.sampling) return null;
  const page = (offset, limit) => renewed(session, [round], () => api.sample(session.catalogue, round.response.result_set, offset, limit));
  round.sampling = connection.keepTrying(() => page(0, PAGE)).then(
    ({ total, hits }) => {
      round.checkHits = new Hits(total, hits, async (offset, limit) => (await page(offset, limit)).hits);
      app.emit("answer");
    },
    (error) => app.emit("problem", error.message),
  );
  return null;
}

/** `task`, repeated once after asking anew for answers that the service no longer holds. */
export async function renewed(session, rounds, task) {
  try {
    return await task();
  } catch (error) {
    if (error.code !== "unknown_result_set") throw error;
    for (const round of rounds) await session.load(round, null, { renew: true });
    return task();
  }
}
