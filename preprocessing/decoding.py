"""Images decoded and prepared by threads, ahead of the model; one that cannot be read costs only itself."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from clip_branches.errors import InvalidInput
from clip_branches.images import decode_image

if TYPE_CHECKING:
    import torch

_AHEAD_BATCHES = 2


class ImageReader:
    """Reads images below ``root`` as input of a model; Pillow and torch let go of Python's lock, so threads do."""

    def __init__(self, root: Path, preprocess: Callable[[Image.Image], torch.Tensor], workers: int) -> None:
        self._root = root
        self._preprocess = preprocess
        self._workers = workers

    def read(self, images: Mapping[str, str], batch_size: int) -> Iterator[tuple[str, torch.Tensor | str]]:
        """For every source, in order: its tensor [3, height, width], or the reason why there is none.

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
            content = (self._root / source).read_bytes()
            if hashlib.sha256(content).hexdigest() != sha256:
                return "it was changed after the filter stage; run that again"
            return self._preprocess(decode_image(content))
        except OSError as error:
            return error.strerror or str(error)
        except InvalidInput as error:
            return error.message
