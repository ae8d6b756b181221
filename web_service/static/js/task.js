// One thing at a time: an action takes the place of the one before it, and what goes wrong is said, never thrown.

import { ApiError } from "./api.js";

export class Task {
  what = null; // "search", "refine" or "round" while an answer is awaited
  #controller = new AbortController();

  /** `say(what)` is told what is under way, or null; `fail(message)` what went wrong, or null as an action begins. */
  constructor({ say, fail }) {
    Object.assign(this, { say, fail });
  }

  async run(what, action) {
    const signal = this.#replace();
    this.#tell(what);
    this.fail(null);
    try {
      await action(signal);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      this.fail(error.message);
    } finally {
      if (!signal.aborted) this.#tell(null);
    }
  }

  stop() {
    this.#replace();
    this.#tell(null);
  }

  #replace() {
    this.#controller.abort();
    this.#controller = new AbortController();
    return this.#controller.signal;
  }

  #tell(what) {
    this.what = what;
    this.say(what);
  }
}
