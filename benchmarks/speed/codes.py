"""Clustered synthetic codes, any number of them, made in pieces into a mapped file; queries that suit them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clip_branches.engine import Box

_PIECE = 500_000
_CLUSTERS = 1_000


class World:
    """A mixture of 1,000 clusters of uneven size; each spreads differently along 32 common, rotated directions."""

    def __init__(self, seed: int = 0) -> None:
        generator = np.random.default_rng(seed)
        self.seed = seed
        self.centres = generator.normal(128, 34, (_CLUSTERS, 32)).astype(np.float32)
        self.spreads = (generator.uniform(0.35, 1.6, (_CLUSTERS, 32)) * 18).astype(np.float32)
        self.rotation = np.linalg.qr(generator.normal(size=(32, 32)))[0].astype(np.float32)
        share = 1 / np.arange(1, _CLUSTERS + 1) ** 0.7
        self.edges = np.cumsum(share / share.sum())

    def piece(self, number: int, rows: int) -> NDArray[np.uint8]:
        """Codes uint8 (rows, 32): the same for the same number, whatever else is drawn."""
        generator = np.random.default_rng((self.seed, number))
        cluster = np.minimum(np.searchsorted(self.edges, generator.random(rows)), _CLUSTERS - 1)
        noise = generator.standard_normal((rows, 32), np.float32) * self.spreads[cluster]
        values = self.centres[cluster] + noise @ self.rotation
        return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def write_codes(path: Path, rows: int, threads: int = 2) -> NDArray[np.uint8]:
    """Codes (rows, 32) in the mapped file ``path``."""
    world = World()
    codes = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(rows, 32))

    def fill(number: int) -> None:
        start = number * _PIECE
        count = min(_PIECE, rows - start)
        codes[start : start + count] = world.piece(number, count)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(fill, range(-(-rows // _PIECE))))
    codes.flush()
    return np.load(path, mmap_mode="r")


def boxes_around(codes: NDArray[np.uint8], count: int, features: int, width: int, seed: int) -> list[Box]:
    """Boxes around random rows: ``features`` dimensions, sides of about 2 ``width`` codes."""
    generator = np.random.default_rng(seed)
    boxes = []
    for _ in range(count):
        code = codes[generator.integers(len(codes))].astype(int)
        chosen = generator.choice(32, features, replace=False)
        reach = generator.integers(width // 2, width * 3 // 2 + 1, features)
        boxes.append(Box(chosen, np.clip(code[chosen] - reach, 0, 255), np.clip(code[chosen] + reach, 0, 255)))
    return boxes


def direction_to(codes: NDArray[np.uint8], seed: int) -> NDArray[np.float32]:
    """Weights (32,) that point from the catalogue's middle to one of its rows, as a query's vector does."""
    generator = np.random.default_rng(seed)
    some = codes[np.sort(generator.integers(0, len(codes), 5_000))].astype(np.float32)
    aim = some[generator.integers(len(some))] - some.mean(axis=0)
    return (aim / np.linalg.norm(aim)).astype(np.float32)
