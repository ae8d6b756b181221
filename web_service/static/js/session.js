// One search: a query on a catalogue, its rounds, and what the server answered to each.

import { api } from "./api.js";
import { composeRequest } from "./asked.js";
import { connection } from "./connection.js";
import { Round, RIGHT, WRONG, patched } from "./round.js";
import { uploadOf } from "./storage.js";
import { t } from "./words.js";

const FIRST_PAGE = 120;

/** Tabs that show an answer otherwise than as a grid; every answer has them. */
export const LOOKS = ["map", "figures"];

export const NOTHING = { text: "", imageId: null, upload: null, terms: [], without: [], compose: null, steps: [] };

export class Session {
  /**
   * `query`: {text, imageId, upload, terms, without, compose, steps}; upload is the key of an image kept by storage.js,
   * terms are [{text, weight}], without is [text]; compose changes the image (asked.js), steps are queries that led here.
   */
  constructor(catalogue, query) {
    this.catalogue = catalogue;
    this.query = { ...NOTHING, ...query };
    this.where = {}; // column -> values: what of the answer is shown
    this.order = "best"; // or "alike": neighbours look alike
    this.live = false; // asked while it was still being typed
    this.rounds = [new Round(0, null, "auto", new Map())];
    this.at = 0;
    this.model = "auto";
    this.tab = "answer";
    this.touched = false; // a label was given or taken back here
    // The same query may be worked on more than once, by others too: each work is remembered by itself.
    this.work = Date.now().toString(36);
  }

  /** The session that an address describes (see url.js). */
  static restored(catalogue, { query, where, order, rounds, at, draft, model, tab }) {
    const session = new Session(catalogue, query);
    Object.assign(session, { where, order });
    for (const { parent, model: used, labels, off, cut } of rounds.slice(1)) {
      session.rounds.push(Object.assign(new Round(session.rounds.length, parent, used, labels), { off, cut }));
    }
    session.at = at;
    session.model = model;
    session.tab = at === 0 && !LOOKS.includes(tab) ? "answer" : tab;
    session.round.draft = patched(session.round.labels, draft);
    return session;
  }

  get round() {
    return this.rounds[this.at];
  }

  /** The same query on the same catalogue has the same key. */
  get key() {
    const { text, imageId, upload, terms, without, compose } = this.query;
    const more = terms.length || without.length ? [terms.map(({ text: term, weight }) => [term, weight]), without] : [];
    if (compose) more.push(compose);
    return JSON.stringify([this.catalogue, text, imageId ?? null, upload ?? null, ...more]);
  }

  get words() {
    const { text, imageId, upload, terms, compose } = this.query;
    const without = [...this.query.without, ...(compose?.less ?? []).map((term) => term.text)];
    const plain = upload ? t("search.yourImage") : imageId !== null ? t("search.picture", { id: String(imageId) }) : "";
    const said = compose?.texts.map((term) => t("quoted", { text: term.text })).join(t("search.and"));
    const picture = said ? t("compose.pictureBut", { picture: plain, said }) : plain;
    const parts = [text && t("quoted", { text }), picture, ...terms.map((term) => t("quoted", { text: term.text }))].filter(Boolean);
    return [parts.join(t("search.and")), without.length ? t("search.without", { what: without.join(", ") }) : ""].filter(Boolean).join(" ");
  }

  /** False for a query that says nothing to look for. */
  get asksForSomething() {
    const { text, imageId, upload, terms } = this.query;
    return Boolean(text) || imageId !== null || Boolean(upload) || terms.length > 0;
  }

  get filtered() {
    return Object.keys(this.where).length > 0;
  }

  /** True if the rounds of `other` are the first rounds of this one, which then knows more. */
  continues(other) {
    return other.rounds.every((round, i) => {
      const own = this.rounds[i];
      const same = own && own.parent === round.parent && own.model === round.model && own.cut === round.cut && own.off.join() === round.off.join();
      return same && own.labels.size === round.labels.size && [...round.labels].every(([k, v]) => own.labels.get(k) === v);
    });
  }

  /** True while the answer needs an uploaded image that this device does not have. */
  get uploadMissing() {
    return Boolean(this.query.upload) && uploadOf(this.query.upload) === null;
  }

  /** The request whose answer a round shows. */
  request(round) {
    const { text, imageId, upload, terms, without, compose } = this.query;
    const request = { model: round.model, limit: FIRST_PAGE };
    if (text) request.text = text;
    if (imageId !== null && imageId !== undefined) request.image_id = imageId;
    if (terms.length) request.terms = terms;
    if (without.length) request.without = without;
    if (upload && !this.uploadMissing) request.image = uploadOf(upload);
    const composed = compose && !this.uploadMissing && composeRequest(compose);
    if (composed) request.compose = composed;
    // Sorted, so that the order of the clicks does not make another request of the same labels.
    const ids = (label) => [...round.labels].filter(([, value]) => value === label).map(([id]) => id);
    const sorted = (label) => ids(label).sort((a, b) => a - b);
    if (round.labels.size) Object.assign(request, { positive: sorted(RIGHT), negative: sorted(WRONG) });
    if (round.off.length) request.boxes_off = round.off;
    if (round.cut !== null) request.cut = round.cut;
    return request;
  }

  /** Asks for a round's answer unless it is known; `renew` asks again even so. Its boxes may come later, by `loadBoxes`. */
  async load(round, signal, { renew = false } = {}) {
    if (round.response && !renew) return;
    const request = this.request(round);
    // Pictures first: to count what boxes hold of a large answer can take as long as the answer itself. Said only where
    // it is so: words alone ask, to the letter, what head/ask.js has asked.
    const later = !renew && round.labels.size > 0 && !round.off.length;
    if (later) request.describe = false;
    const response = await connection.keepTrying(() => api.search(this.catalogue, request, signal), signal);
    if (later) response.boxes = null;
    round.response = response;
  }

  /** Asks what the boxes say of a round's answer, unless it is known. */
  async loadBoxes(round, signal) {
    const { response } = round;
    if (response.boxes) return;
    const request = { ...this.request(round), limit: 1 };
    const { boxes, boxes_total, covered } = await connection.keepTrying(() => api.search(this.catalogue, request, signal), signal);
    Object.assign(response, { boxes, boxes_total, covered });
  }

  /** Asks for a round's answer with other boxes off or another cut; the answer takes the place of the one before. */
  async adjust(round, change, signal) {
    const adjusted = Object.assign(Object.create(round), change);
    const request = this.request(adjusted);
    const response = await connection.keepTrying(() => api.search(this.catalogue, request, signal), signal);
    Object.assign(round, change);
    round.forget(response);
    delete this.where["@box"]; // the answer may not have that box any more
    // What later rounds changed was counted against the answer before.
    for (const other of this.rounds) if (other.parent === round.number) Object.assign(other, { changes: null, came_in: null, went_out: null });
  }

  /** Asks what a round changed against its parent, unless it is known. */
  async loadChanges(round, signal) {
    if (round.parent === null || round.changes) return;
    const parent = this.rounds[round.parent];
    await this.load(parent, signal);
    round.changes = await connection.keepTrying(
      () => api.changes(this.catalogue, round.response.result_set, parent.response.result_set, 0, FIRST_PAGE),
      signal,
    );
  }

  /** A round after the shown one, made from its labels; it joins the rounds only when `add` is called. */
  next() {
    const round = this.round;
    return new Round(this.rounds.length, round.number, this.model, new Map(round.draft));
  }

  add(round) {
    const parent = this.rounds[round.parent];
    // Labels given while the answer was awaited are kept as the new round's draft; so is everything that can be undone.
    Object.assign(round, { draft: parent.draft, done: parent.done, undone: parent.undone });
    Object.assign(parent, { draft: new Map(parent.labels), done: [], undone: [] });
    round.number = this.rounds.length;
    this.rounds.push(round);
    this.at = round.number;
    this.tab = "answer";
  }
}
