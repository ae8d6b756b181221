"""Vectors as the towers give them, not at length 1, and the square that CLIP4Cir shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageOps

from clip_branches.encoding._text import text_embeddings

Array = npt.NDArray[np.float32]
_BATCH = 64


def raw_texts(encoder: Any, texts: Sequence[str]) -> Array:
    """Text vectors (n, d), float32, of any length, by the Encoder ``encoder``."""
    rows = [np.empty((0, encoder.embedding_dim), np.float32)]
    with torch.inference_mode():
        for start in range(0, len(texts), _BATCH):
            tokens = encoder.tokenizer(list(texts[start : start + _BATCH]))
            rows.append(text_embeddings(encoder.model, tokens).float().numpy())
    return np.concatenate(rows)


def raw_images(encoder: Any, images: Sequence[Image.Image]) -> Array:
    """Image vectors (n, d), float32, of any length, by the Encoder ``encoder``."""
    rows = [np.empty((0, encoder.embedding_dim), np.float32)]
    with torch.inference_mode():
        for start in range(0, len(images), _BATCH):
            batch = torch.stack([encoder.preprocess(image) for image in images[start : start + _BATCH]])
            rows.append(encoder.model.encode_image(batch).float().numpy())
    return np.concatenate(rows)


def target_pad(image: Image.Image, ratio: float = 1.25) -> Image.Image:
    """``image`` with black beside its short side where it is ``ratio`` times as long as wide or more (CLIP4Cir).

    Each side of the short dimension gets ``int((longer / ratio - shorter) / 2)`` pixels, so that the centre crop that
    follows loses less.
    """
    width, height = image.size
    longer = max(width, height)
    if longer / min(width, height) < ratio:
        return image
    across, down = (max(int((longer / ratio - side) / 2), 0) for side in (width, height))
    return ImageOps.expand(image, (across, down, across, down), fill=0)
