// Giving labels and taking them back; what the page knows beside them is in app.js.

import { alike } from "./alike.js";
import { Emitter } from "./emitter.js";
import { RIGHT, WRONG } from "./round.js";
import { t } from "./words.js";

export class Labelling extends Emitter {
  mostLabels = 10_000;

  /** Marks pictures, and those that are alike with them unless each is to be marked alone. */
  mark(ids, label, options) {
    this.markEach(alike.withAlike(ids).map((id) => [id, label]), options);
  }

  /** Gives many labels in one step: [[id, label], ...]. */
  markEach(labels, options) {
    if (!this.round || !labels.length) return;
    const { draft } = this.round;
    const after = draft.size + labels.filter(([id, label]) => label !== null && !draft.has(id)).length;
    if (after > this.mostLabels) {
      this.emit("problem", t("error.tooManyMarks", { n: after, most: this.mostLabels }));
      return;
    }
    this.#changed(this.round.markEach(labels, options));
  }

  /** Unlabelled, right, wrong, unlabelled. */
  cycle(id) {
    const next = { [RIGHT]: WRONG, [WRONG]: null };
    this.mark([id], this.round.draft.has(id) ? next[this.round.draft.get(id)] : RIGHT);
  }

  undo() {
    if (this.round) this.#changed(this.round.undo());
  }

  redo() {
    if (this.round) this.#changed(this.round.redo());
  }

  #changed(ids) {
    if (ids.length) this.labelled(ids);
  }
}
