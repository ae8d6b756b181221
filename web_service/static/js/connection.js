// Keeps an action alive while a service is away, and says so once for all of them.

import { api } from "./api.js";
import { Emitter } from "./emitter.js";
import { t } from "./words.js";

const DELAYS_MS = [1000, 2000, 4000, 8000, 10_000];
const HEARTBEAT_MS = 10_000;
const aborted = () => new DOMException(undefined, "AbortError");

class Connection extends Emitter {
  check = () => api.catalogues(); // an answer means that the service is back
  down = null; // {message, retryAt} while a service is away
  #attempts = 0;
  #timer = null;
  #waiting = new Set();

  /** The result of `task`, tried again for as long as it fails for a passing reason. */
  async keepTrying(task, signal = null) {
    for (;;) {
      if (signal?.aborted) {
        this.#recovered();
        throw aborted();
      }
      try {
        const result = await task();
        this.#recovered();
        return result;
      } catch (error) {
        if (!error.passing) {
          this.#recovered(); // an answer, if not the one hoped for
          throw error;
        }
        await this.#lost(error, signal);
      }
    }
  }

  /** Tries at once, for a person who does not want to wait. */
  tryNow() {
    if (this.down) this.#probe();
  }

  /** Notices a service that went away while nobody asked it for anything. */
  watch() {
    setInterval(() => {
      if (!this.down && !document.hidden) this.keepTrying(() => this.check()).catch(() => {});
    }, HEARTBEAT_MS);
    window.addEventListener("online", () => this.tryNow());
  }

  #lost(error, signal) {
    return new Promise((resolve, reject) => {
      const waiter = { resolve };
      this.#waiting.add(waiter);
      signal?.addEventListener("abort", () => {
        this.#waiting.delete(waiter);
        reject(aborted());
      });
      if (this.#timer === null) this.#schedule(error);
    });
  }

  #schedule(error) {
    const delay = DELAYS_MS[Math.min(this.#attempts++, DELAYS_MS.length - 1)];
    this.down = { message: error.message.split(". ")[0].replace(/\.?$/, "."), retryAt: Date.now() + delay };
    this.#timer = setTimeout(() => this.#probe(), delay);
    this.emit("change");
  }

  async #probe() {
    clearTimeout(this.#timer);
    this.#timer = -1; // a probe is under way: nobody else starts one
    this.emit("probe");
    try {
      await this.check();
    } catch (error) {
      if (error.passing) return this.#schedule(error);
    }
    this.#timer = null;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const { resolve } of waiting) resolve();
    if (!waiting.length) this.#recovered();
  }

  #recovered() {
    if (!this.down || this.#timer !== null) return;
    this.down = null;
    this.#attempts = 0;
    this.emit("change");
    this.emit("up");
  }
}

export const connection = new Connection();
