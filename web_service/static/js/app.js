// What a person can do, and the state it changes; views listen for "session", "answer", "labels", "busy" and "notice".

import { ApiError } from "./api.js";
import { connection } from "./connection.js";
import { debounce } from "./dom.js";
import { Emitter } from "./emitter.js";
import { RIGHT, WRONG } from "./round.js";
import { Session } from "./session.js";
import { recentSearches, rememberSearch } from "./storage.js";
import { fromAddress, toAddress } from "./url.js";

const BURST_MS = 120;

class App extends Emitter {
  catalogues = [];
  unavailable = {};
  catalogue = null; // the chosen CatalogueSummary
  session = null; // null on the first page
  busy = null; // "search", "refine" or "round" while an answer is awaited
  #action = new AbortController();
  #save = debounce(() => this.#saveNow(), BURST_MS);
  #saved = 0; // when the address last followed the labels

  constructor() {
    super();
    window.addEventListener("pagehide", () => this.#save.now());
    document.addEventListener("visibilitychange", () => document.hidden && this.#save.now());
  }

  get round() {
    return this.session?.round ?? null;
  }

  catalogueNamed(name) {
    return this.catalogues.find((catalogue) => catalogue.name === name) ?? null;
  }

  choose(name) {
    this.catalogue = this.catalogueNamed(name) ?? this.catalogues[0] ?? null;
    this.emit("catalogue");
  }

  /** A new search: its text answer, round 0. Labels given for the same query before are offered, not forced. */
  search(query) {
    return this.#run("search", async (signal) => {
      const session = new Session(this.catalogue.name, query);
      await session.load(session.round, signal);
      this.#save.now();
      this.session = session;
      this.#navigated({ push: true });
      this.emit("session");
      this.emit("answer");
      const before = recentSearches().find(({ key, right, wrong }) => key === session.key && right + wrong > 0);
      if (before) this.emit("notice", { kind: "resume", before });
    });
  }

  /** Trains on the shown round's labels and shows every image that the model accepts, as a new round. */
  refine() {
    if (!this.round || this.busy === "refine") return null;
    if (!this.round.ids(RIGHT).length) {
      this.emit("say", "Mark at least one picture right first, then refine.");
      return null;
    }
    return this.#run("refine", async (signal) => {
      const { session } = this;
      const round = session.next();
      await session.load(round, signal);
      session.add(round);
      this.#navigated({ push: true });
      this.emit("answer");
      await this.#completed(session, round, signal);
    });
  }

  /** Shows a round: its answer and its labels. */
  go(number) {
    if (!this.session?.rounds[number]) return null;
    this.session.at = number;
    this.session.tab = "answer";
    this.#navigated({ push: true });
    return this.#show("round");
  }

  show(tab) {
    this.session.tab = tab;
    this.#navigated();
    this.emit("answer");
  }

  useModel(model) {
    this.session.model = model;
    this.#navigated();
    this.emit("labels", []);
  }

  mark(ids, label, options) {
    if (!this.round || !ids.length) return;
    this.#labelled(this.round.mark(ids, label, options));
  }

  /** Unlabelled, right, wrong, unlabelled. */
  cycle(id) {
    const next = { [RIGHT]: WRONG, [WRONG]: null };
    this.mark([id], this.round.draft.has(id) ? next[this.round.draft.get(id)] : RIGHT);
  }

  undo() {
    if (this.round) this.#labelled(this.round.undo());
  }

  redo() {
    if (this.round) this.#labelled(this.round.redo());
  }

  /** Goes to an address of this page, such as one that storage.js has kept. */
  follow(address) {
    this.#save.now();
    history.pushState(null, "", address);
    this.restore({ anew: true });
  }

  /** Shows what the address bar asks for. `anew`: even if the live session knows more of the same search. */
  restore({ anew = false } = {}) {
    const asked = fromAddress();
    const { text, imageId, upload } = asked.query;
    this.choose(asked.catalogue ?? this.catalogue?.name);
    const unknown = Boolean(asked.catalogue) && this.catalogues.length > 0 && !this.catalogueNamed(asked.catalogue);
    if (unknown) {
      const known = this.catalogues.map(({ title, name }) => title || name).join(", ");
      const reason = this.unavailable[asked.catalogue];
      const what = reason ? `The catalogue “${asked.catalogue}” cannot be served: ${reason}` : `There is no catalogue “${asked.catalogue}” here.`;
      this.emit("problem", `${what} Choose another above: ${known}.`);
    }
    if (unknown || !this.catalogue || (!text && imageId === null && !upload)) {
      this.home({ navigate: false });
      return;
    }
    const session = Session.restored(this.catalogue.name, asked);
    if (!anew && this.session?.key === session.key && this.#continues(session)) {
      this.session.at = session.at;
      this.session.tab = session.tab;
    } else {
      this.session = session;
    }
    this.emit("session");
    const known = recentSearches().find(({ address }) => address === toAddress(session));
    if (known) session.work = known.work;
    else if (session.rounds.length > 1 || session.round.changed) this.emit("notice", { kind: "shared" });
    this.#show("search");
  }

  /** The address of what is shown, with the last label in it. */
  get link() {
    this.#saveNow();
    return location.href;
  }

  /** The first page again. */
  home({ navigate = true } = {}) {
    this.#save.now();
    this.#replaceAction();
    this.#busy(null);
    this.session = null;
    if (navigate) history.pushState(null, "", toAddress({ catalogue: this.catalogue?.name }));
    this.emit("session");
  }

  /** True if the rounds of `session` are the first rounds of the live one, which then knows more. */
  #continues(session) {
    return session.rounds.every((round, i) => {
      const live = this.session.rounds[i];
      const same = live && live.parent === round.parent && live.model === round.model;
      return same && live.labels.size === round.labels.size && [...round.labels].every(([k, v]) => live.labels.get(k) === v);
    });
  }

  #show(why) {
    const { session } = this;
    const { round } = session;
    this.emit("answer");
    return this.#run(why, async (signal) => {
      await session.load(round, signal);
      this.emit("answer");
      await this.#completed(session, round, signal);
      // A reload or a shared link knows the rounds but not their totals.
      for (const other of session.rounds) {
        await session.load(other, signal);
        await session.loadChanges(other, signal);
        this.emit("rounds");
      }
    });
  }

  async #completed(session, round, signal) {
    await session.loadChanges(round, signal);
    if (round.parent !== null) this.emit("answer");
  }

  /** Runs an action in place of the one before it; what goes wrong is said, never thrown. */
  async #run(what, action) {
    const signal = this.#replaceAction();
    this.#busy(what);
    this.emit("problem", null);
    try {
      await action(signal);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      this.emit("problem", error.message);
    } finally {
      if (!signal.aborted) this.#busy(null);
    }
  }

  #replaceAction() {
    this.#action.abort();
    this.#action = new AbortController();
    return this.#action.signal;
  }

  #busy(what) {
    this.busy = what;
    this.emit("busy", what);
  }

  #labelled(ids) {
    if (!ids.length) return;
    this.session.touched = true;
    // At once, for a reload reads the address as it is; a burst (a key held down) is saved at its end.
    if (performance.now() - this.#saved > BURST_MS) this.#saveNow();
    else this.#save();
    this.emit("labels", ids);
  }

  #navigated({ push = false } = {}) {
    const address = toAddress(this.session);
    if (push && address !== location.pathname + location.search + location.hash) history.pushState(null, "", address);
    else history.replaceState(null, "", address);
    document.title = `${this.session.query.text || this.session.words} · CLIP-Branches`;
    this.#remember(address);
  }

  #saveNow() {
    if (!this.session) return;
    this.#saved = performance.now();
    const address = toAddress(this.session);
    history.replaceState(null, "", address);
    this.#remember(address);
  }

  #remember(address) {
    const { work, key, words, catalogue, rounds, touched } = this.session;
    const newest = rounds.at(-1);
    const [right, wrong] = [newest.ids(RIGHT).length, newest.ids(WRONG).length];
    if (right + wrong + rounds.length === 1 && !touched) return; // nothing that could be lost
    rememberSearch({ work, key, address, words, catalogue, right, wrong, rounds: rounds.length - 1 });
  }
}

export const app = new App();

connection.on("up", () => app.emit("recovered"));
