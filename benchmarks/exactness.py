"""Every indexed answer against brute force, at a size that tests have no time for; to be run at night.

    python -m benchmarks.exactness [--rows 1e6] [--rounds 5] [--seed 0]

Codes of six characters (uniform, clumped, few values, duplicates, a constant, extremes); each is indexed in order, out
of order, and saved and mapped again. Boxes, votes, counts, complete linear sets, nearest rows, surveys, and the whole
search of every model are compared with plain NumPy over all rows, to the last bit. The first difference is printed with
the seed that gives it again, and ends the run with status 1.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.speed.work import engine_over
from clip_branches.engine import (
    Box,
    BoxIndex,
    BranchEnsemble,
    DecisionBranch,
    LinearScorer,
    Rule,
    fit_feedback,
    index_order,
)
from clip_branches.engine.branch import squashed
from clip_branches.engine.survey import survey

Codes = NDArray[np.uint8]
Checks = Iterator[tuple[str, bool]]
CHARACTERS = ("uniform", "clumped", "few values", "duplicates", "constant", "extremes")


def codes_of(character: str, rows: int, generator: np.random.Generator) -> Codes:
    """Codes (rows, 32) of a character."""
    if character == "clumped":
        centres = generator.integers(40, 216, (64, 32))
        spread = generator.normal(0, 14, (rows, 32))
        return np.clip(centres[generator.integers(0, 64, rows)] + spread, 0, 255).astype(np.uint8)
    codes = generator.integers(0, 256, (rows, 32), dtype=np.uint8)
    if character == "few values":
        return codes // 64
    if character == "duplicates":
        return codes[generator.integers(0, max(1, rows // 50), rows)]
    if character == "constant":
        codes[:, ::2] = 128
    return np.where(codes > 127, 255, 0).astype(np.uint8) if character == "extremes" else codes


def random_boxes(codes: Codes, count: int, generator: np.random.Generator) -> list[Box]:
    """Boxes around rows of the catalogue, from a single code to open sides, some crossed and so empty."""
    boxes = []
    for _ in range(count):
        features = generator.choice(32, generator.integers(0, 7), replace=False)
        centre = codes[generator.integers(len(codes)), features].astype(int)
        reach = generator.choice([0, 3, 20, 60, 255], len(features))
        low, high = np.clip(centre - reach, 0, 255), np.clip(centre + reach, 0, 255)
        if len(features) and generator.random() < 0.1:
            low, high = high, low
        boxes.append(Box(features, low, high))
    return boxes


def inside(box: Box, codes: Codes) -> NDArray[np.bool_]:
    held = np.ones(len(codes), bool)
    for feature, low, high in zip(box.features, box.low, box.high, strict=True):
        held &= (codes[:, feature] >= low) & (codes[:, feature] <= high)
    return held


def votes_of(branches: Sequence[Sequence[Box]], codes: Codes) -> NDArray[np.int32]:
    votes = np.zeros(len(codes), np.int32)
    for boxes in branches:
        held = np.zeros(len(codes), bool)
        for box in boxes:
            held |= inside(box, codes)
        votes += held
    return votes


def scores_of(codes: Codes, weights: Any, bias: Any) -> NDArray[np.float32]:
    """In float32, bias first, then the dimensions in order."""
    weights = np.asarray(weights, np.float32)
    scores = np.full(len(codes), np.float32(bias), np.float32)
    for d in range(32):
        scores += weights[d] * codes[:, d].astype(np.float32)
    return scores


def best_first(scores: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    return rows[np.lexsort((rows, -scores[rows].astype(np.float64)))]


def check_index(index: BoxIndex, codes: Codes, generator: np.random.Generator) -> Checks:
    """Queries, votes, counts, thresholds and neighbours with random arguments."""
    boxes = random_boxes(codes, int(generator.integers(1, 9)), generator)
    hits = sum((inside(box, codes).astype(np.int32) for box in boxes), np.zeros(len(codes), np.int32))
    rows, found = index.query(boxes)
    yield "query", np.array_equal(rows, np.flatnonzero(hits)) and np.array_equal(found, hits[hits > 0])
    yield "count", index.count(boxes).tolist() == [int(inside(box, codes).sum()) for box in boxes]
    branches = [random_boxes(codes, int(generator.integers(0, 4)), generator) for _ in range(5)]
    votes, need = votes_of(branches, codes), int(generator.integers(1, 4))
    rows, found = index.vote(branches, need)
    yield "vote", np.array_equal(rows, np.flatnonzero(votes >= need)) and np.array_equal(found, votes[votes >= need])
    weights, bias = generator.normal(size=32), float(generator.normal())
    scores = scores_of(codes, weights, bias)
    yield "score_all", index.score_all(weights, bias).tobytes() == scores.tobytes()
    rows, found = index.union(boxes, weights, bias)
    yield "union", np.array_equal(rows, np.flatnonzero(hits)) and found.tobytes() == scores[hits > 0].tobytes()
    for share in (0.0, 1e-4, 0.01, 0.5, 1.0):
        threshold = float(np.quantile(scores, 1 - share, method="nearest"))
        rows, found = index.above(weights, bias, threshold)
        ref = np.flatnonzero(scores >= np.float32(threshold))
        yield "above", np.array_equal(rows, ref) and found.tobytes() == scores[ref].tobytes()
    everything = np.arange(len(codes))
    for k in (1, 60, 5_000):
        rows, found = index.nearest(weights, k, bias)
        ref = best_first(scores, everything)[:k]
        yield "nearest", np.array_equal(rows, ref) and found.tobytes() == scores[ref].tobytes()


def check_models(index: BoxIndex, codes: Codes, generator: np.random.Generator) -> Checks:
    """The whole search of each model, trained on the neighbours of a random row."""
    centre = codes[generator.integers(len(codes))].astype(int)
    drawn = np.sort(generator.choice(len(codes), min(len(codes), 2_000), replace=False))
    near = drawn[np.argsort(((codes[drawn] - centre) ** 2).sum(axis=1), kind="stable")]
    labels = {"positive": codes[near[:10]], "negative": codes[near[200:210]], "unlabelled": codes[drawn[::2]]}
    for name in ("linear", "branch", "ensemble"):
        model = fit_feedback(name, **labels, random_state=0)
        rows, values = index.search(model)
        if isinstance(model, LinearScorer):
            scores = scores_of(codes, model.weights_, model.bias_)
            ref = best_first(scores, np.flatnonzero(scores >= model.threshold_))
            yield name, np.array_equal(rows, ref) and values.tobytes() == scores[ref].tobytes()
        elif isinstance(model, DecisionBranch | BranchEnsemble):
            branches = model.boxes_ if isinstance(model, BranchEnsemble) else [model.boxes_]
            votes = votes_of(branches, codes)
            accepted = np.flatnonzero(votes >= getattr(model, "need_", 1))
            ranker = model.ranker_
            margins = scores_of(codes, ranker.weights_, ranker.bias_) - ranker.threshold_
            ref = best_first(squashed(margins), accepted)
            yield name, np.array_equal(rows, ref) and np.array_equal(values, votes[rows])


def check_surveys(index: BoxIndex, codes: Codes, generator: np.random.Generator) -> Checks:
    """What a survey says of an answer: how many, the first of them, and what boxes hold of it."""
    engine, boxes = engine_over(index), random_boxes(codes, 8, generator)
    boxes = [box for box in dict.fromkeys(boxes) if not box.empty]
    held = np.array([inside(box, codes) for box in boxes]).reshape(len(boxes), len(codes))
    ids = np.asarray(engine.parts()[0].ids)
    scorer = LinearScorer()
    scorer.weights_, scorer.bias_ = generator.normal(size=32).astype(np.float32), np.float32(generator.normal())
    scores = scores_of(codes, scorer.weights_, scorer.bias_)
    branch = DecisionBranch()
    branch.boxes_, branch.ranker_ = boxes, scorer
    off = np.arange(len(boxes)) % 3 == 1
    for share in (1e-4, 0.01, 0.3, 1.0):
        scorer.threshold_ = np.float32(np.quantile(scores, 1 - share, method="nearest"))
        scorer._fitted()
        branch._fitted()
        for name, model in (("score survey", scorer), ("box survey", branch), ("survey with boxes off", scorer)):
            on = ~off if name == "survey with boxes off" else np.ones(len(boxes), bool)
            accepted = held.any(axis=0) if model is branch else scores >= scorer.threshold_
            accepted = accepted & ~(held[~on].any(axis=0) & ~held[on].any(axis=0))
            rule = Rule(model, boxes, [box.id for box, stays in zip(boxes, on, strict=True) if not stays])
            told = survey(engine, rule, boxes, 256)
            order = squashed(scores - scorer.threshold_) if model is branch else scores
            rows = np.flatnonzero(accepted)
            first = rows[np.lexsort((ids[rows], -order[rows].astype(np.float64)))][: told.head.total]
            alone = (held & accepted & (held[on].sum(axis=0) == 1)).sum(axis=1) * on
            yield (
                name,
                (
                    told.total == len(rows)
                    and np.array_equal(told.head.ids, ids[first])
                    and told.head.scores.tobytes() == order[first].tobytes()
                    and np.array_equal(told.inside, held.sum(axis=1))
                    and np.array_equal(told.accepted, (held & accepted).sum(axis=1))
                    and np.array_equal(told.alone, alone)
                    and told.covered == int((held[on].any(axis=0) & accepted).sum())
                ),
            )


def indexes_of(codes: Codes, folder: Path) -> Iterator[tuple[str, BoxIndex, Codes]]:
    """The same codes indexed three ways, each with the codes as its row numbers count them."""
    yield "unordered", BoxIndex.build(codes), codes
    ordered = codes[index_order(codes)]
    yield "ordered", BoxIndex.build(ordered, presorted=True), ordered
    BoxIndex.build(ordered, presorted=True).save(folder / "boxes.cbx")
    yield "mapped", BoxIndex.open(folder / "boxes.cbx"), ordered


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=float, default=1e6)
    parser.add_argument("--rounds", type=int, default=5, help="of each character and kind of index")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    checks: tuple[Callable[[BoxIndex, Codes, np.random.Generator], Checks], ...] = (
        check_index,
        check_models,
        check_surveys,
    )
    rows, compared, started = int(options.rows), 0, time.perf_counter()
    print(f"{rows:,} rows, {options.rounds} rounds, seed {options.seed}")
    for character in CHARACTERS:
        codes = codes_of(character, rows, np.random.default_rng([options.seed, CHARACTERS.index(character)]))
        done: dict[str, int] = {}
        with tempfile.TemporaryDirectory() as folder:
            for kind, index, own in indexes_of(codes, Path(folder)):
                for number in range(options.rounds):
                    generator = np.random.default_rng([options.seed, number])
                    for check in checks:
                        for name, same in check(index, own, generator):
                            if not same:
                                print(f"DIFFERENT: {name}, {character} codes, {kind} index, round {number}")
                                sys.exit(1)
                            done[name] = done.get(name, 0) + 1
                del index
        compared += sum(done.values())
        print(f"  {character:10} " + ", ".join(f"{name} {count}" for name, count in done.items()))
    print(f"{compared} answers equal brute force, {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
