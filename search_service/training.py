"""Models trained for queries: each once, however often boxes are switched off and hits explained."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt

from clip_branches.engine import Box, explanation_boxes, fit_feedback
from clip_branches.engine.feedback import Model
from search_service.query import Query
from search_service.served import Served

_SHOWN_BOXES = 12
_KEPT = 64


class Trained:
    """A fitted model; and, grown when they are first asked for, the boxes that tell most of its answer."""

    def __init__(self, model: Model, describe: Callable[[], list[Box]]) -> None:
        self.model = model
        self._describe = describe
        self._described: tuple[Box, ...] | None = None
        self._lock = threading.Lock()

    @property
    def described(self) -> tuple[Box, ...]:
        """The boxes, the most telling first; any number of threads may ask, one of them grows them."""
        with self._lock:
            if self._described is None:
                self._described = tuple(self._describe())
            return self._described


class TrainedModels:
    """The models trained last, by the digest of their training query; a model is never changed after its fit."""

    def __init__(self, unlabelled: int) -> None:
        self._unlabelled = unlabelled
        self._models: OrderedDict[str, Trained] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, query: Query, vector: npt.NDArray[np.float32] | None, served: Served) -> Trained:
        """The model of a query with labels; a pure function of the arguments."""
        digest = query.training.result_set(served.fingerprint, self._unlabelled)
        with self._lock:
            known = self._models.get(digest)
            if known is not None:
                self._models.move_to_end(digest)
                return known
        trained = _train(query, vector, served, self._unlabelled, digest)
        with self._lock:
            self._models[digest] = trained
            while len(self._models) > _KEPT:
                self._models.popitem(last=False)
        return trained


def _train(
    query: Query, vector: npt.NDArray[np.float32] | None, served: Served, unlabelled: int, digest: str
) -> Trained:
    # All randomness comes from the request: the digest picks the unlabelled images, never a labelled one.
    generator = np.random.default_rng(int(digest, 16))
    engine = served.engine
    codes = {
        "positive": engine.codes_of(query.positive),
        "negative": engine.codes_of(query.negative),
        "unlabelled": engine.sample(unlabelled, generator, exclude=(*query.positive, *query.negative)),
    }
    model = fit_feedback(
        "auto" if query.model == "text" else query.model,
        anchor=vector,
        quantiser=served.quantiser,
        random_state=query.seed,
        workers=engine.workers,
        **codes,
    )
    return Trained(model, partial(explanation_boxes, model, random_state=query.seed, limit=_SHOWN_BOXES, **codes))
