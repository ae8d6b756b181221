"""Pairs of image and text embeddings, from a catalogue, a NumPy file or clip-retrieval's folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from clip_branches.catalogue import Catalogue
from clip_branches.encoding.fingerprint import check_towers
from clip_branches.errors import ConfigurationError, DamagedFile, InvalidInput
from preprocessing.progress import say

Rows = npt.NDArray[np.float32]
_TEXT_BLOCK = 4_096


@dataclass(frozen=True)
class Pairs:
    """Unit rows (n, d): image i and text i belong together. Equal ``groups`` (n,) mark the same text said twice.

    ``model`` and ``fingerprint`` name the towers that made them, where that is known.
    """

    images: Rows
    texts: Rows
    groups: npt.NDArray[np.int64]
    model: str | None = None
    fingerprint: str | None = None

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows: npt.NDArray[np.int64]) -> Pairs:
        """The pairs at ``rows``."""
        return Pairs(self.images[rows], self.texts[rows], self.groups[rows], self.model, self.fingerprint)

    def made_by(self, model: str, fingerprint: str) -> Pairs:
        """These pairs, as embeddings of ``model``."""
        return Pairs(self.images, self.texts, self.groups, model, fingerprint)


def load_pairs(source: Path) -> Pairs:
    """Pairs of a ``.npz`` file (image_emb, text_emb) or of a folder with img_emb/ and text_emb/ (clip-retrieval).

    Raises InvalidInput, naming what would work, for anything else, and DamagedFile for files that cannot be read.
    """
    if source.suffix == ".npz" and source.is_file():
        try:
            with np.load(source, allow_pickle=False) as file:
                missing = [name for name in ("image_emb", "text_emb") if name not in file]
                if missing:
                    raise InvalidInput(f"{source} must hold image_emb and text_emb. Got {', '.join(file)} instead.")
                return make_pairs(file["image_emb"], file["text_emb"], str(source))
        except InvalidInput:
            raise
        except (OSError, ValueError, BadZipFile) as error:
            raise DamagedFile(f"{source} must be a whole NumPy file without pickles. Got: {error}") from error
    if (source / "img_emb").is_dir() and (source / "text_emb").is_dir():
        return make_pairs(_stacked(source / "img_emb"), _stacked(source / "text_emb"), str(source))
    raise InvalidInput(
        f"The pairs must be a catalogue's name, a .npz file with image_emb and text_emb, or a folder with img_emb/ and "
        f"text_emb/. Got {source} instead."
    )


def catalogue_pairs(catalogue: Catalogue, models_dir: Path) -> Pairs:
    """The images of a ``catalogue`` that have a caption, with their captions' embeddings by the catalogue's model."""
    from clip_branches.encoding import Encoder
    from clip_branches.encoding.fingerprint import check_encoder

    spec = catalogue.encoder
    images, captions = [], []
    for segment in catalogue.segments:
        if segment.embeddings is None:
            raise ConfigurationError(
                f"The catalogue {catalogue.path} must hold its embeddings for a head to be trained on it. "
                "Got a segment without them: build it again."
            )
        said = segment.table(["caption"]).column("caption").to_pylist()
        rows = np.array([row for row, caption in enumerate(said) if caption], dtype=np.int64)
        images.append(np.asarray(segment.embeddings[rows], dtype=np.float32))
        captions += [said[row] for row in rows.tolist()]
    if not captions:
        raise InvalidInput(f"The catalogue {catalogue.path} must have captions for a head to be trained on it.")
    check_towers(spec.model, models_dir, spec.fingerprint)
    encoder = Encoder.load(spec.model, models_dir=models_dir, threads=None)
    check_encoder(spec.model, models_dir, encoder, spec.fingerprint)
    texts, groups = _embedded(encoder.embed_texts, captions)
    made = make_pairs(np.concatenate(images), texts, str(catalogue.path))
    return Pairs(made.images, made.texts, groups, spec.model, spec.fingerprint)


def make_pairs(images: npt.ArrayLike, texts: npt.ArrayLike, origin: str) -> Pairs:
    """Pairs of rows (n, d) each, brought to unit length; InvalidInput for rows that cannot be pairs."""
    sides = [np.asarray(side) for side in (images, texts)]
    shapes = [side.shape for side in sides]
    if sides[0].ndim != 2 or shapes[0] != shapes[1] or any(side.dtype.kind != "f" for side in sides):
        raise InvalidInput(
            f"The image and text embeddings of {origin} must be floats of one shape (n, d). "
            f"Got {sides[0].dtype} {shapes[0]} and {sides[1].dtype} {shapes[1]} instead."
        )
    rows = [side.astype(np.float32) for side in sides]
    lengths = [np.linalg.norm(side, axis=1, keepdims=True) for side in rows]
    if not all(np.isfinite(length).all() and (length > 0).all() for length in lengths):
        raise InvalidInput(f"The embeddings of {origin} must be finite and not zero. Got others instead.")
    unit_images, unit_texts = (side / length for side, length in zip(rows, lengths, strict=True))
    _, groups = np.unique(unit_texts, axis=0, return_inverse=True)
    return Pairs(unit_images, unit_texts, groups.reshape(-1).astype(np.int64))


def _embedded(embed: Callable[[Sequence[str]], Rows], captions: Sequence[str]) -> tuple[Rows, npt.NDArray[np.int64]]:
    """Embeddings (n, d) of ``captions``, each different one embedded once, and which (n,) are the same."""
    different, groups = np.unique(np.array(captions, dtype=object).astype(str), return_inverse=True)
    say(f"train-head: embedding {len(different):,} captions ...")
    blocks = [different[start : start + _TEXT_BLOCK].tolist() for start in range(0, len(different), _TEXT_BLOCK)]
    rows = np.concatenate([embed(block) for block in blocks])
    return rows[groups], groups.astype(np.int64)


def _stacked(folder: Path) -> npt.NDArray[np.floating]:
    """The rows of every .npy in ``folder``, in clip-retrieval's order: by name."""
    files = sorted(folder.glob("*.npy"))
    if not files:
        raise InvalidInput(f"The folder {folder} must hold .npy files. Got none instead.")
    try:
        return np.concatenate([np.load(file, mmap_mode="r", allow_pickle=False) for file in files])
    except (OSError, ValueError) as error:
        raise DamagedFile(f"The files in {folder} must be whole arrays of one width. Got: {error}") from error
