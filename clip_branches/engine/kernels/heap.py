"""A bounded heap of the best rows: the worst of them on top."""

from __future__ import annotations

from numba import njit


@njit(nogil=True, cache=True)
def worse(score_a, row_a, score_b, row_b):  # type: ignore[no-untyped-def]
    """Whether row a comes after row b: by score descending, then by row ascending."""
    return score_a < score_b or (score_a == score_b and row_a > row_b)


@njit(nogil=True, cache=True)
def sift_down(scores, rows, size):  # type: ignore[no-untyped-def]
    """Restore the heap after its root changed."""
    parent = 0
    while True:
        child = 2 * parent + 1
        if child >= size:
            return
        if child + 1 < size and worse(scores[child + 1], rows[child + 1], scores[child], rows[child]):
            child += 1
        if not worse(scores[child], rows[child], scores[parent], rows[parent]):
            return
        scores[child], scores[parent] = scores[parent], scores[child]
        rows[child], rows[parent] = rows[parent], rows[child]
        parent = child


@njit(nogil=True, cache=True)
def sift_up(scores, rows, child):  # type: ignore[no-untyped-def]
    """Restore the heap after ``child`` was appended."""
    while child > 0:
        parent = (child - 1) // 2
        if not worse(scores[child], rows[child], scores[parent], rows[parent]):
            return
        scores[child], scores[parent] = scores[parent], scores[child]
        rows[child], rows[parent] = rows[parent], rows[child]
        child = parent


@njit(nogil=True, cache=True)
def keep_best(scores, rows, filled, score, row):  # type: ignore[no-untyped-def]
    """Put a row into the heap of ``filled`` rows, in place of the worst where it is full; how many it holds now."""
    if filled < scores.shape[0]:
        scores[filled], rows[filled] = score, row
        sift_up(scores, rows, filled)
        return filled + 1
    if worse(scores[0], rows[0], score, row):
        scores[0], rows[0] = score, row
        sift_down(scores, rows, scores.shape[0])
    return filled
