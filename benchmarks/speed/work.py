"""The engine's work at one size, each piece beside its peers: rows of one table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.speed import peers
from benchmarks.speed.codes import boxes_around, direction_to
from benchmarks.speed.measure import Timed, timed
from clip_branches.engine import Box, BoxIndex, BranchEnsemble, CatalogueEngine, DecisionBranch, LinearScorer
from clip_branches.engine.reading import Reading

_FOREST_ROWS = 200_000  # a forest predicts so many; more are counted in proportion
_SECONDS = 1.0


@dataclass(frozen=True)
class Row:
    """One line of the table; ``goal`` in milliseconds at ``goal_rows`` rows, None where there is none."""

    work: str
    ours: Timed
    note: str
    peer: str = ""
    peer_ms: float | None = None
    goal: float | None = None


def measure(
    index: BoxIndex, codes: NDArray[np.uint8], *, scan: bool, others: bool, goals: dict[str, float]
) -> Iterator[Row]:
    """codes: (n, 32) in index order; scan: with a columnar copy as a peer; others: with those that need minutes."""
    n = len(codes)
    engine = engine_over(index)
    columns = np.ascontiguousarray(codes.T) if scan else None
    words = codes.reshape(-1)[: codes.size // 8 * 8].view(np.uint64)
    bandwidth = codes.size / timed(lambda: peers.read_all(words), seconds=1).best / 1e6
    yield Row("read all codes once, one core", timed(lambda: peers.read_all(words)), f"{bandwidth:.1f} GB/s")

    for count in (1, 5):
        boxes = _narrow(codes, count)
        model = _branch(boxes, codes)
        reading = Reading()
        total = engine.search(model, reading).total
        ours = timed(lambda model=model: engine.search(model), seconds=_SECONDS)
        note = f"{total / n:.3%} of the rows, read {reading.bytes / codes.size:.1%}"
        name = f"one branch of {count} box{'es' if count > 1 else ''}, ids best first"
        yield Row(name, ours, note, *_scanned(columns, boxes), goals.get("branch"))
        yield Row("  only which rows", timed(lambda boxes=boxes: index.query(boxes)), "", *_scanned(columns, boxes))
        if columns is not None and others:
            yield Row("  the same in numpy", timed(lambda boxes=boxes: peers.numpy_scan(columns, boxes), least=2), "")

    boxes = boxes_around(codes, 100, 4, 14, 9)
    reading = Reading()
    found = len(index.noting(reading).query(boxes)[0])
    note = f"{found / n:.1%} of the rows, read {reading.bytes / codes.size:.0%}"
    yield Row("100 boxes", timed(lambda: index.query(boxes)), note, *_scanned(columns, boxes), goals.get("hundred"))
    yield Row("exact counts of 12 boxes", timed(lambda: index.count(boxes[:12])), "", *_scanned(columns, boxes[:12]))

    weights = direction_to(codes, 5)
    scores = index.score_all(weights)
    peer = _product(codes, weights) if others else None
    for share in (0.01, 0.001):
        threshold = float(np.quantile(scores[:: max(1, n // 10**6)], 1 - share))
        reading = Reading()
        rows = index.noting(reading).above(weights, 0.0, threshold)[0]
        ours = timed(lambda t=threshold: index.above(weights, 0.0, t), seconds=_SECONDS)
        note = f"{len(rows) / n:.3%} of the rows, read {reading.bytes / codes.size:.0%}"
        yield Row("linear score, complete set", ours, note, *_named("numpy float32 product", peer), goals.get("linear"))
    answer = engine.search(_linear(weights, threshold))
    twelve = boxes_around(codes, 12, 4, 25, 3)
    yield Row(
        "counts of 12 boxes within an answer",
        timed(lambda: engine.count_within(twelve, answer)),
        f"{answer.total:,} ids",
    )
    yield Row(
        "scores of all rows",
        timed(lambda: index.score_all(weights), least=3),
        "",
        *_named("numpy float32 product", peer),
    )

    reading = Reading()
    index.noting(reading).nearest(weights, 60)
    ours = timed(lambda: index.nearest(weights, 60), seconds=_SECONDS)
    note = f"read {reading.bytes / codes.size:.0%}"
    if not others:
        yield Row("60 nearest", ours, note, goal=goals.get("nearest"))
    else:
        query = weights[None]
        for name, other in peers.faiss_indexes(codes).items():
            took = timed(lambda other=other: other.search(query, 60), least=3).best
            yield Row("60 nearest", ours, note, name, took, goals.get("nearest"))
    if others:
        yield from _forest(codes, engine)


def _forest(codes: NDArray[np.uint8], engine: Any) -> Iterator[Row]:
    generator = np.random.default_rng(2)
    centre = codes[generator.integers(len(codes))].astype(int)
    some = codes[generator.integers(0, len(codes), 200_000)]
    near = np.argsort(((some.astype(int) - centre) ** 2).sum(axis=1))
    positive, negative, rest = some[near[:20]], some[near[-20:]], codes[generator.integers(0, len(codes), 5_000)]
    training = np.vstack([positive, negative]), np.repeat([1, 0], 20)
    fitted = timed(
        lambda: BranchEnsemble(random_state=0).fit(*training, unlabelled=rest, workers=engine.workers),
        least=3,
        seconds=1,
    )
    forest = peers.random_forest(codes, positive, rest)
    trained = timed(lambda: peers.random_forest(codes, positive, rest), least=3, seconds=1).best
    yield Row("train an ensemble of 25, 20 right and 5,000 unlabelled", fitted, "", "random forest of 25", trained, 150)
    rows = min(len(codes), _FOREST_ROWS)
    took = timed(lambda: forest.predict(codes[:rows]), least=2, seconds=1).best * len(codes) / rows
    ours = timed(lambda: engine.search(fitted.result), least=3)
    note = f"{ours.result.total / len(codes):.2%} of the rows, {sum(map(len, fitted.result.boxes_))} boxes"
    yield Row("answer of an ensemble of 25, best first", ours, note, "random forest of 25, predict", took)


def engine_over(index: BoxIndex) -> Any:
    """The engine over one segment with ids in no order, as in a catalogue."""
    ids = np.random.default_rng(0).permutation(index.n_rows).astype(np.uint64) + np.uint64(1)
    row_of = np.empty(index.n_rows + 1, np.uint32)
    row_of[ids] = np.arange(index.n_rows, dtype=np.uint32)
    catalogue = SimpleNamespace(
        segments=(SimpleNamespace(ids=ids, rows=index.n_rows),),
        deleted=np.zeros(0, np.uint64),
        locate=lambda wanted: (np.zeros(len(wanted), np.int64), row_of[wanted].astype(np.int64)),
    )
    return CatalogueEngine(catalogue, [index], None)  # type: ignore[arg-type]


def _narrow(codes: NDArray[np.uint8], count: int) -> list[Box]:
    """Boxes that together hold under 1 % of the rows, as far as a sample of them tells."""
    sample = codes[:: max(1, len(codes) // 200_000)]
    for width in range(40, 4, -2):
        boxes = boxes_around(codes, count, 5, width, 11)
        share = np.any([box.contains(sample) for box in boxes], axis=0).mean()
        if share < 0.008:
            return boxes
    return boxes


def _linear(weights: NDArray[np.float32], threshold: float) -> LinearScorer:
    scorer = LinearScorer()
    scorer.weights_, scorer.bias_, scorer.threshold_ = weights, np.float32(0), np.float32(threshold)
    scorer._fitted()
    return scorer


def _branch(boxes: list[Box], codes: NDArray[np.uint8]) -> DecisionBranch:
    branch = DecisionBranch()
    branch.boxes_, branch.ranker_ = boxes, _linear(direction_to(codes, 4), 0.0)
    branch._fitted()
    return branch


def _scanned(columns: NDArray[np.uint8] | None, boxes: list[Box]) -> tuple[str, float | None]:
    if columns is None:
        return "", None
    return _named("columnar scan", timed(lambda: peers.columnar_scan(columns, boxes), least=3).best)


def _product(codes: NDArray[np.uint8], weights: NDArray[np.float32]) -> float:
    def product() -> NDArray[np.float32]:
        out = np.empty(len(codes), np.float32)
        for start in range(0, len(codes), 1 << 16):
            out[start : start + (1 << 16)] = codes[start : start + (1 << 16)].astype(np.float32) @ weights
        return out

    with threadpool_limits(1):  # threads would only wait for each other on vectors this short
        return timed(product, least=2, seconds=1).best


def _named(name: str, took: float | None) -> tuple[str, float | None]:
    return (name, took) if took is not None else ("", None)
