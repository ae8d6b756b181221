"""Composition in a search: images of the query and words that change them, as one 32-d vector."""

from __future__ import annotations

import threading
from collections.abc import Callable
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
    compose_projected,
    load_composer,
    takes_raw,
)
from clip_branches.composing.sums import slerp, unit, weighted_sum
from clip_branches.encoding import Encoder, Head
from clip_branches.errors import InvalidInput
from clip_branches.files import sha256_of
from search_service.composition import Composition

if TYPE_CHECKING:
    from PIL import Image

Vector = npt.NDArray[np.float32]
Tell = Callable[[list[str]], Vector]

_FILES = {"combiner": COMBINER_FILE, "inversion": INVERSION_FILE}
# Of what is there, the first is taken where nothing is said: in the order of their published recall on CIRR.
_PREFERRED = ("combiner", "inversion", "sum")
_SAME_HEAD = 1e-3
# Half of the unwanted is taken away: at the full weight the answer turns into "anything but", and loses the query.
WITHOUT_WEIGHT = 0.5


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
        found = available_methods(folder if fits else None)
        # Codes tell where a vector points, not how long the tower made it: what wants that cannot be given it.
        self._raw = {
            name for name in found if name in _FILES and folder is not None and takes_raw(folder / _FILES[name])
        }
        self.methods = tuple(name for name in found if name not in self._raw)

    def named(self, method: str | None) -> str:
        """The method to take for ``method`` (None: the service's), with a digest of its network.

        The name says all that an answer depends on: a network that was trained again is another method. Raises
        InvalidInput, naming those that there are.
        """
        name = method or self._configured
        if name == "auto":
            name = next(one for one in _PREFERRED if one in self.methods)
        if name in self._raw:
            raise InvalidInput(
                f"The 'method' of 'compose' must be one of {', '.join(self.methods)} for this catalogue. Its model's "
                f"{name} network takes vectors as the towers give them, whose length no stored code keeps: train one "
                "without --raw.",
                field="compose.method",
            )
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
        self, asked: Composition, stored: Vector, weights: Vector, images: list[Image.Image], tell: Tell
    ) -> Vector:
        """Unit vector (32,), float32, of what is ``asked``.

        ``stored`` (k, 32) are unit vectors of catalogue images, ``images`` are uploaded ones, ``weights`` (k + images,)
        are those of both: the reference is their weighted mean; ``tell`` gives the vectors (n, 32) of texts.

        A sum is taken at the balance; a network's answer is at 0.5, from where the way leads to the look alone (0) and
        to the words alone (1). Instructions of several weights are composed one by one; the result is their weighted
        mean. Words that are to be less are taken away last, as ``without`` of a search, each by its weight.
        """
        uploaded = self._embedded(images)
        own = [stored, self._encoder.project_images(uploaded)] if len(uploaded) else [stored]
        look = _mean(np.concatenate(own), weights)
        query = look if not asked.words else self._changed(asked, look, stored, weights, uploaded, tell)
        if not asked.less:
            return query
        less, amounts = tell([text for text, _ in asked.less]), np.array([w for _, w in asked.less], np.float32)
        return unit(query - np.float32(WITHOUT_WEIGHT * amounts.mean()) * _mean(less, amounts))

    def _changed(
        self, asked: Composition, look: Vector, stored: Vector, weights: Vector, uploaded: Vector, tell: Tell
    ) -> Vector:
        words, amounts = [text for text, _ in asked.words], np.array([w for _, w in asked.words], np.float32)
        each = tell(words)
        told = _mean(each, amounts)
        name = asked.method.partition("@")[0]
        if name not in _FILES or self._lift is None:
            return (slerp if name == "slerp" else weighted_sum)(look[None], told[None], asked.balance)[0]
        references = [self._lift(stored)] if len(stored) else []
        reference = _mean(np.concatenate([*references, uploaded]), weights)
        references_of = np.repeat(reference[None], len(words), axis=0)
        with self._lock:
            made = compose_projected(self._composer(name), self._encoder, references_of, words, each)
        query = _mean(made, amounts)
        if asked.balance < 0.5:
            return slerp(look[None], query[None], 2 * asked.balance)[0]
        return slerp(query[None], told[None], 2 * asked.balance - 1)[0]

    def _embedded(self, images: list[Image.Image]) -> Vector:
        with self._lock:
            return self._encoder.embed_images(images)

    def _composer(self, name: str) -> Composer:
        if name not in self._loaded:
            self._loaded[name] = load_composer(name, self._encoder, folder=self._folder)
        return self._loaded[name]


def _mean(vectors: Vector, weights: Vector) -> Vector:
    """Unit vector of the weighted mean of ``vectors`` (n, d)."""
    together = (vectors * weights[:, None]).sum(axis=0)
    return unit(together if together.any() else vectors[0])


def _same(head: Head | None, other: Head | None) -> bool:
    if head is None or other is None or head is other:
        return head is other and head is not None
    mine, theirs = head.layers("image"), other.layers("image")
    return len(mine) == len(theirs) and all(
        a.shape == b.shape and np.allclose(a, b, atol=_SAME_HEAD)
        for one, two in zip(mine, theirs, strict=True)
        for a, b in zip(one, two, strict=True)
    )
