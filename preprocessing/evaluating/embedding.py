"""Vectors of image files and texts for an evaluation, with a bar; images are decoded ahead, and none may be missing."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from clip_branches.errors import InvalidInput, UnsupportedImage
from clip_branches.images import decode_image
from preprocessing.progress import Progress

if TYPE_CHECKING:
    import torch

    from preprocessing.towers import Towers

Array = npt.NDArray[np.float32]
_TEXTS = 256


def embed_files(
    towers: Towers, folder: Path, files: Sequence[str], label: str, *, batch: int = 64, workers: int = 2
) -> Array:
    """Unit vectors (n, d), float32, of the image ``files`` below ``folder``.

    An evaluation without some of its images would be another one: InvalidInput names the first that cannot be read.
    """
    rows = [np.empty((0, towers.encoder.embedding_dim), dtype=np.float32)]

    def pixels(name: str) -> torch.Tensor:
        try:
            return towers.preparation.pixels(decode_image((folder / name).read_bytes()))
        except (OSError, UnsupportedImage, InvalidInput) as error:
            raise InvalidInput(
                f"Every image of an evaluation must be readable. Got {folder / name}: {error}"
            ) from error

    waiting: deque[list[Future[torch.Tensor]]] = deque()

    def finish() -> None:
        rows.append(towers.embed([future.result() for future in waiting.popleft()]))
        progress.update(len(rows[-1]))

    with ThreadPoolExecutor(workers, thread_name_prefix="decode") as pool, Progress(label, len(files)) as progress:
        for start in range(0, len(files), batch):
            waiting.append([pool.submit(pixels, name) for name in files[start : start + batch]])
            if len(waiting) > 2:
                finish()
        while waiting:
            finish()
    vectors = np.concatenate(rows)
    wrong = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(wrong):
        raise InvalidInput(f"Every image must have a finite vector. {folder / files[wrong[0]]} has none.")
    return vectors


def embed_texts(towers: Towers, texts: Sequence[str], label: str) -> Array:
    """Unit vectors (m, d), float32, of ``texts``, by the text tower on the towers' device."""
    import torch

    from clip_branches.encoding._text import text_embeddings

    encoder = towers.encoder
    found = np.empty((len(texts), encoder.embedding_dim), dtype=np.float32)
    # The tower runs as far as the longest text of a batch.
    order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    with torch.inference_mode(), Progress(label, len(texts)) as progress:
        for start in range(0, len(order), _TEXTS):
            rows = order[start : start + _TEXTS]
            tokens = encoder.tokenizer([texts[row] for row in rows]).to(towers.device)
            vectors = text_embeddings(encoder.model, tokens).float()
            found[rows] = torch.nn.functional.normalize(vectors, dim=-1).cpu().numpy()
            progress.update(len(rows))
    return found
