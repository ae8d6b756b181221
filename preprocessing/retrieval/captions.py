"""The captions that images are trained with: their own, and pseudo-captions from a list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from clip_branches.errors import ConfigurationError

Array = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]
_BLOCK = 256


@dataclass(frozen=True)
class CaptionSets:
    """Different ``texts`` with their unit ``vectors`` (m, d), and for each image the rows of its captions."""

    texts: list[str]
    vectors: Array
    of_image: list[Rows]

    def batch(self, rows: Rows) -> tuple[Array, npt.NDArray[np.float32]]:
        """The different captions of the images ``rows`` (k, d), and which (n, k) are whose: 1 or 0."""
        own = [self.of_image[row] for row in rows.tolist()]
        used, place = np.unique(np.concatenate(own), return_inverse=True)
        truth = np.zeros((len(own), len(used)), dtype=np.float32)
        truth[np.repeat(np.arange(len(own)), [len(one) for one in own]), place] = 1.0
        return self.vectors[used], truth

    @property
    def count(self) -> int:
        """How many captions the images have, together."""
        return sum(len(one) for one in self.of_image)


def read_caption_list(path: Path) -> list[str]:
    """The different captions in ``path``, a UTF-8 text file with one a line; ConfigurationError where it has none."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} must be a text file in UTF-8, one caption a line: {error}") from error
    captions = list(dict.fromkeys(line.strip() for line in lines if line.strip()))
    if not captions:
        raise ConfigurationError(f"{path} must hold captions, one a line. Got none.")
    return captions


def pseudo_captions(images: Array, captions: Array, nearest: int, above: float) -> list[Rows]:
    """For each image the rows of the ``nearest`` captions by cosine, most alike first, as far as they are ``above``.

    ``images`` (n, d) and ``captions`` (m, d) are unit rows of the model before the training (MCIP: 20 nearest, 0.27).
    """
    count = min(nearest, len(captions))
    found: list[Rows] = []
    for start in range(0, len(images), _BLOCK):
        scores = images[start : start + _BLOCK] @ captions.T
        near = np.argpartition(-scores, count - 1, axis=1)[:, :count]
        for row, candidates in zip(scores, near, strict=True):
            ordered = candidates[np.argsort(-row[candidates], kind="stable")]
            found.append(ordered[row[ordered] > above].astype(np.int64))
    return found


def caption_sets(
    own: Sequence[tuple[str, ...]], texts: list[str], vectors: Array, pseudo: Sequence[Rows], most: int
) -> CaptionSets:
    """Each image's ``own`` captions and then its ``pseudo`` ones (rows of ``texts``), at most ``most``, none twice.

    ``texts`` must hold every own caption; ``vectors`` (m, d) are theirs.
    """
    place = {text: row for row, text in enumerate(texts)}
    sets = [
        np.array(list(dict.fromkeys([*(place[text] for text in said), *near.tolist()]))[:most], dtype=np.int64)
        for said, near in zip(own, pseudo, strict=True)
    ]
    return CaptionSets(texts, vectors, sets)
