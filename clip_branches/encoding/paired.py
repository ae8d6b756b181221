"""A linear head from pairs of image and text embeddings, in closed form: the directions on which both sides agree.

Principal axes keep what varies most, much of it in one modality only. Pairs tell content from the rest: what a picture
and its caption share is signal, what tells them apart is noise. The directions of most signal for their noise are a
generalised eigenproblem, as in Fisher's discriminant analysis and in canonical correlation, with the noise shrunk
towards an even one, since a few hundred pairs say little of 512 dimensions (Ledoit and Wolf 2004).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from clip_branches.encoding.head import Head
from clip_branches.errors import InvalidInput


def fit_paired(
    image_embeddings: npt.ArrayLike, text_embeddings: npt.ArrayLike, dimensions: int = 32, shrinkage: float = 10.0
) -> Head:
    """A "linear" head of rows that belong together: image i and text i, unit rows (n, d) each, n >= 2.

    ``shrinkage`` is how many parts of even noise, of the same size, are added to the measured one: 3 to 30 is good for
    hundreds of pairs, 1 for many thousands. Where d is below ``dimensions`` the missing axes are 0.
    """
    images, texts = (np.asarray(rows, dtype=np.float64) for rows in (image_embeddings, text_embeddings))
    if images.ndim != 2 or images.shape != texts.shape or len(images) < 2:
        raise InvalidInput(
            "The 'image_embeddings' and 'text_embeddings' of fit_paired must both have shape (n, d) with n >= 2. "
            f"Got {images.shape} and {texts.shape} instead."
        )
    if not shrinkage > 0:
        raise InvalidInput(f"The 'shrinkage' of fit_paired must be above 0. Got {shrinkage} instead.")
    width = images.shape[1]
    image_mean, text_mean = images.mean(axis=0), texts.mean(axis=0)
    centred_images, centred_texts = images - image_mean, texts - text_mean
    shared = centred_images.T @ centred_texts
    difference = centred_images - centred_texts
    noise = difference.T @ difference / 2
    even = max(float(np.trace(noise)) / width, np.finfo(np.float64).tiny)
    noise += shrinkage * even * np.eye(width)
    strengths, directions = np.linalg.eigh(noise)
    whitening = directions / np.sqrt(strengths) @ directions.T
    _, axes = np.linalg.eigh(whitening @ (shared + shared.T) @ whitening)
    leading = (whitening @ axes[:, ::-1][:, :dimensions]).T
    # An eigenvector's sign is arbitrary: the largest entry is made positive, so that a refit gives the same head.
    leading *= np.sign(leading[np.arange(len(leading)), np.abs(leading).argmax(axis=1)])[:, None]
    lengths = np.linalg.norm(centred_images @ leading.T, axis=1)
    weight = np.zeros((dimensions, width))
    weight[: len(leading)] = leading / max(float(lengths.mean()), np.finfo(np.float64).tiny)
    sides = [[(weight.astype(np.float32), (-weight @ mean).astype(np.float32))] for mean in (image_mean, text_mean)]
    return Head("linear", sides[0], sides[1])
