"""An order in which neighbours look alike: for a grid that is looked through theme by theme."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.cluster.hierarchy import leaves_list, linkage
from sklearn.decomposition import PCA
from sklearn.neighbors import KDTree

MAX_ORDERED = 100_000  # of a longer answer the best so many are ordered; the others follow, best first
_BLOCK = 256

Vectors = npt.NDArray[np.float32]
Order = npt.NDArray[np.int64]


def alike_order(vectors: Vectors) -> Order:
    """Places of unit vectors, float32 (n, d), int64 (n,): the leaves of Ward's clustering from left to right.

    More than a block of them are first parted by a k-d tree along their principal axes; the blocks are put in order by
    their means in the same way, and each is turned so that it begins where the one before it ends.
    """
    if len(vectors) <= 2 * _BLOCK:
        order = _leaves(vectors)
    else:
        with np.errstate(invalid="ignore"):  # copies of one image have no variance to share out
            axes = PCA(min(8, vectors.shape[1]), svd_solver="covariance_eigh").fit_transform(vectors)
        places, nodes = KDTree(axes, leaf_size=_BLOCK).get_arrays()[1:3]
        blocks = [places[node["idx_start"] : node["idx_end"]] for node in nodes if node["is_leaf"]]
        means = np.stack([vectors[block].mean(axis=0) for block in blocks])
        order = _joined([blocks[i][_leaves(vectors[blocks[i]])] for i in _leaves(means)], vectors)
    # The best hit stands in the first half: who begins at the top begins near it.
    return order[::-1].copy() if len(order) and int(np.flatnonzero(order == 0)[0]) > len(order) // 2 else order


def _leaves(vectors: Vectors) -> Order:
    if len(vectors) < 3:
        return np.arange(len(vectors))
    return np.asarray(leaves_list(linkage(vectors, "ward")), np.int64)


def _joined(blocks: list[Order], vectors: Vectors) -> Order:
    joined = [blocks[0]]
    for block in blocks[1:]:
        end = vectors[joined[-1][-1]]
        near, far = (float(np.square(vectors[block[at]] - end).sum()) for at in (0, -1))
        joined.append(block if near <= far else block[::-1])
    return np.concatenate(joined)
