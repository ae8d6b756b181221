"""Searches from the first page to the last round, one user and one model at a time, and their figures."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.quality.catalogues import Catalogue, read
from benchmarks.quality.metrics import at_cut, average_precision, best_f1, precision_at
from benchmarks.quality.models import MODELS, Labels, Model, text_scores
from benchmarks.quality.users import SEEN, User

UNLABELLED = 1_000  # drawn at random for every round, as the search service does
_ENOUGH = 3  # relevant images that must be left to find

Record = dict[str, Any]


@dataclass(frozen=True)
class Search:
    """One concept of a catalogue, sought by one user; ``draw`` tells repetitions apart."""

    catalogue: str
    concept: int
    user: User
    draw: int


def simulate(catalogue: Catalogue, search: Search, model: Model) -> Iterator[Record]:
    """The figures after every round, over all that is not labelled by then."""
    concept, user = catalogue.concepts[search.concept], search.user
    key = f"{catalogue.name}/{concept.name}/{user.kind}/{user.labels}/{search.draw}"
    generator = np.random.default_rng(zlib.crc32(key.encode()))
    seen = concept.ignored.copy()
    unlabelled = np.ones(len(seen), bool)
    text = text_scores(catalogue, concept)
    ranking = np.argsort(-text, kind="stable")
    right = wrong = np.zeros(0, np.int64)
    for number in range(1, user.rounds + 1):
        newly_right, newly_wrong = user.label(concept, ranking, seen, number == 1, generator)
        right, wrong = np.concatenate([right, newly_right]), np.concatenate([wrong, newly_wrong])
        unlabelled[right] = unlabelled[wrong] = False
        counted = unlabelled & ~concept.ignored
        truth = concept.relevant[counted]
        if truth.sum() < _ENOUGH or not len(right):
            return
        drawn = generator.permutation(np.flatnonzero(unlabelled))[:UNLABELLED]
        outcome = model(catalogue, concept, Labels(right, wrong, drawn))
        ranking = np.argsort(-outcome.scores, kind="stable")
        scores = outcome.scores[counted]
        found = {
            "round": number,
            "labels": len(right) + len(wrong),
            "ap": average_precision(truth, scores),
            "text_ap": average_precision(truth, text[counted]),
            "p60": precision_at(truth, scores, SEEN),
            "best_f1": best_f1(truth, scores),
            "seconds": outcome.seconds,
        }
        if outcome.accepted is not None:
            found |= at_cut(truth, outcome.accepted[counted])
        if outcome.within is not None:
            found["ap_answer"] = average_precision(truth, outcome.within[counted])
        yield found


def run(searches: Sequence[Search], models: Sequence[str], paths: dict[str, Path], processes: int) -> list[Record]:
    """All searches by all models, in the order asked for, whatever the number of processes.

    paths: the cached file of each catalogue.
    """
    jobs = [(search, name, paths[search.catalogue]) for search in searches for name in models]
    if processes == 1:
        parts = [_job(job) for job in jobs]
    else:
        with ProcessPoolExecutor(processes, mp_context=get_context("forkserver")) as pool:
            parts = list(pool.map(_job, jobs, chunksize=max(1, min(40, len(jobs) // (8 * processes)))))
    return [record for part in parts for record in part]


_open: dict[str, Catalogue] = {}  # of this process, so that a worker reads a catalogue once


def _job(job: tuple[Search, str, Path]) -> list[Record]:
    search, name, path = job
    if search.catalogue not in _open:
        _open[search.catalogue] = read(search.catalogue, path)
    catalogue = _open[search.catalogue]
    about = {
        "catalogue": search.catalogue,
        "concept": catalogue.concepts[search.concept].name,
        "user": search.user.name,
        "kind": search.user.kind,
        "draw": search.draw,
        "model": name,
    }
    with threadpool_limits(1):
        return [about | record for record in simulate(catalogue, search, MODELS[name])]
