"""How many labels suggestions save: python -m benchmarks.suggest [--catalogues demo-hidden,coco,digits] [--concepts 8]

A user types the query of a concept, labels 10 images of the first page, and then 10 more a round, as truth has it:
the best of the answer not yet labelled ("top"), what the engine suggests ("suggest"), only what the model is least
sure of ("unsure"), or images drawn from the whole catalogue ("random"). After every round the default model is trained
on all labels so far; its answer (F1 at its own cut) and its ranking (AP) are judged over the WHOLE catalogue, labelled
images included, because each way of labelling takes others away. "labels to" is how many labels a way needs until its
mean F1 is 95 % of the best that any way has at the end; "against top" the mean difference of F1 to labelling the top
at the end, with a 95 % interval (bootstrap over the concepts).
"""

from __future__ import annotations

import argparse
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.quality.catalogues import ROOT, Absent, Catalogue, Concept
from benchmarks.quality.metrics import at_cut, average_precision
from benchmarks.quality.models import text_scores
from benchmarks.quality.sources import CATALOGUES
from clip_branches.engine import Rule, explanation_boxes, fit_feedback
from clip_branches.engine.suggest import choose, first_box

Rows = NDArray[np.int64]
Way = Callable[[Catalogue, "State", int, np.random.Generator], Rows]
PAGE, BATCH, UNLABELLED = 60, 10, 1_000


class State:
    """What is known after a round: the rows labelled, and the model trained on them."""

    def __init__(self, catalogue: Catalogue, concept: Concept, labelled: Rows, generator: np.random.Generator) -> None:
        relevant, allowed = concept.relevant, ~concept.ignored
        self.labelled = labelled
        self.free = np.setdiff1d(np.flatnonzero(allowed), labelled)
        codes = {
            "positive": catalogue.codes[labelled[relevant[labelled]]],
            "negative": catalogue.codes[labelled[~relevant[labelled]]],
            "unlabelled": catalogue.codes[generator.permutation(self.free)[:UNLABELLED]],
        }
        model: Any = fit_feedback("auto", anchor=concept.query, quantiser=catalogue.quantiser, **codes)
        self.rule = Rule(model, explanation_boxes(model, **codes))
        self.scores = model.decision_function(catalogue.codes)
        self.margins = self.scores - model.threshold_
        self.accepted = self.rule.predict(catalogue.codes).astype(bool)


def top(catalogue: Catalogue, state: State, count: int, generator: np.random.Generator) -> Rows:
    return state.free[np.argsort(-state.scores[state.free], kind="stable")[:count]]


def unsure(catalogue: Catalogue, state: State, count: int, generator: np.random.Generator) -> Rows:
    return state.free[np.argsort(np.abs(state.margins[state.free]), kind="stable")[:count]]


def random(catalogue: Catalogue, state: State, count: int, generator: np.random.Generator) -> Rows:
    return generator.permutation(state.free)[:count]


def suggest(catalogue: Catalogue, state: State, count: int, generator: np.random.Generator) -> Rows:
    free, decode = state.free, catalogue.quantiser.decode
    chosen, _ = choose(
        decode(catalogue.codes[free]), state.margins[free].astype(np.float32), state.accepted[free],
        decode(catalogue.codes[state.labelled]), first_box(state.rule, catalogue.codes[free]), count,
    )  # fmt: skip
    return free[chosen]


WAYS: dict[str, Way] = {"top": top, "suggest": suggest, "unsure": unsure, "random": random}


def search(catalogue: Catalogue, concept: Concept, way: Way, rounds: int, draw: int) -> list[tuple[float, float]]:
    """(F1, AP) after every round; the first labels are the same for every way."""
    generator = np.random.default_rng(zlib.crc32(f"{catalogue.name}/{concept.name}/{draw}".encode()))
    ranking = np.argsort(-text_scores(catalogue, concept), kind="stable")
    ranking = ranking[~concept.ignored[ranking]]
    labelled = generator.permutation(ranking[:PAGE])[:BATCH]
    if not concept.relevant[labelled].any():  # the user looks on until there is a right one
        labelled[0] = ranking[np.argmax(concept.relevant[ranking])]
    counted, figures = ~concept.ignored, []
    for number in range(rounds + 1):
        state = State(catalogue, concept, labelled, np.random.default_rng([draw, number]))
        truth = concept.relevant[counted]
        f1 = at_cut(truth, state.accepted[counted])["f1"]
        figures.append((f1, average_precision(truth, state.scores[counted])))
        if number < rounds:
            labelled = np.concatenate([labelled, way(catalogue, state, BATCH, generator)])
    return figures


def labels_to_reach(curve: NDArray[np.float64], goal: float) -> str:
    """Labels at which a curve over rounds first comes to ``goal``, by a straight line between rounds."""
    reached = np.flatnonzero(curve >= goal)
    if not len(reached):
        return f"over {BATCH * len(curve)}"
    last = int(reached[0])
    step = (goal - curve[last - 1]) / (curve[last] - curve[last - 1]) if last else 1.0
    return f"{BATCH * (last + float(step)):.0f}"


def difference(runs: NDArray[np.float64], others: NDArray[np.float64]) -> str:
    """Mean of paired differences and its interval."""
    paired = runs - others
    drawn = np.random.default_rng(0).integers(0, len(paired), (2_000, len(paired)))
    low, high = np.quantile(paired[drawn].mean(axis=1), (0.025, 0.975))
    return f"{paired.mean():+.3f} ({low:+.3f} to {high:+.3f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--catalogues", default="demo-hidden,coco,digits")
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("--concepts", type=int, default=8, help="most of a catalogue, spread over its list")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--draws", type=int, default=1)
    parser.add_argument("--cache", type=Path, default=ROOT / "data" / "benchmarks")
    options = parser.parse_args()
    steps = [BATCH * (number + 1) for number in range(options.rounds + 1)]
    print("| catalogue | way | " + " | ".join(f"F1 at {n}" for n in steps) + " | AP | labels to | against top |")
    print("| --- | --- |" + " --- |" * (len(steps) + 3))
    for name in options.catalogues.split(","):
        try:
            catalogue = CATALOGUES[name](options.cache.resolve())
        except Absent as reason:
            print(f"{name}: not measured, {reason}", file=sys.stderr)
            continue
        chosen = np.unique(np.linspace(0, len(catalogue.concepts) - 1, options.concepts).round().astype(int)).tolist()
        figures = {}
        for way in dict.fromkeys(["top", *options.ways.split(",")]):
            with threadpool_limits(1):
                figures[way] = np.array([
                    search(catalogue, catalogue.concepts[c], WAYS[way], options.rounds, draw)
                    for c in chosen for draw in range(options.draws)
                ])  # fmt: skip
        goal = 0.95 * max(float(runs[:, -1, 0].mean()) for runs in figures.values())
        for way, runs in figures.items():
            f1, ap = runs[:, :, 0].mean(axis=0), runs[:, -1, 1].mean()
            row = " | ".join(f"{value:.3f}" for value in f1)
            against = "" if way == "top" else difference(runs[:, -1, 0], figures["top"][:, -1, 0])
            needed = labels_to_reach(f1, goal)
            print(f"| {name} ({len(runs)}) | {way} | {row} | {ap:.3f} | {needed} | {against} |", flush=True)


if __name__ == "__main__":
    main()
