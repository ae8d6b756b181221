"""The image tower, ready for batches of prepared images, on any device."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from clip_branches.encoding.fingerprint import fingerprint_of_encoder, fingerprint_of_folder, local_model_folder
from clip_branches.errors import ConfigurationError
from preprocessing.devices import choose_device, choose_precision

if TYPE_CHECKING:
    import torch

    from clip_branches.encoding import Encoder
    from preprocessing.preparation import Preparation

Rows = npt.NDArray[np.float32]


class Towers:
    """A loaded encoder, used batch by batch; the first half of its preparation runs ahead of it, elsewhere."""

    def __init__(self, encoder: Encoder, device: str = "cpu", precision: str = "fp32") -> None:
        self.encoder = encoder
        self.device = choose_device(device)
        self.dtype = choose_precision(precision, self.device)
        self.encoder.model.to(self.device)

    @cached_property
    def preparation(self) -> Preparation:
        from preprocessing.preparation import Preparation

        return Preparation(self.encoder.preprocess)

    @property
    def precision(self) -> str:
        """The dtype of the products, such as "float32"."""
        return str(self.dtype).removeprefix("torch.")

    def embed(self, batch: Sequence[torch.Tensor]) -> Rows:
        """Unit vectors (n, d) float32 of n images' pixels; NaN where even float32 gives no finite one.

        A batch that does not fit into the device's memory is halved until it does.
        """
        import torch

        try:
            rows = self._run(batch, self.dtype)
        except torch.OutOfMemoryError as error:
            if len(batch) == 1:
                raise ConfigurationError(
                    f"The model must fit into the memory of {self.device}, with one image at least. Got {error}. "
                    "Use --device cpu, or another device."
                ) from error
            torch.cuda.empty_cache()
            half = len(batch) // 2
            return np.concatenate([self.embed(batch[:half]), self.embed(batch[half:])])
        wrong = np.flatnonzero(~np.isfinite(rows).all(axis=1))
        if len(wrong) and self.dtype is not torch.float32:  # an overflow
            rows[wrong] = self._run([batch[number] for number in wrong.tolist()], torch.float32)
        return rows

    def _run(self, batch: Sequence[torch.Tensor], dtype: torch.dtype) -> Rows:
        import torch

        halved = dtype is not torch.float32
        with torch.inference_mode(), torch.autocast(self.device.type, dtype=dtype if halved else None, enabled=halved):
            embeddings = self.encoder.model.encode_image(self.preparation.inputs(batch, self.device))
        with torch.inference_mode():
            return np.array(torch.nn.functional.normalize(embeddings.float(), dim=-1).cpu().numpy())


class Batch(NamedTuple):
    """Images that go through the model together: ``keys`` and ``pixels`` of those that could be read, and the others.

    ``failed`` maps sources to reasons.
    """

    keys: list[str]
    pixels: list[torch.Tensor]
    failed: dict[str, str]


class BatchEmbedder:
    """Runs the model on several batches at once, one thread a batch; a context manager.

    Threads inside one batch would wait for the slowest of them at every layer, which on a machine that is also busy
    otherwise is ten times slower and more.
    """

    def __init__(self, embed: Callable[[Sequence[torch.Tensor]], Rows], threads: int, dimension: int) -> None:
        self._embed = embed
        self._dimension = dimension
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="embed")
        self._threads = threads
        self._waiting: deque[tuple[Batch, Future[Rows]]] = deque()
        self._lock = threading.Lock()
        self._busy_s = 0.0
        self._started = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown(wait=True, cancel_futures=True)

    def submit(self, batch: Batch) -> list[tuple[Batch, Rows]]:
        """Embed ``batch`` soon; waits while too many batches do. Returns those that are done, in order."""
        self._waiting.append((batch, self._executor.submit(self._timed, batch.pixels)))
        return self._finished(leave=self._threads + 1)

    def drain(self) -> list[tuple[Batch, Rows]]:
        """Wait for all batches that are left, and return them, in order."""
        return self._finished(leave=0)

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started

    @property
    def busy(self) -> float:
        """The share of the time since the start that the model was at work, 0 to 1."""
        return min(1.0, self._busy_s / (self._threads * max(self.seconds, 1e-9)))

    def _finished(self, leave: int) -> list[tuple[Batch, Rows]]:
        done = []
        while self._waiting and (len(self._waiting) > leave or self._waiting[0][1].done()):
            batch, future = self._waiting.popleft()
            done.append((batch, future.result()))
        return done

    def _timed(self, pixels: Sequence[torch.Tensor]) -> Rows:
        if not pixels:
            return np.empty((0, self._dimension), dtype=np.float32)
        began = time.monotonic()
        rows = self._embed(pixels)
        with self._lock:
            self._busy_s += time.monotonic() - began
        return rows


def load_towers(model: str, models_dir: Path, device: str = "cpu", precision: str = "fp32") -> Towers:
    """Load ``model``; torch is imported here, since most commands need none of it.

    Raises ConfigurationError for a model, a device or a precision that does not exist, naming those that do.
    """
    from clip_branches.encoding import Encoder

    choose_precision(precision, choose_device(device))  # before minutes of loading
    return Towers(Encoder.load(model, models_dir=models_dir, threads=1), device, precision)


def fingerprint_of_model(model: str, models_dir: Path) -> str:
    """Digest of ``model``'s towers; a local one is not loaded for it, one that open_clip loads by name is."""
    folder = local_model_folder(model, models_dir)
    if folder is not None:
        return fingerprint_of_folder(folder)
    return fingerprint_of_encoder(model, load_towers(model, models_dir).encoder)
