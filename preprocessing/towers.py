"""The image tower, ready for batches of prepared tensors."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from PIL import Image

if TYPE_CHECKING:
    import torch

    from clip_branches.encoding import Encoder


class Towers(NamedTuple):
    """A loaded encoder, used batch by batch; its preprocessing runs elsewhere, ahead of it."""

    encoder: Encoder

    @property
    def preprocess(self) -> Callable[[Image.Image], torch.Tensor]:
        return self.encoder.preprocess

    def embed(self, batch: Sequence[torch.Tensor]) -> npt.NDArray[np.float32]:
        """Unit vectors (n, d) float32 of n prepared images [3, height, width]."""
        import torch

        with torch.inference_mode():
            embeddings = self.encoder.model.encode_image(torch.stack(list(batch))).float()
            return np.asarray(torch.nn.functional.normalize(embeddings, dim=-1).numpy())


class BatchEmbedder:
    """Runs the model on several batches at once, one thread a batch; a context manager.

    Threads inside one batch would wait for the slowest of them at every layer, which on a machine that is also busy
    otherwise is ten times slower and more. ``finished`` is told how many images are done, as they are.
    """

    def __init__(self, towers: Towers, threads: int, finished: Callable[[int], None]) -> None:
        self._towers = towers
        self._finished = finished
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="embed")
        self._in_flight = threads + 1
        self._waiting: deque[Future[npt.NDArray[np.float32]]] = deque()
        self._done: list[npt.NDArray[np.float32]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown(wait=True, cancel_futures=True)

    def submit(self, batch: Sequence[torch.Tensor]) -> None:
        """Embed ``batch`` soon; waits while too many batches do."""
        self._waiting.append(self._executor.submit(self._towers.embed, batch))
        self._finish(self._in_flight)

    def collect(self) -> npt.NDArray[np.float32]:
        """Embeddings (n, d) float32 of all batches since the last call, in the order they were submitted."""
        self._finish(0)
        dimension = self._towers.encoder.embedding_dim
        rows = np.concatenate([np.empty((0, dimension), dtype=np.float32), *self._done])
        self._done = []
        return rows

    def _finish(self, leave: int) -> None:
        while len(self._waiting) > leave:
            rows = self._waiting.popleft().result()
            self._done.append(rows)
            self._finished(len(rows))


def load_towers(model: str, models_dir: Path) -> Towers:
    """Load ``model``; torch is imported here, since most commands need none of it.

    Raises ConfigurationError for a model that does not exist, naming those that do.
    """
    from clip_branches.encoding import Encoder

    return Towers(Encoder.load(model, models_dir=models_dir, threads=1))
