"""Box scans: which rows lie in how many groups of boxes, block by block.

A group is a set of boxes that votes once (a branch); a plain query makes every box its own group. Zone maps decide box
by box and block by block: no row inside (skipped), all rows inside (accepted unseen), or look at the features that
the zone does not settle. Answers come out in row order, with no array over the whole catalogue. Zones come twice: by
dimension (dims, blocks) for the decision over many blocks, by block (blocks, dims) for the look at one.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from clip_branches.engine.kernels.masks import mask_of_box, read_through
from clip_branches.engine.kernels.tally import unite

CHUNK = 256  # blocks whose zones are tested together
MISS, PART, WHOLE = 0, 1, 2
_SPARSE = 8  # hits in a stretch of 64 rows
_TURNED = 512  # rows turned into columns at a time
READ_WHOLE = 10  # columns needed of a block from which all are read, in one run


@njit(nogil=True, cache=True)
def relate(zone_low, zone_high, first, count, starts, features, lows, highs, relation):  # type: ignore[no-untyped-def]
    """``relation[b, box]``: does block ``first + b`` miss the box, meet it in part, or lie wholly inside it."""
    miss = np.empty(CHUNK, np.uint8)
    part = np.empty(CHUNK, np.uint8)
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
            relation[b, box] = (1 - miss[b]) * (WHOLE - part[b])


@njit(nogil=True, cache=True)
def met_in_part(relation, b, parts):  # type: ignore[no-untyped-def]
    """The boxes that block ``b`` meets in part, ascending, into ``parts``; how many."""
    count = np.int64(0)
    for box in range(relation.shape[1]):  # without a branch: which they are cannot be guessed
        parts[count] = box
        count += np.int64(relation[b, box] == PART)
    return count


@njit(nogil=True, cache=True)
def columns_of(parts, count, starts, features, seen):  # type: ignore[no-untyped-def]
    """How many columns the boxes ``parts[:count]`` constrain; no more are counted once all are to be read anyway."""
    if count >= READ_WHOLE:
        return READ_WHOLE
    seen[:] = 0
    columns = 0
    for i in range(count):
        for k in range(starts[parts[i]], starts[parts[i] + 1]):
            columns += 1 - seen[features[k]]
            seen[features[k]] = 1
    return columns


@njit(nogil=True, cache=True)
def _vote(relation, b, groups, states):  # type: ignore[no-untyped-def]
    """State of each group in a block (its best box); how many groups can vote at all; groups wholly in."""
    states[:] = MISS
    for box in range(groups.shape[0]):
        states[groups[box]] = max(states[groups[box]], relation[b, box])
    reachable, whole = np.int64(0), np.int64(0)
    for g in range(states.shape[0]):
        reachable += np.int64(states[g] != MISS)
        whole += np.int64(states[g] == WHOLE)
    return reachable, whole


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
    relation = np.empty((CHUNK, n_boxes), np.uint8)
    states = np.empty(n_groups, np.uint8)
    parts = np.empty(n_boxes + 1, np.int64)
    seen = np.empty(dims, np.uint8)
    used = np.empty(dims + 4, np.int64)
    mask = np.empty(block_size, np.uint8)
    union = np.empty(block_size, np.uint8)
    rows = np.empty(max(block_size, 1024), np.int64)
    counts = np.empty(max(block_size, 1024), np.int32)
    filled, looked, read = 0, 0, 0
    unused = np.uint64(0)
    least = np.empty(1, votes.dtype)  # of the type of the votes, so that they are compared without widening
    for chunk in range(first_block, last_block, CHUNK):
        count = min(CHUNK, last_block - chunk)
        relate(zone_low, zone_high, chunk, count, starts, features, lows, highs, relation)
        for b in range(count):
            reachable, whole = _vote(relation, b, groups, states)
            if reachable < need:
                continue
            block = chunk + b
            start = block * block_size
            size = min(block_size, n - start)
            base = start * dims
            looked += 1
            met = met_in_part(relation, b, parts)
            at_once = columns_of(parts, met, starts, features, seen) >= READ_WHOLE
            if at_once:
                unused += read_through(words[base // 8 : (base + size * dims) // 8])
            columns = 0
            _start(votes, whole, size)
            touched = whole >= need
            left = reachable - whole  # groups that may vote yet
            i = 0
            while i < met:
                group = groups[parts[i]]
                until = i + 1
                while until < met and groups[parts[until]] == group:
                    until += 1
                if states[group] == WHOLE:
                    i = until
                    continue
                if left < need:  # where no row has votes enough to get there with those that are left, none will
                    least[0] = need - left
                    if not _reached(votes, size, least):
                        touched = False
                        break
                left -= 1
                united = False  # several boxes of one group are united first: a branch votes once
                for j in range(i, until):
                    box = parts[j]
                    found, taken = mask_of_box(
                        data, base, size, block_low, block_high, block,
                        starts[box], starts[box + 1], features, lows, highs, mask, 0, used,
                    )  # fmt: skip
                    columns += taken
                    if not found:
                        continue
                    touched = True
                    if until - i == 1:
                        _count(votes, mask, size)
                    else:
                        unite(mask, union, size, united)
                        united = True
                if united:
                    _count(votes, union, size)
                i = until
            read += size * (dims if at_once else columns)
            if not touched:
                continue
            if filled + size > rows.shape[0]:
                wider = np.empty(2 * rows.shape[0] + size, np.int64)
                wider[:filled] = rows[:filled]
                rows = wider
                wider_counts = np.empty(rows.shape[0], np.int32)
                wider_counts[:filled] = counts[:filled]
                counts = wider_counts
            least[0] = need
            filled = _emit(votes, size, least[0], start, rows, counts, filled)
    return rows[:filled], counts[:filled], looked, read, unused


@njit(nogil=True, cache=True, inline="always")
def _start(votes, value, size):  # type: ignore[no-untyped-def]
    for r in range(np.uint64(size)):
        votes[r] = value


@njit(nogil=True, cache=True, inline="always")
def _count(votes, marks, size):  # type: ignore[no-untyped-def]
    for r in range(np.uint64(size)):
        votes[r] += marks[r]


@njit(nogil=True, cache=True, inline="always")
def _reached(votes, size, least):  # type: ignore[no-untyped-def]
    """Whether any row has ``least[0]`` votes."""
    bound = least[0]
    found = np.uint8(0)
    for r in range(np.uint64(size)):
        found = np.uint8(found | np.uint8(votes[r] >= bound))
    return found != 0


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
    n, dims = codes.shape
    needed = np.zeros(dims, np.uint8)
    for k in range(features.shape[0]):
        needed[features[k]] = 1
    columns = np.empty(dims * _TURNED, np.uint8)
    for start in range(0, n, _TURNED):
        size = np.uint64(min(_TURNED, n - start))
        for d in range(dims):  # a few rows at a time become columns, which are compared many at once
            if needed[d]:
                for r in range(size):
                    columns[d * _TURNED + r] = codes[start + r, d]
        for box in range(starts.shape[0] - 1):
            inside = members[box, start : start + np.int64(size)]
            inside[:] = 1
            for k in range(starts[box], starts[box + 1]):
                offset, low = np.uint64(features[k]) * np.uint64(_TURNED), lows[k]
                if low > highs[k]:
                    inside[:] = 0
                    break
                span = np.uint8(highs[k] - low)
                for r in range(size):
                    inside[r] = np.uint8(inside[r] & np.uint8(np.uint8(columns[offset + r] - low) <= span))
