"""Training images: decoded ahead of the model and varied at random, the same in every run whatever the threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageEnhance

from clip_branches.errors import InvalidInput, UnsupportedImage
from clip_branches.images import decode_image
from preprocessing.evaluating.labelled import Labelled

if TYPE_CHECKING:
    from preprocessing.retrieval.config import ImageConfig

_AHEAD = 2
_COLOURS = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)


def varied(
    image: Image.Image, size: tuple[int, int], config: ImageConfig, generator: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """The published variation of a training image, uint8 (height, width, 3) of ``size`` (height, width).

    Resized to ``enlarge`` times the size, whatever its shape; cropped anywhere; mirrored or not; brightness, contrast
    and saturation each times 1 - jitter to 1 + jitter, in any order.
    """
    height, width = size
    tall, wide = round(height * config.enlarge), round(width * config.enlarge)
    image = image.resize((wide, tall), Image.Resampling.BICUBIC)
    top, left = (int(generator.integers(0, room + 1)) for room in (tall - height, wide - width))
    image = image.crop((left, top, left + width, top + height))
    if config.flip and generator.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if config.jitter:
        factors = generator.uniform(1 - config.jitter, 1 + config.jitter, size=len(_COLOURS))
        for number in generator.permutation(len(_COLOURS)).tolist():
            image = _COLOURS[number](image).enhance(float(factors[number]))
    return np.asarray(image.convert("RGB"), dtype=np.uint8)


class TrainingImages:
    """Batches of the images of ``data``; ``seed`` and the epoch's number decide all that is random."""

    def __init__(self, data: Labelled, size: tuple[int, int], config: ImageConfig, workers: int) -> None:
        self._data, self._size, self._config, self._workers = data, size, config, workers

    def batches(
        self, epoch: int, parts: Iterable[npt.NDArray[np.int64]]
    ) -> Iterator[tuple[npt.NDArray[np.int64], list[torch.Tensor]]]:
        """For each part of rows: the rows, and their images as uint8 [height, width, 3]."""
        waiting: deque[tuple[npt.NDArray[np.int64], list[Future[Any]]]] = deque()
        with ThreadPoolExecutor(self._workers, thread_name_prefix="decode") as pool:
            try:
                for rows in parts:
                    waiting.append((rows, [pool.submit(self._one, epoch, row) for row in rows.tolist()]))
                    if len(waiting) > _AHEAD:
                        yield _done(*waiting.popleft())
                while waiting:
                    yield _done(*waiting.popleft())
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _one(self, epoch: int, row: int) -> torch.Tensor:
        path = self._data.folder / self._data.files[row]
        try:
            image = decode_image(path.read_bytes())
        except (OSError, UnsupportedImage, InvalidInput) as error:
            raise InvalidInput(f"Every image of a training must be readable. Got {path}: {error}") from error
        generator = np.random.default_rng([self._config.seed, 1, epoch, row])
        return torch.from_numpy(varied(image, self._size, self._config, generator).copy())


def _done(rows: npt.NDArray[np.int64], futures: list[Future[Any]]) -> tuple[npt.NDArray[np.int64], list[torch.Tensor]]:
    return rows, [future.result() for future in futures]
