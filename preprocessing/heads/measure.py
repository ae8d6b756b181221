"""Recall of pairs: how often the right partner is among the first k, by floats, projections and codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from clip_branches.encoding import Head, Quantiser
from clip_branches.encoding.quantiser import make_quantiser
from preprocessing.heads.pairs import Pairs

Rows = npt.NDArray[np.float32]
KS = (1, 5, 10)
QUANTISERS = ("affine", "uniform", "equi-depth")
_BLOCK = 1_024

# {method: {direction: {k: recall}}}
Figures = dict[str, dict[str, dict[str, float]]]


class Side(NamedTuple):
    """One direction of search: ``queries`` (n, d) and ``gallery`` (m, d); ``own`` (n,) is each query's right row."""

    queries: Rows
    gallery: Rows
    own: npt.NDArray[np.int64]


def ranks(side: Side, groups: npt.NDArray[np.int64] | None = None) -> npt.NDArray[np.int64]:
    """How many rows of the gallery come before the right one (n,), best 0; an equal score counts as before.

    Rows of the query's own group are as right as the right one: they neither count nor help.
    """
    found = np.empty(len(side.queries), dtype=np.int64)
    for start in range(0, len(side.queries), _BLOCK):
        block = slice(start, start + _BLOCK)
        scores = side.queries[block] @ side.gallery.T
        own = scores[np.arange(len(scores)), side.own[block]]
        before = scores >= own[:, None]
        if groups is not None:
            before &= groups[None, :] != groups[side.own[block]][:, None]
        else:
            before[np.arange(len(scores)), side.own[block]] = False
        found[block] = before.sum(axis=1)
    return found


def recall(ranked: npt.NDArray[np.int64], ks: Sequence[int] = KS) -> dict[str, float]:
    """Share of ``ranked`` below each k, as {"1": ..., "5": ..., "10": ...}."""
    return {str(k): round(float((ranked < k).mean()), 4) for k in ks}


def validation_score(images: Rows, texts: Rows, groups: npt.NDArray[np.int64]) -> float:
    """The mean recall at 1, 5 and 10, in both directions: finer than any one of them on few pairs."""
    own = np.arange(len(images))
    both = [ranks(Side(texts, images, own), groups), ranks(Side(images, texts, own), groups)]
    return float(np.mean([(found < k).mean() for found in both for k in KS]))


def measure(train: Pairs, test: Pairs, head: Head, gallery: Pairs | None = None) -> Figures:
    """Recall on ``test`` by method: floats, principal axes, the head, and codes of the head by each quantiser.

    ``train`` fits what needs fitting (principal axes, quantisers). With a ``gallery``, its pairs are searched too.
    Codes are compared as a search compares them: the text's floats with what the images' codes stand for.
    """
    extra = gallery if gallery is not None else test.take(np.empty(0, dtype=np.int64))
    own = np.arange(len(test))
    groups = np.concatenate([test.groups, extra.groups])
    pca = Head.fit_linear(train.images, train.texts, head.output_dim)
    found: Figures = {}

    def add(name: str, images: Rows, texts: Rows) -> None:
        # Rows of the gallery stand behind those of the test, on both sides.
        found[name] = {
            "text_to_image": recall(ranks(Side(texts[own], images, own), groups)),
            "image_to_text": recall(ranks(Side(images[own], texts, own), groups)),
        }

    images = np.concatenate([test.images, extra.images])
    texts = np.concatenate([test.texts, extra.texts])
    add("floats", images, texts)
    add("pca", pca.project_images(images), pca.project_texts(texts))
    projected, words = head.project_images(images), head.project_texts(texts)
    add("head", projected, words)
    fitted_to = head.project_images(train.images)
    for kind in QUANTISERS:
        quantiser = make_quantiser(kind).fit(fitted_to)
        add(f"codes, {kind}", _coded(quantiser, projected), words)
    return found


def _coded(quantiser: Quantiser, rows: Rows) -> Rows:
    return quantiser.decode(quantiser.encode(rows))
