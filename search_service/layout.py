"""A map of an answer: every image shown is a point, and images that look alike lie near each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans
from sklearn.manifold import TSNE
from sklearn.neighbors import KNeighborsRegressor
from threadpoolctl import threadpool_limits

MAX_SHOWN = 20_000  # points of a map
GRID = 4096  # points lie on whole numbers from 0 to this, which a screen cannot tell from real ones
_LANDMARKS = 1_500
_STEPS = 400
_PERPLEXITY = 30
_FEWEST = 12  # images of an answer that t-SNE says something about
_NEIGHBOURS = 5
_MOST_GROUPS, _GROUP = 12, 40

Vectors = npt.NDArray[np.float32]
Points = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Layout:
    """points: int32 (n, 2), from 0 to GRID; groups: int32 (n,), the group of each, the largest group being 0."""

    points: Points
    groups: npt.NDArray[np.int32]


def sample_of(total: int) -> npt.NDArray[np.int64]:
    """Places in an answer that a map shows: all, or MAX_SHOWN spread evenly from the best to the last."""
    if total <= MAX_SHOWN:
        return np.arange(total)
    return np.linspace(0, total - 1, MAX_SHOWN).astype(np.int64)


def lay_out(vectors: Vectors) -> Layout:
    """The same map for the same unit vectors, float32 (n, d), best first.

    t-SNE (van der Maaten and Hinton, 2008) places up to 1,500 of them, evenly taken; each other one lies between its
    nearest five of those. Groups are the k-means clusters of the points, so that they are what one sees.
    """
    if not len(vectors):
        return Layout(np.zeros((0, 2), np.int32), np.zeros(0, np.int32))
    # Sums of several threads differ in their last bits, and a map must not change between two visits.
    with threadpool_limits(1):
        placed = _placed(vectors)
        low, high = placed.min(axis=0), placed.max(axis=0)
        scale = GRID / max(float((high - low).max()), 1e-12)
        points = np.rint((placed - (low + high) / 2) * scale + GRID / 2).astype(np.int32)
        return Layout(points, _groups(points))


def _placed(vectors: Vectors) -> npt.NDArray[np.float64]:
    distinct, first, back = np.unique(vectors, axis=0, return_index=True, return_inverse=True)
    if len(distinct) < _FEWEST:
        spread = np.argsort(np.argsort(first)) * 2 * np.pi / len(distinct)
        circle = np.column_stack([np.cos(spread), np.sin(spread)])
        return np.asarray(circle[back.reshape(-1)], np.float64)
    chosen = np.linspace(0, len(distinct) - 1, min(len(distinct), _LANDMARKS)).astype(np.int64)
    landmarks = distinct[chosen]
    perplexity = min(_PERPLEXITY, (len(landmarks) - 1) / 3)
    model = TSNE(2, perplexity=perplexity, init="pca", max_iter=_STEPS, random_state=0, n_jobs=1)
    places = model.fit_transform(landmarks)
    if len(chosen) < len(distinct):
        between = KNeighborsRegressor(_NEIGHBOURS, weights="distance", n_jobs=1).fit(landmarks, places)
        places = between.predict(distinct)
    return np.asarray(places[back.reshape(-1)], np.float64)


def _groups(points: Points) -> npt.NDArray[np.int32]:
    wanted = int(np.clip(len(points) // _GROUP, 1, _MOST_GROUPS))
    wanted = min(wanted, len(np.unique(points, axis=0)))
    labels = KMeans(wanted, n_init=2, random_state=0).fit_predict(points.astype(np.float64))
    by_size = np.argsort(-np.bincount(labels, minlength=wanted), kind="stable")
    return np.argsort(by_size).astype(np.int32)[labels]
