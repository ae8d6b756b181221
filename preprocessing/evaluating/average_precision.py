"""Mean average precision of image-to-image retrieval, over full rankings: every image asks for those of its class."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from clip_branches.errors import DamagedFile
from preprocessing.evaluating.ranking import rankings

Array = npt.NDArray[np.float32]
Precisions = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
Blocks = Iterable[tuple[slice, npt.NDArray[np.integer]]]
_BLOCK = 512


def average_precisions(vectors: Array, labels: Labels) -> Precisions:
    """The average precision (n,) of every image as a query for the images of its own label, itself among them.

    ``vectors`` (n, d) are unit rows, ``labels`` (n,) whole numbers. The whole collection is ranked by dot product; of
    equal products the lower row comes first.
    """
    return precisions_of(rankings(vectors, vectors, len(vectors)), labels)


def precisions_of(blocks: Blocks, labels: Labels) -> Precisions:
    """The average precision (n,) of full rankings, block by block: (rows of the queries, their rankings (b, n)).

    Average precision is the mean, over a query's positives, of the share of positives among what stands at or before
    each of them (the area under precision and recall, uninterpolated).
    """
    found = np.zeros(len(labels), dtype=np.float64)
    for block, order in blocks:
        queries, places = np.nonzero(labels[order] == labels[block][:, None])
        counts = np.bincount(queries)
        seen = np.arange(len(queries)) - np.repeat(np.cumsum(counts) - counts, counts) + 1
        found[block] = np.bincount(queries, weights=seen / (places + 1)) / counts
    return found


def checked_rankings(order: npt.NDArray[np.integer], source: str) -> Iterator[tuple[slice, npt.NDArray[np.integer]]]:
    """Blocks of the rankings ``order`` (n, n); DamagedFile, naming ``source`` and the row, for one that is not full.

    A full ranking holds every row number from 0 to n - 1 once.
    """
    count = order.shape[1]
    for start in range(0, len(order), _BLOCK):
        block = slice(start, min(start + _BLOCK, len(order)))
        rows = np.asarray(order[block])
        seen = np.zeros(rows.shape, dtype=bool)
        inside = (rows >= 0) & (rows < count)
        np.put_along_axis(seen, np.where(inside, rows, 0).astype(np.intp), True, axis=1)
        wrong = np.flatnonzero(~(inside & seen).all(axis=1))
        if len(wrong):
            raise DamagedFile(
                f"Every row of {source} must rank all {count:,} images, each number from 0 to {count - 1:,} once. "
                f"Row {start + wrong[0]:,} does not."
            )
        yield block, rows
