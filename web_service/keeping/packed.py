"""An answer as few bytes: ids and scores in their order, losslessly."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from clip_branches.errors import DamagedFile

_MAGIC = b"CBA1"
_COUNT = np.dtype("<u8")
_LEVEL = 4


@dataclass(frozen=True)
class KeptIds:
    """Images of an answer, best first. ids: uint64 (n,), distinct; scores: float32 (n,); votes: int16 (n,) or None."""

    ids: npt.NDArray[np.uint64]
    scores: npt.NDArray[np.float32]
    votes: npt.NDArray[np.int16] | None = None

    @property
    def total(self) -> int:
        return len(self.ids)

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        return int(self.ids.nbytes + self.scores.nbytes + (0 if self.votes is None else self.votes.nbytes))

    def part(self, which: npt.NDArray[np.bool_] | slice) -> KeptIds:
        """Some of the images, in the same order."""
        return KeptIds(self.ids[which], self.scores[which], None if self.votes is None else self.votes[which])

    def without(self, other: KeptIds) -> KeptIds:
        """The images that ``other`` does not hold, in the same order."""
        return self.part(np.isin(self.ids, other.ids, invert=True))


def pack(answer: KeptIds) -> bytes:
    """Bytes that ``unpack`` turns into the answer again.

    Layout: magic, n as <u8, a byte that says whether votes follow, then deflated: the n ids, the n scores and the n
    votes, each byte plane by byte plane (the high bytes of ids are alike, and almost vanish), and a checksum.
    """
    votes = answer.votes
    planes = [_planes(answer.ids.astype("<u8")), _planes(answer.scores.astype("<f4"))]
    if votes is not None:
        planes.append(_planes(votes.astype("<i2")))
    head = _MAGIC + np.array([answer.total], _COUNT).tobytes() + bytes([votes is not None])
    return head + zlib.compress(b"".join(planes), _LEVEL)


def unpack(content: bytes) -> KeptIds:
    """The answer in ``content``; DamagedFile when that is something else."""
    start = len(_MAGIC) + _COUNT.itemsize + 1
    if content[: len(_MAGIC)] != _MAGIC or len(content) < start:
        raise DamagedFile("A saved answer must begin with its mark and its length. The database holds something else.")
    count = int(np.frombuffer(content, _COUNT, 1, len(_MAGIC))[0])
    kinds = ["<u8", "<f4", "<i2"][: 2 + (content[start - 1] == 1)]
    try:
        planes = zlib.decompress(content[start:])
    except zlib.error as error:
        raise DamagedFile(f"A saved answer is damaged: {error}.") from error
    widths = [np.dtype(kind).itemsize for kind in kinds]
    if len(planes) != count * sum(widths):
        raise DamagedFile(f"A saved answer must hold {count} images. The database holds another length.")
    columns = []
    for kind, width in zip(kinds, widths, strict=True):
        part, planes = planes[: count * width], planes[count * width :]
        rows = np.ascontiguousarray(np.frombuffer(part, np.uint8).reshape(width, count).T)
        columns.append(rows.reshape(-1).view(kind))
    ids, scores, *votes = columns
    return KeptIds(ids.astype(np.uint64), scores.astype(np.float32), votes[0].astype(np.int16) if votes else None)


def _planes(column: npt.NDArray[np.generic]) -> bytes:
    raw = np.ascontiguousarray(column).view(np.uint8).reshape(len(column), column.dtype.itemsize)
    return np.ascontiguousarray(raw.T).tobytes()
