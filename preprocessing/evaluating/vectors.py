"""The vectors that an evaluation ranks: of images in a folder, made by a model, or made before and read from a file."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image

from clip_branches.errors import ClipBranchesError, ConfigurationError, DamagedFile, InvalidInput
from clip_branches.images import decode_image

if TYPE_CHECKING:
    from clip_branches.encoding import Encoder

Array = npt.NDArray[np.float32]
_BATCH = 256
_SUFFIXES = (".jpg", ".png", ".jpeg", ".webp")


@dataclass(frozen=True)
class NamedVectors:
    """``images`` (n, d) of the images ``names``; ``texts`` or ``queries`` (m, d), one a pair in the file's order.

    ``texts`` are vectors of the captions, ``queries`` of what was composed elsewhere.
    """

    names: list[str]
    images: Array
    texts: Array | None = None
    queries: Array | None = None

    def of(self, names: Sequence[str]) -> Array:
        """The rows of ``names``, in their order; ConfigurationError names those that are missing."""
        place = {name: row for row, name in enumerate(self.names)}
        missing = [name for name in names if name not in place]
        if missing:
            raise ConfigurationError(
                f"The embeddings must hold every image of the split. {len(missing)} are missing, "
                f"such as {missing[0]!r}."
            )
        return self.images[[place[name] for name in names]]


def read_vectors(path: Path) -> NamedVectors:
    """A ``.npz`` file with ``names`` (n,) and ``images`` (n, d), and maybe ``texts`` or ``queries`` (m, d).

    Raises DamagedFile, naming the file and what is wrong with it. Nothing is loaded by pickle.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            names = [str(name) for name in file["names"]]
            arrays = {key: np.asarray(file[key], np.float32) for key in ("images", "texts", "queries") if key in file}
        images = arrays["images"]
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise DamagedFile(f"{path} must be a .npz file with the arrays 'names' and 'images'. Got: {error}") from error
    for key, rows in arrays.items():
        if rows.ndim != 2 or rows.shape[1] != images.shape[-1] or not np.isfinite(rows).all():
            raise DamagedFile(f"{key!r} in {path} must be finite numbers of shape (n, {images.shape[-1]}).")
    if len(names) != len(images) or len(set(names)) != len(names):
        raise DamagedFile(f"{path} must hold one different name for each of its {len(images)} images.")
    return NamedVectors(names, images, arrays.get("texts"), arrays.get("queries"))


def embed_named(encoder: Encoder, folder: Path, paths: dict[str, str], *, raw: bool, pad: bool) -> NamedVectors:
    """Vectors of the images of ``paths`` (name -> path below ``folder``), unit length unless ``raw``.

    ``pad`` pads long images to CLIP4Cir's shape first. Raises ConfigurationError, naming the first few, for images that
    are not there and InvalidInput for one that cannot be read.
    """
    from clip_branches.composing.towers import raw_images, target_pad

    files = image_files(folder, paths)
    rows = [np.empty((0, encoder.embedding_dim), np.float32)]
    names = list(files)
    for start in range(0, len(names), _BATCH):
        images = [_opened(files[name]) for name in names[start : start + _BATCH]]
        padded = [target_pad(image) for image in images] if pad else images
        rows.append(raw_images(encoder, padded) if raw else encoder.embed_images(padded))
    return NamedVectors(names, np.concatenate(rows))


def image_files(folder: Path, paths: dict[str, str]) -> dict[str, Path]:
    """The files of ``paths`` (name -> path below ``folder``, maybe without a suffix).

    Raises ConfigurationError, naming the first few, for images that are not there.
    """
    found = {name: _file(folder, path) for name, path in paths.items()}
    missing = [paths[name] for name, file in found.items() if file is None]
    if missing:
        raise ConfigurationError(
            f"The images of the split must be below {folder}. {len(missing)} of {len(found)} are not there, such as "
            f"{', '.join(missing[:3])}."
        )
    return {name: file for name, file in found.items() if file is not None}


def _file(folder: Path, path: str) -> Path | None:
    given = folder / path
    candidates = [given, *(given.with_name(given.name + suffix) for suffix in _SUFFIXES)]
    return next((one for one in candidates if one.is_file()), None)


def _opened(path: Path) -> Image.Image:
    try:
        return decode_image(path.read_bytes())
    except (OSError, ClipBranchesError) as error:
        raise InvalidInput(f"{path}: {error}") from error
