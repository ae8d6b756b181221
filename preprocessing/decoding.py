"""Images decoded and prepared by threads, ahead of the model; one that cannot be read costs only itself."""

from __future__ import annotations

import functools
import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from clip_branches.catalogue.packed import read_source
from clip_branches.errors import InvalidInput
from clip_branches.images import decode_image

if TYPE_CHECKING:
    import torch

_AHEAD_BATCHES = 2
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

    def read(self, images: Mapping[str, str], batch_size: int) -> Iterator[tuple[str, torch.Tensor | str]]:
        """For every source, in order: its tensor, or the reason why there is none.

        ``images`` maps sources to the sha256 that their bytes must have.
        """
        with ThreadPoolExecutor(self._workers, thread_name_prefix="decode") as executor:
            waiting: deque[tuple[str, Future[torch.Tensor | str]]] = deque()
            try:
                for source, sha256 in images.items():
                    waiting.append((source, executor.submit(self._read, source, sha256)))
                    if len(waiting) > _AHEAD_BATCHES * batch_size:
                        first, future = waiting.popleft()
                        yield first, future.result()
                while waiting:
                    first, future = waiting.popleft()
                    yield first, future.result()
            finally:
                executor.shutdown(wait=True, cancel_futures=True)

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
