"""Vectors such as images of captions would have: what texts and images have in common, and what only images have.

No image is paired with a caption for it: of the images only the mean and the covariance are used.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.functional import normalize

Array = npt.NDArray[np.float32]
_SMALLEST = 1e-9


class Likeness:
    """``unit(m_i + A (t - m_t) + e)`` for a text vector t, with e drawn from N(0, S_i - A S_t A).

    m and S are means and covariances of texts and images. A shrinks each principal direction of the texts to the spread
    that images have along it, and widens none: what images show along it beyond that comes out of e, as does what
    captions never tell.
    """

    def __init__(self, texts: Array, images: Array) -> None:
        self.gap = texts.mean(axis=0) - images.mean(axis=0)
        of_texts, of_images = np.cov(texts.T), np.cov(images.T)
        spread, directions = np.linalg.eigh(of_texts)
        along = np.einsum("ij,ik,kj->j", directions, of_images, directions)
        shrink = np.minimum(1.0, np.sqrt(along / np.maximum(spread, _SMALLEST)))
        common = (directions * shrink) @ directions.T
        rest, axes = np.linalg.eigh(of_images - common @ of_texts @ common)
        self._common = torch.from_numpy(common.astype(np.float32))
        self._own = torch.from_numpy((axes * np.sqrt(np.maximum(rest, 0.0))).astype(np.float32))
        self._text, self._image = (torch.from_numpy(rows.mean(axis=0)) for rows in (texts, images))

    def hidden(self, count: int) -> torch.Tensor:
        """What no caption tells of ``count`` images [count, d]; drawn by torch's generator."""
        return torch.randn(count, len(self._own)) @ self._own.T

    def images(self, texts: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        """Unit vectors of images, of the vectors ``texts`` and what is ``hidden``, in shapes that go together."""
        return normalize(self._image + (texts - self._text) @ self._common + hidden, dim=-1)
