"""Composition in a search: images of the query and words that change them, as one 32-d vector."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from clip_branches.composing.lift import LIFT_FILE, Lift
from clip_branches.composing.methods import (
    COMBINER_FILE,
    INVERSION_FILE,
    Composer,
    available_methods,
    load_composer,
)
from clip_branches.composing.sums import slerp, unit, weighted_sum
from clip_branches.encoding import Encoder, Head
from clip_branches.errors import InvalidInput
from clip_branches.files import sha256_of

if TYPE_CHECKING:
    from PIL import Image

Vector = npt.NDArray[np.float32]

_FILES = {"combiner": COMBINER_FILE, "inversion": INVERSION_FILE}
# Of what is there, the first is taken where nothing is said: in the order of their published recall on CIRR.
_PREFERRED = ("combiner", "inversion", "sum")
_SAME_HEAD = 1e-3


class QueryComposer:
    """Composes for one catalogue; safe to call from any thread.

    ``folder`` is the model's own, None for one that open_clip loads by name: it has no networks. ``own_head`` is the
    head that the model brings: networks take stored codes through its space, so that a catalogue with another head is
    left with the sums. ``configured`` is the service's method, or "auto".
    """

    def __init__(
        self, encoder: Encoder, lock: threading.Lock, folder: Path | None, own_head: Head | None, configured: str
    ) -> None:
        self._encoder, self._lock, self._folder, self._configured = encoder, lock, folder, configured
        self._loaded: dict[str, Composer] = {}
        fits = folder is not None and (folder / LIFT_FILE).is_file() and _same(encoder.head, own_head)
        self._lift = Lift.load(folder / LIFT_FILE) if folder is not None and fits else None
        self.methods = available_methods(folder if fits else None)

    def named(self, method: str | None) -> str:
        """The method to take for ``method`` (None: the service's), with a digest of its network.

        The name says all that an answer depends on: a network that was trained again is another method. Raises
        InvalidInput, naming those that there are.
        """
        name = method or self._configured
        if name == "auto":
            name = next(one for one in _PREFERRED if one in self.methods)
        if name not in self.methods:
            raise InvalidInput(
                f"The 'method' of 'compose' must be one of {', '.join(self.methods)} for this catalogue. "
                f"Got {name!r} instead.",
                field="compose.method",
            )
        if name not in _FILES or self._folder is None:
            return name
        return f"{name}@{sha256_of(self._folder / _FILES[name])[:12]}"

    def vector(
        self, named: str, stored: Vector, images: list[Image.Image], words: str, told: Vector, balance: float
    ) -> Vector:
        """Unit vector (32,), float32.

        ``stored`` (k, 32) are unit vectors of catalogue images, ``images`` are uploaded ones; of several the mean is
        the reference. ``told`` (32,) is the vector of ``words``. A sum is taken at ``balance``; a network's answer is
        at 0.5, from where the way leads to the look alone (0) and to the words alone (1).
        """
        uploaded = self._embedded(images)
        own = [stored, self._encoder.project_images(uploaded)] if len(uploaded) else [stored]
        look = unit(np.concatenate(own).mean(axis=0))[None]
        name = named.partition("@")[0]
        if name not in _FILES or self._lift is None:
            return (slerp if name == "slerp" else weighted_sum)(look, told[None], balance)[0]
        references = [self._lift(stored)] if len(stored) else []
        reference = unit(np.concatenate([*references, uploaded]).mean(axis=0))[None]
        with self._lock:
            composer = self._composer(name)
            made = composer.compose(reference, [words])
        project = self._encoder.project_images if composer.side == "images" else self._encoder.project_texts
        query = project(made)
        if balance < 0.5:
            return slerp(look, query, 2 * balance)[0]
        return slerp(query, told[None], 2 * balance - 1)[0]

    def _embedded(self, images: list[Image.Image]) -> Vector:
        with self._lock:
            return self._encoder.embed_images(images)

    def _composer(self, name: str) -> Composer:
        if name not in self._loaded:
            self._loaded[name] = load_composer(name, self._encoder, folder=self._folder)
        return self._loaded[name]


def _same(head: Head | None, other: Head | None) -> bool:
    if head is None or other is None or head is other:
        return head is other and head is not None
    mine, theirs = head.layers("image"), other.layers("image")
    return len(mine) == len(theirs) and all(
        a.shape == b.shape and np.allclose(a, b, atol=_SAME_HEAD)
        for one, two in zip(mine, theirs, strict=True)
        for a, b in zip(one, two, strict=True)
    )
