"""Catalogues with known truth, and their cache: what the simulated user searches."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clip_branches.encoding.quantiser import Quantiser

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "data"
_VERSION = 1

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]


class Absent(Exception):
    """The data of a catalogue is not on this machine."""


@dataclass(frozen=True)
class Concept:
    """What a user looks for: ``relevant`` (n,); ``ignored`` (n,), neither shown nor counted; the query's vectors."""

    name: str
    relevant: Bools
    ignored: Bools
    query: Floats  # (32,), in the space of the codes
    query_full: Floats  # (d,), in the space of the vectors


@dataclass(frozen=True)
class Catalogue:
    """codes uint8 (n, 32) with their quantiser; ``vectors`` float32 (n, d), the full floats that they were made of."""

    name: str
    codes: NDArray[np.uint8]
    quantiser: Quantiser
    vectors: Floats
    concepts: list[Concept]
    path: Path | None = None  # of its cache

    @cached_property
    def decoded(self) -> Floats:
        """What the codes stand for, float32 (n, 32), of unit spread over all dimensions."""
        vectors = self.quantiser.decode(self.codes)
        scaled: Floats = vectors / vectors.std()
        return scaled

    @cached_property
    def scaled_vectors(self) -> Floats:
        scaled: Floats = (self.vectors - self.vectors.mean(axis=0)) / self.vectors.std()
        return scaled


@dataclass(frozen=True)
class Parts:
    """A catalogue as its maker hands it over: unit ``reduced`` (n, 32) are turned into codes here."""

    reduced: Floats
    vectors: Floats
    names: Sequence[str]
    relevant: Bools  # (concepts, n)
    queries: Floats  # (concepts, 32)
    queries_full: Floats  # (concepts, d)
    ignored: Bools | None = None
    quantiser: Quantiser | None = None
    codes: NDArray[np.uint8] | None = None


def load(name: str, maker: Callable[[], Parts], key: str, cache: Path, dear: str = "") -> Catalogue:
    """The catalogue from the cache, or made anew where ``key`` (all that it depends on) is another.

    Raises Absent with the reason ``dear``, where there is one, instead of making it.
    """
    digest = hashlib.sha256(f"{_VERSION} {name} {key}".encode()).hexdigest()[:16]
    path = cache / f"{name.replace(' ', '-')}-{digest}.npz"
    if not path.exists():
        if dear:
            raise Absent(dear)
        print(f"making the catalogue {name} ...", flush=True)
        parts = maker()
        quantiser = parts.quantiser or Quantiser().fit(parts.reduced)
        codes = quantiser.encode(parts.reduced) if parts.codes is None else parts.codes
        ignored = np.zeros_like(parts.relevant) if parts.ignored is None else parts.ignored
        cache.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"writing-{path.name}")
        np.savez(
            temporary, codes=codes, low=quantiser.low_, step=quantiser.step_, vectors=parts.vectors.astype(np.float16),
            names=np.array(parts.names), relevant=np.packbits(parts.relevant, axis=1),
            ignored=np.packbits(ignored, axis=1), queries=parts.queries, queries_full=parts.queries_full,
        )  # fmt: skip
        temporary.replace(path)
    return read(name, path)


def read(name: str, path: Path) -> Catalogue:
    """The catalogue in a file of the cache."""
    data = np.load(path, allow_pickle=False)
    quantiser = Quantiser()
    quantiser.low_, quantiser.step_ = data["low"], data["step"]
    n = len(data["codes"])
    relevant, ignored = (np.unpackbits(data[part], axis=1, count=n).astype(bool) for part in ("relevant", "ignored"))
    concepts = [
        Concept(str(title), relevant[i], ignored[i], data["queries"][i], data["queries_full"][i])
        for i, title in enumerate(data["names"])
    ]
    return Catalogue(name, data["codes"], quantiser, data["vectors"].astype(np.float32), concepts, path)


def shared(file: str) -> Path:
    """A file of real data. Raises Absent."""
    path = SHARED / file
    if not path.exists():
        raise Absent(f"no ../shared/data/{file} here")
    return path


def unit(x: Floats) -> Floats:
    scaled: Floats = (x / np.linalg.norm(x, axis=-1, keepdims=True)).astype(np.float32)
    return scaled
