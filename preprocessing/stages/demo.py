"""Draw the demo's source: seeded scenes as WebP files, with their captions and ground truth in one table."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from clip_branches.errors import InvalidInput
from clip_branches.files import TEMPORARY_PREFIX, replacing
from preprocessing.pool import map_pieces
from preprocessing.scenes import CATALOGUE_SEEDS_START, SEED_RANGE, caption, ground_truth, render, sample_scene

SIZE = 128  # pixels a side
_PIECE = 50
_SEEDS_APART = 1_000_000
_QUALITY = 92


def write_demo_source(
    folder: Path,
    count: int = 6_000,
    seed: int = 0,
    workers: int = 1,
    progress: Callable[[int], object] = lambda _: None,
) -> None:
    """Write ``count`` scenes as ``folder/images/000000.webp`` and so on, and ``folder/captions.parquet`` last.

    The table has the columns filename, caption, and the ground truth of every scene. ``seed`` chooses a set that shares
    no scene with that of another seed. A picture that is there already is not drawn again, so a stopped call goes on.
    ``progress`` is called with the number of scenes that are done since the call before.
    """
    if not (0 <= seed < SEED_RANGE // _SEEDS_APART and 1 <= count <= _SEEDS_APART):
        raise InvalidInput(
            f"The demo must have a 'seed' below {SEED_RANGE // _SEEDS_APART} and a 'count' of 1 to {_SEEDS_APART:,}. "
            f"Got {seed} and {count} instead."
        )
    images = folder / "images"
    images.mkdir(parents=True, exist_ok=True)
    first = CATALOGUE_SEEDS_START + seed * _SEEDS_APART
    pieces = [range(start, min(start + _PIECE, count)) for start in range(0, count, _PIECE)]
    rows: list[dict[str, str | int]] = []
    for drawn in map_pieces(functools.partial(_draw, images, first), pieces, workers):
        rows.extend(drawn)
        progress(len(drawn))
    with replacing(folder / "captions.parquet") as temporary:
        pq.write_table(pa.Table.from_pylist(rows), temporary)


def _draw(images: Path, first: int, numbers: Sequence[int]) -> list[dict[str, str | int]]:
    rows = []
    for number in numbers:
        scene = sample_scene(first + number)
        path = images / f"{number:06d}.webp"
        if not path.exists():
            # Renamed when whole, so that a picture that is there is a whole one.
            temporary = path.with_name(f"{TEMPORARY_PREFIX}{path.name}")
            render(scene, SIZE).save(temporary, "WEBP", quality=_QUALITY, method=2)
            temporary.replace(path)
        said = caption(scene, np.random.default_rng([first + number, 1]))
        rows.append({"filename": f"images/{path.name}", "caption": said, **ground_truth(scene)})
    return rows
