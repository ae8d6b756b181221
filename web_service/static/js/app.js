// What a person can do, and the state it changes; views listen for "session", "answer", "boxes", "labels", "busy" and "notice".

import { connection } from "./connection.js";
import { Labelling } from "./labelling.js";
import { RIGHT } from "./round.js";
import { LOOKS, Session } from "./session.js";
import { recentSearches, rememberQuery } from "./storage.js";
import { Task } from "./task.js";
import { Trail } from "./trail.js";
import { fromAddress, toAddress } from "./url.js";
import { t } from "./words.js";

class App extends Labelling {
  catalogues = [];
  unavailable = {};
  catalogue = null; // the chosen CatalogueSummary
  session = null; // null on the first page
  #awaited = null; // the search that is asked for, until it is there
  #trail = new Trail(() => this.session);
  #task = new Task({ say: (what) => this.emit("busy", what), fail: (message) => this.emit("problem", message) });

  /** "search", "refine" or "round" while an answer is awaited. */
  get busy() {
    return this.#task.what;
  }

  get round() {
    return this.session?.round ?? null;
  }

  /** What was asked last, be its answer there or not: who changes it changes this, or the change before would be lost. */
  get query() {
    return (this.#awaited ?? this.session)?.query ?? null;
  }

  catalogueNamed = (name) => this.catalogues.find((catalogue) => catalogue.name === name) ?? null;

  choose(name) {
    this.#use(name);
    this.emit("catalogue");
  }

  #use(name) {
    this.catalogue = this.catalogueNamed(name) ?? this.catalogues[0] ?? null;
  }

  /**
   * A new search: its text answer, round 0. Labels given for the same query before are offered, not forced.
   * `live`: asked while it is still being typed. `labels`: marks to take along into a query that was only changed.
   * `replace`: not as a new step of the browser's history.
   */
  search(query, { live = false, labels = null, replace = false } = {}) {
    const { session: before } = this;
    const session = new Session(this.catalogue.name, query);
    if (before?.live && before.key === session.key) {
      this.#task.stop(); // what was asked for since is not wanted any more
      if (!live) this.#settle(before);
      return null;
    }
    return this.#task.run("search", async (signal) => {
      this.#awaited = session;
      await session.load(session.round, signal).finally(() => this.#awaited === session && (this.#awaited = null));
      this.#trail.flush();
      session.live = live;
      if (labels?.size) Object.assign(session.round, { draft: new Map(labels) });
      this.session = session;
      // Every letter typed would be a step to go back through.
      this.#trail.moved({ push: !before?.live && !replace });
      this.emit("session");
      this.emit("answer");
      if (!live) this.#settle(session);
    });
  }

  /** A query that was really asked for. */
  #settle(session) {
    session.live = false;
    rememberQuery(session.query.text);
    if (session.round.draft.size) return;
    const known = recentSearches().find(({ key, right, wrong }) => key === session.key && right + wrong > 0);
    if (known) this.emit("notice", { kind: "resume", before: known });
  }

  /** Trains on the shown round's labels and shows every image that the model accepts, as a new round. */
  refine() {
    if (!this.round || this.busy === "refine") return null;
    if (!this.round.ids(RIGHT).length) {
      this.emit("say", t("tray.oneRight"));
      return null;
    }
    return this.#task.run("refine", async (signal) => {
      const { session } = this;
      const round = session.next();
      await session.load(round, signal);
      session.add(round);
      this.#trail.moved({ push: true });
      this.emit("answer");
      await this.#completed(session, round, signal);
    });
  }

  /** Shows a round: its answer and its labels. */
  go(number) {
    if (!this.session?.rounds[number]) return null;
    this.session.at = number;
    this.session.tab = "answer";
    this.#trail.moved({ push: true });
    return this.#show("round");
  }

  /** Another answer of the same round: {off: ids of boxes switched off} or {cut: lowest score accepted}. */
  adjust(change) {
    return this.#task.run("round", async (signal) => {
      const { session } = this;
      const { round } = session;
      await session.adjust(round, change, signal);
      this.#trail.moved({ push: true });
      this.emit("answer");
      await this.#completed(session, round, signal);
    });
  }

  show(tab) {
    this.session.tab = tab;
    this.#trail.moved();
    this.emit("answer");
  }

  /** Shows only what has these values: {column: [value, ...]}; the answer itself stays what it is. */
  filter(where) {
    this.session.where = where;
    if (!LOOKS.includes(this.session.tab)) this.session.tab = "answer";
    this.#trail.moved();
    this.emit("answer");
  }

  /** "best": best first; "alike": neighbours look alike. */
  orderBy(order) {
    this.session.order = order;
    this.#trail.moved();
    this.emit("answer");
  }

  useModel(model) {
    this.session.model = model;
    this.#trail.moved();
    this.emit("labels", []);
  }

  /** Goes to an address of this page, such as one that storage.js has kept. */
  follow(address) {
    this.#trail.flush();
    history.pushState(null, "", address);
    this.restore({ anew: true });
  }

  /** Shows what the address bar asks for. `anew`: even if the live session knows more of the same search. */
  restore({ anew = false } = {}) {
    const asked = fromAddress();
    this.#use(asked.catalogue ?? this.catalogue?.name);
    const unknown = Boolean(asked.catalogue) && this.catalogues.length > 0 && !this.catalogueNamed(asked.catalogue);
    if (unknown) this.#refuse(asked.catalogue);
    const session = this.catalogue && Session.restored(this.catalogue.name, asked);
    if (unknown || !session?.asksForSomething) {
      this.home({ navigate: false });
      this.emit("catalogue");
      return;
    }
    if (!anew && this.session?.key === session.key && this.session.continues(session)) {
      Object.assign(this.session, { at: session.at, tab: session.tab, where: session.where, order: session.order });
    } else {
      this.session = session;
    }
    // Only now: the first page, which is drawn where there is no session, asks for pictures of its own.
    this.emit("catalogue");
    this.emit("session");
    const known = recentSearches().find(({ address }) => address === toAddress(session));
    if (known) session.work = known.work;
    else if (session.rounds.length > 1 || session.round.changed) this.emit("notice", { kind: "shared" });
    this.#show("search");
  }

  /** The address of what is shown, with the last label in it. */
  get link() {
    this.#trail.save();
    return location.href;
  }

  /** Loads the page anew; a reload reads the address as it is, so the last label must stand in it before. */
  reload() {
    this.#trail.flush();
    location.reload();
  }

  /** The first page again. */
  home({ navigate = true } = {}) {
    this.#trail.flush();
    this.#task.stop();
    this.session = null;
    if (navigate) this.#trail.home(this.catalogue?.name);
    this.emit("session");
  }

  #refuse(name) {
    const known = this.catalogues.map((catalogue) => catalogue.title || catalogue.name).join(", ");
    const reason = this.unavailable[name];
    const what = reason ? t("catalogue.broken", { name, reason }) : t("catalogue.unknown", { name });
    this.emit("problem", `${what} ${t("catalogue.choose", { known })}`);
  }

  #show(why) {
    const { session } = this;
    const { round } = session;
    // Asked for first, and what is known drawn while the answer is on its way.
    const shown = this.#task.run(why, async (signal) => {
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
    this.emit("answer");
    return shown;
  }

  async #completed(session, round, signal) {
    if (round.parent !== null) {
      await session.loadChanges(round, signal);
      this.emit("answer");
    }
    await session.loadBoxes(round, signal);
    this.emit("boxes");
  }

  /** After labels were given or taken back. */
  labelled(ids) {
    Object.assign(this.session, { touched: true, live: false });
    this.#trail.labelled();
    this.emit("labels", ids);
  }
}

export const app = new App();

connection.on("up", () => app.emit("recovered"));
