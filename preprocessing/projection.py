"""From embeddings to 32-d unit vectors and the quantiser of a catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from clip_branches.catalogue import EncoderSpec
from clip_branches.encoding import Head, Quantiser
from clip_branches.encoding.fingerprint import local_model_folder
from clip_branches.encoding.quantiser import make_quantiser
from clip_branches.errors import ConfigurationError, InvalidInput
from preprocessing.recipe import ProjectionSection

Fitted = Literal["pairs", "principal axes"]

# From here on a catalogue's own vectors say more about its range than the model's training data.
ENOUGH_TO_FIT = 1_000
# Different captions from which on pairs tell more of 32 good directions than the images alone do.
PAIRS_TO_FIT = 256
_BLOCK = 16_384
_TEXTS_TO_FIT = 2_000
# Ordinary words for a head of principal axes without captions: it only takes the mean of their embeddings.
_PHRASES = tuple(
    f"a photo of {thing}"
    for thing in (
        "a person", "a child", "a crowd", "a dog", "a cat", "a bird", "a horse", "a fish", "a flower", "a tree",
        "a forest", "a mountain", "a beach", "the sea", "a river", "the sky", "a street", "a city", "a house",
        "a room", "a kitchen", "a chair", "a table", "a bed", "a car", "a bus", "a train", "a bicycle", "a boat",
        "an airplane", "food", "a cake", "fruit", "a bottle", "a cup", "a book", "a phone", "a computer", "a clock",
        "a sign", "a toy", "a ball", "clothes", "shoes", "a bag", "a hat", "a painting", "a drawing", "a building",
        "a bridge",
    )
)  # fmt: skip


def check_head_folder(folder: Path) -> Path:
    """``folder``, absolute, if it holds a head; else ConfigurationError, before any work is done for it."""
    if not (folder / "head.json").is_file():
        raise ConfigurationError(
            f"The 'head' must be a folder with head.json and head.safetensors, as train-head writes it. Got {folder}."
        )
    return folder.resolve()


def head_and_quantiser_files(model: str, models_dir: Path, section: ProjectionSection) -> list[Path]:
    """The files of head and quantiser that a catalogue starts from: the recipe's own head, else the model's."""
    folder = section.head or local_model_folder(model, models_dir)
    names = ("head.json", "head.safetensors", "quantiser.json")
    return [] if folder is None else [folder / name for name in names if (folder / name).exists()]


@dataclass(frozen=True)
class Projection:
    """Unit ``vectors`` (n, 32) float32, their ``quantiser``, and the ``spec`` that names its file and the head's.

    ``fitted`` says to what the head was fitted here, where none was given.
    """

    vectors: npt.NDArray[np.float32]
    quantiser: Quantiser
    spec: EncoderSpec
    fitted: Fitted | None = None


def prepare_projection(
    model: str,
    models_dir: Path,
    fingerprint: str,
    embeddings: npt.NDArray[np.float16],
    kept: pa.Table,
    folder: Path,
    section: ProjectionSection,
) -> Projection:
    """Project ``embeddings`` (n, d) by the head that ``section`` names, the model's, or a linear one fitted to them
    (to pairs with captions where there are enough).

    The quantiser is fitted to the vectors when there are at least 1,000, or when there is none of that kind for this
    very head. What is fitted or turned is saved in ``folder``. Raises ConfigurationError for a head that was trained on
    the embeddings of another model.
    """
    if len(embeddings) == 0:
        raise InvalidInput("The catalogue must have at least one image with an embedding. Got none instead.")
    local = section.head or local_model_folder(model, models_dir)
    head_path = local if local is not None and (section.head or (local / "head.json").exists()) else None
    fitted: Fitted | None = None
    if head_path is not None:
        head = Head.load(head_path)
        _check_head(head, head_path, model, fingerprint, embeddings.shape[1])
    else:
        texts = _texts_to_fit(kept.column("caption").to_pylist())
        head, fitted = _fit_head(model, models_dir, embeddings, texts)
    if section.rotation is not None:
        head = head.rotated(section.rotation)
    if head_path is None or section.rotation is not None:
        head_path = folder / "head"
        head.save(head_path)
    vectors = _project(head, embeddings)
    # A quantiser beside the head was fitted to that head's vectors, as they lie without a turn.
    beside = head_path / "quantiser.json"
    if not (len(vectors) < ENOUGH_TO_FIT and beside.exists() and Quantiser.load(beside).kind == section.quantiser):
        beside = folder / "quantiser.json"
        make_quantiser(section.quantiser).fit(vectors).save(beside)
    return Projection(vectors, Quantiser.load(beside), EncoderSpec(model, beside, head_path, fingerprint), fitted)


def _check_head(head: Head, path: Path, model: str, fingerprint: str, width: int) -> None:
    if head.fingerprint not in (None, fingerprint):
        raise ConfigurationError(
            f"The head in {path} must have been trained on embeddings of {model!r} as it is now. Got a head for other "
            "towers: train one with train-head, or name that model."
        )
    if head.input_dim != width:
        raise ConfigurationError(
            f"The head in {path} must take the {width} dimensions of {model!r}. Got one for {head.input_dim} instead."
        )


def _project(head: Head, embeddings: npt.NDArray[np.float16]) -> npt.NDArray[np.float32]:
    blocks = range(0, len(embeddings), _BLOCK)
    return np.concatenate([head.project_images(embeddings[start : start + _BLOCK]) for start in blocks])


def _texts_to_fit(captions: Sequence[str | None]) -> dict[str, int]:
    """Different captions, at most so many as a fit needs, and the first row of each."""
    first: dict[str, int] = {}
    for row, caption in enumerate(captions):
        if caption:
            first.setdefault(caption, row)
    texts = sorted(first)
    every = max(1, len(texts) // _TEXTS_TO_FIT)
    return {text: first[text] for text in texts[::every][:_TEXTS_TO_FIT]}


def _fit_head(
    model: str, models_dir: Path, embeddings: npt.NDArray[np.float16], texts: dict[str, int]
) -> tuple[Head, Fitted]:
    """A linear head: of pairs where there are captions enough, else of the images' principal axes."""
    from clip_branches.encoding import Encoder
    from clip_branches.encoding.paired import fit_paired

    encoder = Encoder.load(model, models_dir=models_dir, threads=None)
    described = encoder.embed_texts(list(texts or _PHRASES))
    if len(texts) < PAIRS_TO_FIT:
        return Head.fit_linear(embeddings.astype(np.float32), described), "principal axes"
    return fit_paired(embeddings[list(texts.values())].astype(np.float32), described), "pairs"
