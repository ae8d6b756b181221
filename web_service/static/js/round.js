// One round: the labels its answer was made from, and the labels being given on top of them.

export const RIGHT = 1;
export const WRONG = -1;

export class Round {
  /** `labels`: Map of id to RIGHT or WRONG that the answer was made from; `parent`: number of the round before it. */
  constructor(number, parent, model, labels) {
    Object.assign(this, { number, parent, model, labels });
    this.draft = new Map(labels);
    this.done = []; // steps that can be undone, each a list of [id, before, after]
    this.undone = [];
    this.off = []; // ids of boxes that are switched off, sorted
    this.cut = null; // the lowest score accepted, where it was moved
    this.scroll = {}; // tab -> scroll position
    this.forget();
  }

  /** Drops all that was made of the answer: another one takes its place. */
  forget(response = null) {
    this.response = response;
    this.changes = null; // {came_in, went_out} against the parent
    // What hits.js and the modules in tools/ keep of it.
    Object.assign(this, { answerHits: null, in: null, out: null, came_in: null, went_out: null, part: null });
    Object.assign(this, { checkHits: null, sampling: null, verdict: null, suggested: null, suggesting: null, cuts: null, looks: {} });
  }

  ids(label) {
    return [...this.draft].filter(([, value]) => value === label).map(([id]) => id);
  }

  /** True when refining would ask for something that this round does not show. */
  get changed() {
    return difference(this.labels, this.draft).length > 0;
  }

  /** Gives `ids` a label, or none (null); returns the ids whose label changed. */
  mark(ids, label, options) {
    return this.markEach(ids.map((id) => [id, label]), options);
  }

  /** Gives each of [[id, label], ...] its label, in one step; returns the ids whose label changed. */
  markEach(labels, { merge = false } = {}) {
    const step = labels.map(([id, label]) => [id, this.draft.get(id) ?? null, label]).filter(([, before, after]) => before !== after);
    if (!step.length) return [];
    this.#apply(step, 2);
    // The second tap of a double tap corrects the first: one step for one gesture.
    if (merge && this.done.length) {
      const first = new Map(this.done.pop().map(([id, before]) => [id, before]));
      this.done.push(step.map(([id, before, after]) => [id, first.has(id) ? first.get(id) : before, after]));
    } else {
      this.done.push(step);
    }
    this.undone = [];
    return step.map(([id]) => id);
  }

  undo() {
    return this.#move(this.done, this.undone, 1);
  }

  redo() {
    return this.#move(this.undone, this.done, 2);
  }

  #move(from, to, side) {
    const step = from.pop();
    if (!step) return [];
    to.push(step);
    this.#apply(step, side);
    return step.map(([id]) => id);
  }

  #apply(step, side) {
    for (const change of step) {
      if (change[side] === null) this.draft.delete(change[0]);
      else this.draft.set(change[0], change[side]);
    }
  }
}

/** What turns labels `before` into labels `after`: a list of [id, label or null]. */
export function difference(before, after) {
  const changes = [...after].filter(([id, label]) => before.get(id) !== label);
  for (const id of before.keys()) if (!after.has(id)) changes.push([id, null]);
  return changes;
}

export function patched(labels, changes) {
  const result = new Map(labels);
  for (const [id, label] of changes) {
    if (label === null) result.delete(id);
    else result.set(id, label);
  }
  return result;
}
