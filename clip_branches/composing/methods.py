"""The methods of composition behind one interface, chosen by name: sum, slerp, combiner, inversion."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Protocol, get_args

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from clip_branches.composing.sums import slerp, unit, weighted_sum
from clip_branches.errors import ConfigurationError, DamagedFile

if TYPE_CHECKING:
    from clip_branches.encoding import Encoder

Array = npt.NDArray[np.float32]
EmbedTexts = Callable[[Sequence[str]], Array]
MethodName = Literal["sum", "slerp", "combiner", "inversion"]
Side = Literal["images", "texts"]

METHODS: Final[tuple[MethodName, ...]] = get_args(MethodName)
COMBINER_FILE: Final = "combiner.safetensors"
INVERSION_FILE: Final = "inversion.safetensors"


class Composer(Protocol):
    """One vector from an image's vector and words that change it.

    Attributes
    ----------
    name : of the method.
    side : what the composed vectors are like, "images" or "texts": which projection head takes them on.
    raw : whether image vectors go in as the tower gives them, not at length 1.
    tell : how much of the words' own unit vectors is added to what is composed.
    """

    name: MethodName
    side: Side
    raw: bool
    tell: float

    def compose(self, images: Array, texts: Sequence[str], *, telling: bool = True) -> Array:
        """Unit vectors (n, d), float32, of image vectors (n, d) and their n texts.

        Without ``telling`` what ``tell`` says is left to the caller, who adds it behind a projection head.
        """


class SumComposer:
    """The weighted sum, or the interpolation on the sphere, of the image's and the text's unit vectors."""

    side: Side = "images"
    raw = False
    tell = 0.0

    def __init__(self, name: Literal["sum", "slerp"], embed_texts: EmbedTexts, balance: float = 0.5) -> None:
        self.name: MethodName = name
        self._mix = {"sum": weighted_sum, "slerp": slerp}[name]
        self._embed_texts, self._balance = embed_texts, balance

    def compose(self, images: Array, texts: Sequence[str], *, telling: bool = True) -> Array:
        return self._mix(unit(images), self._embed_texts(texts), self._balance)


class CombinerComposer:
    """A trained Combiner network."""

    name: MethodName = "combiner"
    side: Side = "images"
    tell = 0.0

    def __init__(self, path: Path, embed_texts: EmbedTexts, width: int) -> None:
        from clip_branches.composing.combiner import Combiner

        self._network = Combiner.load(path)
        _require_width(path, self._network.width, width)
        self.raw = self._network.raw
        self._embed_texts = embed_texts

    def compose(self, images: Array, texts: Sequence[str], *, telling: bool = True) -> Array:
        import torch

        with torch.inference_mode():
            pairs = (torch.from_numpy(np.array(rows, np.float32)) for rows in (images, self._embed_texts(texts)))
            return np.asarray(self._network(*pairs).numpy(), np.float32)


class InversionComposer:
    """A trained textual inversion: the image becomes a word, and the text tower reads the sentence."""

    name: MethodName = "inversion"
    raw = False

    def __init__(self, path: Path, encoder: Encoder) -> None:
        from clip_branches.composing.inversion import Inversion, InvertedText

        self._network = Inversion.load(path)
        _require_width(path, self._network.width, encoder.embedding_dim)
        self._tower = InvertedText(encoder.model, encoder.tokenizer)
        _require_width(path, self._network.word, self._tower.word_width)
        self._embed_texts = encoder.embed_texts
        self.side: Side = "images" if self._network.reach else "texts"
        self.tell = float(self._network.tell)

    def compose(self, images: Array, texts: Sequence[str], *, telling: bool = True) -> Array:
        import torch

        from clip_branches.composing.inversion import PSEUDO_WORD, changed

        network, tower = self._network, self._tower
        texts = [text.replace(PSEUDO_WORD, " ") for text in texts]  # a dollar in the words of a user is no pseudo-word
        with torch.inference_mode():
            looks = torch.from_numpy(unit(images))
            if not network.reach and not network.context:
                words = network.words_of_images(looks)
                return np.asarray(tower.embed_said(network.template, words, texts).numpy(), np.float32)
            told = torch.from_numpy(self._embed_texts(texts))
            tokens = tower.tokens(tower.said(network.template, network.count, texts))
            tell = network.tell if telling else 0.0
            return np.asarray(changed(network, tower, looks, told, tokens, tell=tell).numpy(), np.float32)


def load_composer(
    name: str,
    encoder: Encoder,
    *,
    folder: Path | None = None,
    weights: Path | None = None,
    embed_texts: EmbedTexts | None = None,
    balance: float = 0.5,
) -> Composer:
    """The method ``name`` for the vectors of ``encoder``.

    ``weights`` is the file of its network, else the one in the model's ``folder``; ``embed_texts`` gives the vectors of
    texts where they were made before; ``balance`` is for the methods without a network. Raises ConfigurationError for a
    name that is not known and for a network that is not there or does not fit, naming what there is.
    """
    if name not in METHODS:
        raise ConfigurationError(f"The composing method must be one of {', '.join(METHODS)}. Got {name!r} instead.")
    if name == "sum" or name == "slerp":
        return SumComposer(name, embed_texts or encoder.embed_texts, balance)
    path = weights or (folder or Path()) / {"combiner": COMBINER_FILE, "inversion": INVERSION_FILE}[name]
    if not path.is_file():
        raise ConfigurationError(
            f"The composing method {name!r} must have its network at {path}. Got no such file: train one with "
            f"'python -m preprocessing train-{name}', or use 'sum' or 'slerp'."
        )
    if name == "inversion":
        return InversionComposer(path, encoder)
    from clip_branches.composing.towers import raw_texts

    composer = CombinerComposer(path, embed_texts or encoder.embed_texts, encoder.embedding_dim)
    if composer.raw and embed_texts is None:
        composer = CombinerComposer(path, lambda texts: raw_texts(encoder, texts), encoder.embedding_dim)
    return composer


def compose_projected(composer: Composer, encoder: Encoder, images: Array, texts: Sequence[str], told: Array) -> Array:
    """Unit vectors (n, 32), float32: what is composed, through the head; ``told`` (n, 32) are vectors of the texts."""
    made = composer.compose(images, texts, telling=False)
    project = encoder.project_images if composer.side == "images" else encoder.project_texts
    return unit(project(made) + np.float32(composer.tell) * told)


def available_methods(folder: Path | None) -> tuple[MethodName, ...]:
    """The methods that can be used with the model in ``folder``; sums always can."""
    files: dict[MethodName, str] = {"combiner": COMBINER_FILE, "inversion": INVERSION_FILE}
    return tuple(
        name for name in METHODS if name not in files or (folder is not None and (folder / files[name]).is_file())
    )


def takes_raw(path: Path) -> bool:
    """Whether the network in ``path`` wants vectors as the towers give them, as published ones do."""
    if path.suffix != ".safetensors":
        return True
    try:
        with safe_open(path, framework="numpy") as file:
            return bool(json.loads((file.metadata() or {})["network"]).get("raw", False))
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise DamagedFile(f"{path} must be a network of this project. Got: {error}") from error


def _require_width(path: Path, found: int, needed: int) -> None:
    if found != needed:
        raise ConfigurationError(f"The network in {path} must take vectors of length {needed}. Got {found} instead.")
