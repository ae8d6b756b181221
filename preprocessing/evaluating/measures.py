"""What a model's vectors are good for: finding images by an image, telling classes, finding images by words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from preprocessing.evaluating.average_precision import average_precisions
from preprocessing.evaluating.labelled import Labelled

Array = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]
RECALLS = (1, 5, 10)
# The published evaluation of k-NN classification: 21 neighbours, weights exp(cosine / 0.1).
NEIGHBOURS = 21
_TEMPERATURE = 0.1
_BLOCK = 512


def mean_average_precision(vectors: Array, labels: Labels) -> float:
    """Mean of the full average precisions of unit ``vectors`` (n, d): every image asks for those of its label."""
    return float(average_precisions(vectors, labels).mean())


def knn_accuracy(vectors: Array, labels: Labels, neighbours: int = NEIGHBOURS) -> float:
    """Share of the images whose label their nearest ``neighbours`` tell, the image itself left out.

    Each neighbour votes with exp(cosine / 0.1) for its label (Wu et al., CVPR 2018); the strongest label wins, of
    equal ones the lower.
    """
    count = min(neighbours, len(vectors) - 1)
    if count < 1:
        return 0.0
    right = 0
    for start in range(0, len(vectors), _BLOCK):
        block = np.arange(start, min(start + _BLOCK, len(vectors)))
        scores = vectors[block] @ vectors.T
        scores[np.arange(len(block)), block] = -np.inf
        near = np.argpartition(-scores, count - 1, axis=1)[:, :count]
        votes = np.zeros((len(block), int(labels.max()) + 1))
        weights = np.exp(np.take_along_axis(scores, near, axis=1).astype(np.float64) / _TEMPERATURE)
        np.add.at(votes, (np.arange(len(block))[:, None], labels[near]), weights)
        right += int((votes.argmax(axis=1) == labels[block]).sum())
    return right / len(vectors)


def zero_shot_accuracy(vectors: Array, classes: Array, labels: Labels) -> float:
    """Share of unit ``vectors`` (n, d) whose most alike row of ``classes`` (c, d) is that of their label."""
    parts = [
        (vectors[start : start + _BLOCK] @ classes.T).argmax(axis=1) == labels[start : start + _BLOCK]
        for start in range(0, len(vectors), _BLOCK)
    ]
    return float(np.concatenate(parts).mean())


def text_recall(
    vectors: Array, texts: Array, asked: npt.NDArray[np.int64], limits: Sequence[int] = RECALLS
) -> dict[str, float]:
    """Share of the pairs whose text finds one of its images among the first ``limits``, as {"R@1": ...}.

    ``texts`` (m, d) are unit rows of different texts, ``asked`` (p, 2) the pairs: the row of a text and that of an
    image that it belongs to. A text that several images have is right with any of them, and asked once a pair. An
    equal product of a wrong image counts as before.
    """
    best = np.full(len(texts), -np.inf, dtype=np.float32)
    own: dict[int, list[int]] = {}
    for text, image in asked.tolist():
        own.setdefault(text, []).append(image)
    ranks = np.zeros(len(texts), dtype=np.int64)
    for start in range(0, len(texts), _BLOCK):
        scores = texts[start : start + _BLOCK] @ vectors.T
        for row in range(len(scores)):
            right = own.get(start + row, [])
            if right:
                best[start + row] = scores[row, right].max()
                scores[row, right] = -np.inf
        ranks[start : start + _BLOCK] = (scores >= best[start : start + _BLOCK, None]).sum(axis=1)
    of_pairs = ranks[asked[:, 0]]
    return {f"R@{limit}": float((of_pairs < limit).mean()) for limit in limits}


def caption_pairs(data: Labelled) -> tuple[list[str], npt.NDArray[np.int64]]:
    """The different captions, and the pairs (p, 2) of a caption's and an image's row; both may be empty."""
    place: dict[str, int] = {}
    pairs = [
        (place.setdefault(caption, len(place)), row)
        for row, captions in enumerate(data.captions)
        for caption in captions
    ]
    return list(place), np.array(pairs, dtype=np.int64).reshape(-1, 2)
