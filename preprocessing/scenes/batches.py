"""Many scenes at once, on several processes."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import islice

import numpy as np
import numpy.typing as npt
from PIL import Image

from preprocessing.scenes.render import render
from preprocessing.scenes.scene import Scene, sample_scene

_CHUNK = 64


def render_many(
    seeds: Iterable[int], size: int = 128, workers: int | None = None
) -> Iterator[tuple[Scene, Image.Image]]:
    """(scene, picture) of each seed, in the order of `seeds`.

    `workers` processes render (default: one a core; 1 renders here, without a pool). Processes are spawned, so the caller's
    threads and loaded libraries do no harm; a script must guard its entry with ``if __name__ == "__main__"``. Memory stays
    bounded: at most a few chunks wait.
    """
    count = workers if workers is not None else (os.cpu_count() or 1)
    if count <= 1:
        for seed in seeds:
            scene = sample_scene(seed)
            yield scene, render(scene, size)
        return
    chunks = _chunked(iter(seeds))
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=count, mp_context=context) as pool:
        waiting: list[Future[tuple[list[int], npt.NDArray[np.uint8]]]] = []
        try:
            for chunk in islice(chunks, 2 * count):
                waiting.append(pool.submit(_render_chunk, chunk, size))
            while waiting:
                done, pictures = waiting.pop(0).result()
                following = next(chunks, None)
                if following is not None:
                    waiting.append(pool.submit(_render_chunk, following, size))
                for seed, pixels in zip(done, pictures, strict=True):
                    yield sample_scene(seed), Image.fromarray(pixels)
        finally:
            for future in waiting:
                future.cancel()


def _chunked(seeds: Iterator[int]) -> Iterator[list[int]]:
    while chunk := list(islice(seeds, _CHUNK)):
        yield chunk


def _render_chunk(seeds: list[int], size: int) -> tuple[list[int], npt.NDArray[np.uint8]]:
    return seeds, np.stack([np.asarray(render(sample_scene(seed), size)) for seed in seeds])
