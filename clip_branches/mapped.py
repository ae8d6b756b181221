"""Arrays in mapped files: what was read of a large one need not stay in the process's memory."""

from __future__ import annotations

import mmap
from typing import Any

import numpy.typing as npt

_LARGE = 1 << 28  # bytes; what is touched of a smaller file may stay mapped, as mapping it again costs time


def let_go(array: npt.NDArray[Any]) -> None:
    """Unmap what was read of a mapped file: the next reader maps again the pages that it needs, few of them.

    The pages stay in the system's cache while it has room. Does nothing to an array in memory of its own.
    """
    base: Any = array
    while base is not None and not isinstance(base, mmap.mmap):
        base = getattr(base, "base", None)
    if base is not None and hasattr(mmap, "MADV_DONTNEED"):
        base.madvise(mmap.MADV_DONTNEED)


def let_go_of_large(array: npt.NDArray[Any]) -> None:
    """As ``let_go``, where the array is so large that what is mapped of it matters."""
    if array.nbytes >= _LARGE:
        let_go(array)
