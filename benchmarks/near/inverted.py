"""faiss's inverted files over the same codes: 8-bit, product-quantised with fast scan, and with their lists on disk."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from clip_branches.engine import BoxIndex

LISTS = "lists.faiss"  # the file of the lists on disk
_WHOLE, _FRAME = "inverted.faiss", "on-disk.faiss"
_PIECE = 500_000
_EACH_LIST = 64  # rows a list that training sees
_AGAIN = 20  # candidates a neighbour that are scored once more


@dataclass
class Inverted:
    """A faiss index with how it was made; ``rescored`` ones look up their candidates' true scores in ``codes``."""

    name: str
    index: Any
    built_s: float
    bytes_a_row: float
    rescored: BoxIndex | None = None

    def nearest(self, weights: NDArray[np.float32], k: int, lists: int) -> NDArray[np.int64]:
        """Rows (k,) that seem best among those of the ``lists`` most promising lists."""
        self.index.nprobe = lists
        if self.rescored is None:
            return np.asarray(self.index.search(weights[None], k)[1][0])
        rows = self.index.search(weights[None], k * _AGAIN)[1][0]
        rows = np.sort(rows[rows >= 0])
        scores = self.rescored.score(rows, weights)
        return np.asarray(rows[np.argsort(-scores, kind="stable")[:k]])


def lists_for(rows: int) -> int:
    """About the square root of the rows, a power of two."""
    return int(2 ** round(np.log2(rows**0.5 * 1.2)))


def make_inverted(codes: NDArray[np.uint8], ours: BoxIndex, folder: Path) -> Iterator[Inverted]:
    """Each index in turn; the one before may be forgotten.

    Codes are taken from their middle: it moves the inner product with a query by the same for all rows, and clusters
    then differ in more than their distance from nought. Eight bits hold them as they are.
    """
    count = lists_for(len(codes))
    generator = np.random.default_rng(0)
    chosen = np.sort(generator.choice(len(codes), min(len(codes), count * _EACH_LIST), replace=False))
    middle = np.float32(128)
    edges = np.array([[-128.0], [127.0]], np.float32).repeat(
        32, axis=1
    )  # so that every code is on the quantiser's grid
    for name, index in _untrained(count):
        started = time.process_time()
        index.train(np.vstack([codes[chosen] - middle, edges]))
        for start in range(0, len(codes), _PIECE):
            index.add(codes[start : start + _PIECE] - middle)
        took = time.process_time() - started
        path = folder / _WHOLE
        faiss.write_index(index, str(path))
        size = path.stat().st_size / len(codes)
        path.unlink()
        yield Inverted(name, index, took, size, ours if "re-scored" in name else None)
        if "re-scored" not in name:
            yield Inverted(f"{name}, lists on disk", _on_disk(index, folder), took, size)


def _untrained(lists: int) -> Iterator[tuple[str, Any]]:
    product = faiss.METRIC_INNER_PRODUCT
    coarse = faiss.IndexFlatIP(32)
    exact = faiss.ScalarQuantizer.QT_8bit_uniform
    yield "IVF, 8 bits", faiss.IndexIVFScalarQuantizer(coarse, 32, lists, exact, product, False)
    yield "IVF, PQ fast scan, re-scored", faiss.index_factory(32, f"IVF{lists},PQ16x4fs", product)


def _on_disk(index: Any, folder: Path) -> Any:
    """``index`` with its lists moved into a mapped file."""
    lists = faiss.OnDiskInvertedLists(index.nlist, index.code_size, str(folder / LISTS))
    held = faiss.InvertedListsPtrVector()
    held.push_back(index.invlists)
    lists.merge_from_multiple(held.data(), held.size())
    index.replace_invlists(lists, False)
    faiss.write_index(index, str(folder / _FRAME))
    return open_on_disk(folder)


def open_on_disk(folder: Path, lists: int = 1) -> Any:
    """The index with its lists on disk, mapped anew, reading so many ``lists`` a query."""
    index = faiss.read_index(str(folder / _FRAME))
    index.nprobe = lists
    return index
