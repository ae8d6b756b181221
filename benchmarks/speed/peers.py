"""What the engine is measured against, in the same run, on the same codes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from clip_branches.engine import Box


@njit(nogil=True)
def read_all(words: Any) -> Any:
    """Sum of all words: how fast memory can be read."""
    total = np.uint64(0)
    for i in range(words.shape[0]):
        total += words[i]
    return total


@njit(nogil=True)
def _scan(columns: Any, features: Any, lows: Any, highs: Any, mask: Any, first: Any) -> None:
    for k in range(features.shape[0]):
        column, low, span = columns[features[k]], lows[k], np.uint8(highs[k] - lows[k])
        if k == 0:
            for r in range(mask.shape[0]):
                mask[r] = np.uint8(np.uint8(column[r] - low) <= span)
        else:
            for r in range(mask.shape[0]):
                mask[r] = np.uint8(mask[r] & np.uint8(np.uint8(column[r] - low) <= span))


@njit(nogil=True)
def _add(votes: Any, mask: Any) -> None:
    for r in range(votes.shape[0]):
        votes[r] = np.uint8(votes[r] + mask[r])


def columnar_scan(columns: NDArray[np.uint8], boxes: list[Box]) -> NDArray[np.int64]:
    """Rows inside at least one box by a plain scan over whole columns (32, n), in numba on one core."""
    votes = np.zeros(columns.shape[1], np.uint8)
    mask = np.empty(columns.shape[1], np.uint8)
    for box in boxes:
        _scan(columns, np.array(box.features), np.array(box.low, np.uint8), np.array(box.high, np.uint8), mask, True)
        _add(votes, mask)
    return np.flatnonzero(votes)


def numpy_scan(columns: NDArray[np.uint8], boxes: list[Box]) -> NDArray[np.int64]:
    """The same in numpy."""
    found = np.zeros(columns.shape[1], bool)
    for box in boxes:
        inside = np.ones(columns.shape[1], bool)
        for feature, low, high in zip(box.features, box.low, box.high, strict=True):
            inside &= (columns[feature] >= low) & (columns[feature] <= high)
        found |= inside
    return np.flatnonzero(found)


def random_forest(codes: NDArray[np.uint8], positive: NDArray[np.uint8], negative: NDArray[np.uint8]) -> Any:
    """A fitted forest of 25 trees; its ``predict`` over the whole catalogue is the peer."""
    from sklearn.ensemble import RandomForestClassifier

    labels = np.repeat([1, 0], [len(positive), len(negative)])
    return RandomForestClassifier(25, random_state=0, n_jobs=2).fit(np.vstack([positive, negative]), labels)


def faiss_indexes(codes: NDArray[np.uint8]) -> dict[str, Any]:
    """Inner-product indexes over the codes as float32: flat, 8-bit and IVF (1,024 lists, 16 probed; not exact)."""
    import faiss

    faiss.omp_set_num_threads(2)
    vectors = codes.astype(np.float32)
    flat = faiss.IndexFlatIP(32)
    flat.add(vectors)
    scalar = faiss.IndexScalarQuantizer(32, faiss.ScalarQuantizer.QT_8bit_direct, faiss.METRIC_INNER_PRODUCT)
    scalar.train(vectors[:1])
    scalar.add(vectors)
    inverted = faiss.index_factory(32, "IVF1024,SQ8", faiss.METRIC_INNER_PRODUCT)
    inverted.train(vectors[:100_000])
    inverted.add(vectors)
    inverted.nprobe = 16
    return {"faiss flat": flat, "faiss SQ8": scalar, "faiss IVF (approximate)": inverted}
