"""Compile (or load from the cache) every kernel before the first request needs it."""

from __future__ import annotations

import numpy as np

from clip_branches.engine.answers import AnswerSet, best_first
from clip_branches.engine.box import Box
from clip_branches.engine.catalogue_engine import Part
from clip_branches.engine.explain import Rule
from clip_branches.engine.feedback import explanation_boxes, fit_feedback
from clip_branches.engine.index import BoxIndex
from clip_branches.engine.survey import survey_parts


def warm_up() -> None:
    """Run every kernel once on a few random codes; afterwards no request waits for a compiler."""
    codes = np.random.default_rng(0).integers(0, 256, (400, 32), dtype=np.uint8)
    for presorted in (False, True):
        index = BoxIndex.build(codes, presorted=presorted, block_size=32)
        index.query([Box([0, 1], [10, 10], [200, 200])])
        index.vote([[Box([0], [10], [200])]] * 300, 1)
        index.union([Box([0], [10], [200])], np.ones(32, np.float32))
        index.count([Box([0, 1, 2, 3, 4], [10] * 5, [200] * 5)])
        index.count_rows([Box([0], [10], [200])], [3, 7])
        index.codes([0, 1])
        index.codes(np.arange(4_000) % 400)
        index.score([1, 0], np.ones(32, np.float32))
        for count in (2, 5_000):  # few hits are sorted by comparing, more by their digits; votes go along with places
            ids, scores = np.arange(count, dtype=np.uint64), np.linspace(0, 1, count, dtype=np.float32)
            votes = (ids % np.uint64(3)).astype(np.int16)
            for writeable in (True, False):  # the ids of a segment are mapped, and cannot be written
                ids.flags.writeable = writeable
                AnswerSet.ordered(ids, scores)
                AnswerSet.ordered(ids, scores, votes)
                best_first(scores, ids.view(np.int64))
        index.nearest(np.ones(32, np.float32), 3)
        index.score_all(np.ones(32, np.float32))
        for name in ("linear", "branch", "ensemble"):
            labels = {"positive": codes[:5], "negative": codes[5:10], "unlabelled": codes[10:60]}
            model = fit_feedback(name, anchor=None, **labels)  # type: ignore[arg-type]
            index.search(model)
            boxes = explanation_boxes(model, **labels)  # type: ignore[arg-type]
            rule = Rule(model, boxes, (), None)
            for live in (None, np.arange(400) % 2 == 0):
                survey_parts([Part(index, np.arange(400, dtype=np.uint64), live)], rule, rule.boxes[:9], 60, None)
