"""Images decoded and prepared by threads, ahead of the model; one that cannot be read costs only itself."""

from __future__ import annotations

import functools
import hashlib
import itertools
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from clip_branches.catalogue.packed import read_source
from clip_branches.errors import InvalidInput
from clip_branches.images import decode_image

if TYPE_CHECKING:
    import torch

    # A source, and its tensor or the reason why there is none.
    Read = tuple[str, torch.Tensor | str]

_AHEAD_BATCHES = 2
# Handed to a thread together: for pictures of a quarter of a millisecond, handing over one by one takes a third of it.
_PIECE = 8
# What a preparation may meet in a picture that decodes: sides of no length, or too little memory for them.
_PREPARATION_ERRORS = (ValueError, TypeError, OverflowError, MemoryError, RuntimeError, ZeroDivisionError)


def bytes_reader(root: Path) -> Callable[[str], bytes]:
    """A function from an item's source to the bytes of its image; it raises OSError or InvalidInput."""
    return functools.partial(read_source, root)


class ImageReader:
    """Reads images as input of a model; Pillow and torch let go of Python's lock, so threads do.

    ``read_bytes`` gives the bytes of a source, ``prepare`` a tensor of a decoded image.
    """

    def __init__(
        self, read_bytes: Callable[[str], bytes], prepare: Callable[[Image.Image], torch.Tensor], workers: int
    ) -> None:
        self._read_bytes = read_bytes
        self._prepare = prepare
        self._workers = workers

    def read(self, images: Mapping[str, str], batch_size: int) -> Iterator[Read]:
        """For every source, in order: its tensor, or the reason why there is none.

        ``images`` maps sources to the sha256 that their bytes must have.
        """
        with ThreadPoolExecutor(self._workers, thread_name_prefix="decode") as executor:
            waiting: deque[Future[list[Read]]] = deque()
            ahead = max(self._workers + 1, -(-_AHEAD_BATCHES * batch_size // _PIECE))
            try:
                rest = iter(images.items())
                while piece := list(itertools.islice(rest, _PIECE)):
                    waiting.append(executor.submit(self._read_piece, piece))
                    if len(waiting) > ahead:
                        yield from waiting.popleft().result()
                while waiting:
                    yield from waiting.popleft().result()
            finally:
                executor.shutdown(wait=True, cancel_futures=True)

    def _read_piece(self, piece: Sequence[tuple[str, str]]) -> list[Read]:
        return [(source, self._read(source, sha256)) for source, sha256 in piece]

    def _read(self, source: str, sha256: str) -> torch.Tensor | str:
        try:
            content = self._read_bytes(source)
            if hashlib.sha256(content).hexdigest() != sha256:
                return "it was changed after the filter stage; run that again"
            return self._prepare(decode_image(content))
        except InvalidInput as error:
            return error.message
        except OSError as error:
            return error.strerror or str(error)
        except _PREPARATION_ERRORS as error:
            return f"it cannot be prepared for the model: {error}"
