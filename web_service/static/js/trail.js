// Where a search can be found again: the address bar follows it, and this device remembers it.

import { debounce } from "./dom.js";
import { RIGHT, WRONG } from "./round.js";
import { rememberSearch } from "./storage.js";
import { toAddress } from "./url.js";

const BURST_MS = 120;

export class Trail {
  #current; // () => session
  #later = debounce(() => this.save(), BURST_MS);
  #saved = 0; // when the address last followed the labels

  constructor(current) {
    this.#current = current;
    window.addEventListener("pagehide", () => this.flush());
    document.addEventListener("visibilitychange", () => document.hidden && this.flush());
  }

  /** After a change of what is shown; `push`: as a new step of the browser's history. */
  moved({ push = false } = {}) {
    const session = this.#current();
    const address = toAddress(session);
    if (push && address !== location.pathname + location.search + location.hash) history.pushState(null, "", address);
    else history.replaceState(null, "", address);
    document.title = `${session.query.text || session.words} · CLIP-Branches`;
    this.#remember(session, address);
  }

  /** After a label: at once, for a reload reads the address as it is; a burst (a key held down) is saved at its end. */
  labelled() {
    if (performance.now() - this.#saved > BURST_MS) this.save();
    else this.#later();
  }

  save() {
    const session = this.#current();
    if (!session) return;
    this.#saved = performance.now();
    const address = toAddress(session);
    history.replaceState(null, "", address);
    this.#remember(session, address);
  }

  /** Saves now what was to be saved soon. */
  flush() {
    this.#later.now();
  }

  /** The first page of a catalogue. */
  home(catalogue) {
    history.pushState(null, "", toAddress({ catalogue }));
  }

  #remember(session, address) {
    const { work, key, words, catalogue, rounds, touched } = session;
    const newest = rounds.at(-1);
    const [right, wrong] = [newest.ids(RIGHT).length, newest.ids(WRONG).length];
    if (right + wrong + rounds.length === 1 && !touched) return; // nothing that could be lost
    rememberSearch({ work, key, address, words, catalogue, right, wrong, rounds: rounds.length - 1 });
  }
}
