"""Box scans: which rows lie in how many groups of boxes, block by block.

A group is a set of boxes that votes once (a branch); a plain query makes every box its own group. Zone maps decide box
by box and block by block: no row inside (skipped), all rows inside (accepted unseen), or look at the features that
the zone does not settle. Answers come out in row order, with no array over the whole catalogue. Zones come twice: by
dimension (dims, blocks) for the decision over many blocks, by block (blocks, dims) for the look at one.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from clip_branches.engine.kernels.masks import mask_of_box, ones, read_through

_CHUNK = 256  # blocks whose zones are tested together
_MISS, _PART, _WHOLE = 0, 1, 2
_SPARSE = 8  # hits in a stretch of 64 rows
_READ_WHOLE = 10  # columns needed of a block from which all are read, in one run


@njit(nogil=True, cache=True)
def _relate(zone_low, zone_high, first, count, starts, features, lows, highs, relation):  # type: ignore[no-untyped-def]
    """``relation[box, b]``: does block ``first + b`` miss the box, meet it in part, or lie wholly inside it."""
    miss = np.empty(_CHUNK, np.uint8)
    part = np.empty(_CHUNK, np.uint8)
    for box in range(starts.shape[0] - 1):
        miss[:count] = 0
        part[:count] = 0
        for k in range(starts[box], starts[box + 1]):
            low, high = lows[k], highs[k]
            zl = zone_low[features[k], first : first + count]
            zh = zone_high[features[k], first : first + count]
            for b in range(count):
                miss[b] = np.uint8(miss[b] | np.uint8(zh[b] < low) | np.uint8(zl[b] > high))
                part[b] = np.uint8(part[b] | np.uint8(zl[b] < low) | np.uint8(zh[b] > high))
        for b in range(count):
            relation[box, b] = _MISS if miss[b] else (_PART if part[b] else _WHOLE)


@njit(nogil=True, cache=True)
def _vote(relation, b, groups, n_groups, need, states):  # type: ignore[no-untyped-def]
    """State of each group in a block (its best box); whether enough groups can vote at all; groups wholly in."""
    states[:] = _MISS
    for box in range(groups.shape[0]):
        if relation[box, b] > states[groups[box]]:
            states[groups[box]] = relation[box, b]
    reachable, whole = 0, 0
    for g in range(n_groups):
        reachable += states[g] != _MISS
        whole += states[g] == _WHOLE
    return reachable >= need, whole


@njit(nogil=True, cache=True)
def _columns(relation, b, starts, features, seen):  # type: ignore[no-untyped-def]
    """How many columns the boxes that a block meets in part constrain."""
    seen[:] = 0
    for box in range(starts.shape[0] - 1):
        if relation[box, b] == _PART:
            for k in range(starts[box], starts[box + 1]):
                seen[features[k]] = 1
    return ones(seen)


@njit(nogil=True, cache=True)
def scan_groups(  # type: ignore[no-untyped-def]
    data, words, n, block_size, zone_low, zone_high, block_low, block_high, first_block, last_block,
    starts, features, lows, highs, groups, n_groups, need, votes,
):  # fmt: skip
    """Rows of blocks ``first_block:last_block`` that at least ``need`` >= 1 groups hold, ascending, and their votes.

    Box ``i`` holds entries ``starts[i]:starts[i + 1]`` of (features, lows, highs) and belongs to ``groups[i]``
    (ascending); no box may be empty (low > high). ``words`` is ``data`` as 8-byte words; ``votes`` is scratch of
    ``block_size`` integers wide enough for ``n_groups``. Also returns blocks looked at and bytes read of them.
    """
    n_boxes = groups.shape[0]
    dims = zone_low.shape[0]
    relation = np.empty((n_boxes, _CHUNK), np.uint8)
    states = np.empty(n_groups, np.uint8)
    seen = np.empty(dims, np.uint8)
    used = np.empty(dims, np.int64)
    mask = np.empty(block_size, np.uint8)
    union = np.empty(block_size, np.uint8)
    rows = np.empty(max(block_size, 1024), np.int64)
    counts = np.empty(max(block_size, 1024), np.int32)
    filled, looked, read = 0, 0, 0
    unused = np.uint64(0)
    votes[0] = need
    least = votes[0]  # of the type of the votes, so that they are compared without widening
    for chunk in range(first_block, last_block, _CHUNK):
        count = min(_CHUNK, last_block - chunk)
        _relate(zone_low, zone_high, chunk, count, starts, features, lows, highs, relation)
        for b in range(count):
            possible, whole = _vote(relation, b, groups, n_groups, need, states)
            if not possible:
                continue
            block = chunk + b
            start = block * block_size
            size = min(block_size, n - start)
            base = start * dims
            looked += 1
            columns = _columns(relation, b, starts, features, seen)
            at_once = columns >= _READ_WHOLE
            if at_once:
                unused += read_through(words[base // 8 : (base + size * dims) // 8])
                read += size * dims
            votes[:size] = whole
            touched = whole >= need
            box = 0
            while box < n_boxes:
                group = groups[box]
                if states[group] != _PART:
                    while box < n_boxes and groups[box] == group:
                        box += 1
                    continue
                merged = False  # several boxes of one group are united first: a branch votes once
                alone = box + 1 == n_boxes or groups[box + 1] != group
                while box < n_boxes and groups[box] == group:
                    if relation[box, b] == _PART:
                        found, taken = mask_of_box(
                            data, base, size, block_low[block], block_high[block],
                            starts[box], starts[box + 1], features, lows, highs, mask, used,
                        )  # fmt: skip
                        if not at_once:
                            read += taken * size
                        if found:
                            touched = True
                            if alone:
                                for r in range(size):
                                    votes[r] += mask[r]
                            elif merged:
                                for r in range(size):
                                    union[r] = np.uint8(union[r] | mask[r])
                            else:
                                union[:size] = mask[:size]
                                merged = True
                    box += 1
                if merged:
                    for r in range(size):
                        votes[r] += union[r]
            if not touched:
                continue
            if filled + size > rows.shape[0]:
                wider = np.empty(2 * rows.shape[0] + size, np.int64)
                wider[:filled] = rows[:filled]
                rows = wider
                wider_counts = np.empty(rows.shape[0], np.int32)
                wider_counts[:filled] = counts[:filled]
                counts = wider_counts
            filled = _emit(votes, size, least, start, rows, counts, filled)
    return rows[:filled], counts[:filled], looked, read, unused


@njit(nogil=True, cache=True)
def _emit(votes, size, least, start, rows, counts, filled):  # type: ignore[no-untyped-def]
    """Append the rows with enough votes; stretches of 64 rows without any are skipped at once."""
    for left in range(0, size, 64):
        right = min(left + 64, size)
        hits = np.uint8(0)
        stretch = votes[left:right]  # a slice from 0: only then are the steps made into vectors
        for r in range(stretch.shape[0]):
            hits = np.uint8(hits + np.uint8(stretch[r] >= least))
        if hits == 0:
            continue
        if hits < _SPARSE:
            for r in range(left, right):
                if votes[r] >= least:
                    rows[filled] = start + r
                    counts[filled] = votes[r]
                    filled += 1
        else:  # as likely as not: writing always and counting is faster than guessing
            for r in range(left, right):
                rows[filled] = start + r
                counts[filled] = votes[r]
                filled += votes[r] >= least
    return filled


@njit(nogil=True, cache=True)
def box_members(codes, starts, features, lows, highs, members):  # type: ignore[no-untyped-def]
    """``members[box, i]`` = 1 where row ``i`` of ``codes`` (n, dims) lies inside the box (closed bounds)."""
    for box in range(starts.shape[0] - 1):
        for i in range(codes.shape[0]):
            inside = np.uint8(1)
            for k in range(starts[box], starts[box + 1]):
                value = codes[i, features[k]]
                if value < lows[k] or value > highs[k]:
                    inside = np.uint8(0)
                    break
            members[box, i] = inside
