"""GPR1200 (Schall et al., MMM 2022): general-purpose content-based image retrieval, with its published protocol.

1,200 categories of ten images, in six domains of 200 categories by the order of their numbers. Every image asks all
12,000, itself among them, for the ten of its category; the figure is the mean of the full average precisions, rounded
to four places, over all and in each domain.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from clip_branches.errors import InvalidInput
from preprocessing.evaluating.arrays import read_embeddings, read_rankings
from preprocessing.evaluating.average_precision import average_precisions, checked_rankings, precisions_of
from preprocessing.sources.folder import list_images

Array = npt.NDArray[np.float32]

DOMAINS: Final = ("landmarks", "iNat", "sketch", "INSTRE", "SOP", "faces")
CATEGORIES: Final = 1_200
EACH: Final = 10
IMAGES: Final = CATEGORIES * EACH
_DOMAIN: Final = IMAGES // len(DOMAINS)
_LABELS = np.repeat(np.arange(CATEGORIES), EACH)


def list_gpr1200(folder: Path) -> list[str]:
    """The files of the data set below ``folder`` (or its folder ``images``), in the data set's order.

    That is by the number before the first "_", and by name within a category. Raises InvalidInput, naming what is
    wrong, for anything but 1,200 categories of ten images.
    """
    inside = folder / "images"
    below = "images/" if inside.is_dir() else ""
    numbered = []
    for file in list_images(inside if below else folder).files:
        number = file.source.rpartition("/")[2].partition("_")[0]
        if not (number.isascii() and number.isdigit()):
            raise InvalidInput(
                f"Every image of GPR1200 must be called <number of its category>_<name>. Got {file.source!r} instead."
            )
        numbered.append((int(number), f"{below}{file.source}"))
    counts = Counter(number for number, _ in numbered)
    wrong = {number: count for number, count in sorted(counts.items()) if count != EACH}
    if len(counts) != CATEGORIES or wrong:
        found = f"{len(counts):,} categories"
        if wrong:
            category, count = next(iter(wrong.items()))
            found += f", {len(wrong):,} of which have another number of images, such as {category} with {count}"
        raise InvalidInput(
            f"GPR1200 in {folder} must have {CATEGORIES:,} categories of {EACH} images. Got {found}. For any other "
            "folder of classes there is 'evaluate models'."
        )
    return [name for _, name in sorted(numbered)]


def gpr1200_of_embeddings(path: Path) -> dict[str, float]:
    """The figures of embeddings in a ``.npy`` file, (12000, d) in the data set's order; they are normalised first."""
    return gpr1200_of_vectors(read_embeddings(path, IMAGES))


def gpr1200_of_vectors(vectors: Array) -> dict[str, float]:
    """The figures of unit ``vectors`` (12000, d)."""
    return gpr1200_figures(average_precisions(vectors, _LABELS))


def gpr1200_of_rankings(path: Path) -> dict[str, float]:
    """The figures of full rankings in a ``.npy`` file, (12000, 12000) whole numbers in the data set's order."""
    return gpr1200_figures(precisions_of(checked_rankings(read_rankings(path, IMAGES), str(path)), _LABELS))


def gpr1200_figures(precisions: npt.NDArray[np.float64]) -> dict[str, float]:
    """Mean average precision over all images, in each domain, and over the five domains without the faces (GPR1000)."""
    if precisions.shape != (IMAGES,):
        raise InvalidInput(f"GPR1200 must have {IMAGES} average precisions. Got {precisions.shape} instead.")
    parts = {
        name: round(float(precisions[number * _DOMAIN : (number + 1) * _DOMAIN].mean()), 4)
        for number, name in enumerate(DOMAINS)
    }
    without_faces = round(float(np.mean([parts[name] for name in DOMAINS[:-1]])), 4)
    return {"all": round(float(precisions.mean()), 4), **parts, "without faces": without_faces}
