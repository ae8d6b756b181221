"""Images that look alike: perceptual hashes of 64 bits, and groups of those that differ in few of them."""

from __future__ import annotations

from collections.abc import Sequence

import imagehash
import numpy as np
import numpy.typing as npt
from PIL import Image

_BITS = 64
_BLOCK = 4_096


def perceptual_hash(image: Image.Image) -> str:
    """The DCT hash of ``image`` as 16 hex digits (imagehash's phash: signs of the 8 x 8 lowest frequencies)."""
    return str(imagehash.phash(image))


def find_leaders(hashes: Sequence[str], distance: int) -> npt.NDArray[np.int64]:
    """For every image (n,), the position of its group's leader; its own position for a leader.

    In the order given, an image joins the group of an earlier one of the same hash, else the nearest leader whose hash
    differs in at most ``distance`` bits (the first of equals), or becomes a leader. So two members of a group differ in
    at most twice that, and chains cannot form.
    """
    values = np.array([int(text, 16) for text in hashes], dtype=np.uint64)
    unique, first, inverse = np.unique(values, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    leader_of = np.arange(len(unique), dtype=np.int64)  # by rank in order of first appearance
    ranked = unique[order]
    for rank, neighbours in enumerate(_earlier_neighbours(ranked, distance)):
        leaders = neighbours[leader_of[neighbours] == neighbours]
        if len(leaders):
            bits = np.bitwise_count(ranked[leaders] ^ ranked[rank])
            leader_of[rank] = leaders[np.argmin(bits)]
    rank_of = np.empty(len(unique), dtype=np.int64)
    rank_of[order] = np.arange(len(unique))
    return np.asarray(first[order][leader_of[rank_of[inverse]]], dtype=np.int64)


def _earlier_neighbours(values: npt.NDArray[np.uint64], distance: int) -> list[npt.NDArray[np.int64]]:
    """For each of n different ``values``, the earlier ones within ``distance`` bits, ascending.

    Two values that differ in at most d bits agree in one of any d + 1 parts of their bits (Norouzi, Punjani and Fleet,
    Fast search in Hamming space, 2012), so only values that share a part are compared.
    """
    pairs: list[npt.NDArray[np.int64]] = []
    edges = np.linspace(0, _BITS, distance + 2).astype(int)
    for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        part = (values >> np.uint64(low)) & np.uint64((1 << (high - low)) - 1)
        order = np.argsort(part, kind="stable")
        starts = np.flatnonzero(np.r_[True, part[order][1:] != part[order][:-1], True])
        for start, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
            if end - start > 1:
                pairs.extend(_close_pairs(values, order[start:end], distance))
    neighbours: list[npt.NDArray[np.int64]] = [np.empty(0, dtype=np.int64)] * len(values)
    both = np.unique(np.concatenate([np.empty((0, 2), dtype=np.int64), *pairs]), axis=0)
    if len(both):
        later, starts = np.unique(both[:, 0], return_index=True)
        for rank, rows in zip(later.tolist(), np.split(both[:, 1], starts[1:]), strict=True):
            neighbours[rank] = rows
    return neighbours


def _close_pairs(
    values: npt.NDArray[np.uint64], bucket: npt.NDArray[np.int64], distance: int
) -> list[npt.NDArray[np.int64]]:
    """Pairs (k, 2) of (later, earlier) positions in ``bucket`` (ascending) whose values are close."""
    found = []
    for start in range(0, len(bucket), _BLOCK):
        rows = bucket[start : start + _BLOCK]
        for other in range(0, start + 1, _BLOCK):
            columns = bucket[other : other + _BLOCK]
            bits = np.bitwise_count(values[rows][:, None] ^ values[columns][None, :])
            later, earlier = np.nonzero(bits <= distance)
            pairs = np.stack([rows[later], columns[earlier]], axis=1)
            found.append(pairs[pairs[:, 0] > pairs[:, 1]])
    return found
