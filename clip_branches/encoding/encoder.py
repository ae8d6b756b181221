"""The encoder of a catalogue: an open_clip model, its preprocessing, its projection head and its quantiser."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from clip_branches.encoding._models import load_towers, local_folder
from clip_branches.encoding._text import text_embeddings
from clip_branches.encoding.head import Head
from clip_branches.encoding.quantiser import Quantiser
from clip_branches.errors import ConfigurationError, InvalidInput

Array = npt.NDArray[np.float32]

_IMAGE_BATCH = 64
_TEXT_BATCH = 256


class Encoder:
    """Images and words to unit vectors; made by :meth:`Encoder.load`.

    Attributes
    ----------
    model : the open_clip model, in evaluation mode, float32.
    preprocess : from a PIL image to the model's input, float32 [3, height, width].
    head : Head or None, from embeddings to 32-d unit vectors.
    quantiser : Quantiser or None (before one is fitted), from 32-d unit vectors to codes.
    """

    def __init__(
        self,
        model: Any,
        preprocess: Callable[[Image.Image], torch.Tensor],
        tokenizer: Callable[[list[str]], torch.Tensor],
        head: Head | None = None,
        quantiser: Quantiser | None = None,
    ) -> None:
        self.model = model.eval()
        self.preprocess = preprocess
        self.tokenizer = tokenizer
        self.embedding_dim = self._measured_dim()
        self.quantiser = quantiser
        self.head = head
        if head is not None and head.input_dim != self.embedding_dim:
            raise ConfigurationError(
                f"The head of an Encoder must take the {self.embedding_dim} dimensions of its model. "
                f"Got a head for {head.input_dim} instead."
            )

    @classmethod
    def load(
        cls,
        model: str,
        *,
        models_dir: Path = Path("assets/models"),
        head: Path | Head | None = None,
        quantiser: Path | Quantiser | None = None,
        threads: int | None = 1,
    ) -> Self:
        """Load an open_clip model with the head and quantiser that go with it.

        Parameters
        ----------
        model : a folder below ``models_dir`` ("demo"), ``local-dir:<folder>``, or an open_clip architecture and its
            weights ("ViT-B-32/openai"), which open_clip looks for in its cache and then downloads.
        head, quantiser : the folder of a saved head and the file of a saved quantiser, or the objects themselves;
            without them a local model brings the ones beside its weights.
        threads : threads of torch, for the whole process; None leaves them as they are.

        Raises ConfigurationError for a model that does not exist, naming those that do, and DamagedFile for files
        that cannot be read.
        """
        if threads is not None:
            torch.set_num_threads(threads)
        folder = local_folder(model, Path(models_dir))
        towers = load_towers(model, folder, Path(models_dir))
        if head is None and folder is not None and (folder / "head.json").exists():
            head = folder
        if quantiser is None and folder is not None and (folder / "quantiser.json").exists():
            quantiser = folder / "quantiser.json"
        return cls(
            *towers,
            head=head if isinstance(head, Head | None) else Head.load(head),
            quantiser=quantiser if isinstance(quantiser, Quantiser | None) else Quantiser.load(quantiser),
        )

    def embed_images(self, images: Sequence[Image.Image]) -> Array:
        """Unit vectors (n, embedding_dim), float32, of ``images``: the image tower alone."""
        return self._embed(self._image_batches(images))

    def embed_texts(self, texts: Sequence[str]) -> Array:
        """Unit vectors (n, embedding_dim), float32, of ``texts``; what is over the model's context is cut off."""
        return self._embed(self._text_batches(texts))

    def project_images(self, embeddings: npt.ArrayLike) -> Array:
        """Unit vectors (n, 32), float32, of image ``embeddings`` (n, embedding_dim)."""
        return self._required_head().project_images(embeddings)

    def project_texts(self, embeddings: npt.ArrayLike) -> Array:
        """Unit vectors (n, 32), float32, of text ``embeddings`` (n, embedding_dim)."""
        return self._required_head().project_texts(embeddings)

    def encode_images(self, images: Sequence[Image.Image]) -> Array:
        """Unit vectors (n, 32), float32, of ``images``."""
        return self.project_images(self.embed_images(images))

    def encode_texts(self, texts: Sequence[str]) -> Array:
        """Unit vectors (n, 32), float32, of ``texts``."""
        return self.project_texts(self.embed_texts(texts))

    def _image_batches(self, images: Sequence[Image.Image]) -> Iterator[torch.Tensor]:
        for start in range(0, len(images), _IMAGE_BATCH):
            batch = [self.preprocess(image) for image in images[start : start + _IMAGE_BATCH]]
            yield self.model.encode_image(torch.stack(batch))

    def _text_batches(self, texts: Sequence[str]) -> Iterator[torch.Tensor]:
        if isinstance(texts, str):
            raise InvalidInput("The 'texts' of an Encoder must be a list of strings. Got one string instead.")
        for start in range(0, len(texts), _TEXT_BATCH):
            yield text_embeddings(self.model, self.tokenizer(list(texts[start : start + _TEXT_BATCH])))

    def _embed(self, batches: Iterator[torch.Tensor]) -> Array:
        with torch.inference_mode():
            rows = [torch.nn.functional.normalize(batch.float(), dim=-1).numpy() for batch in batches]
        return np.concatenate(rows) if rows else np.empty((0, self.embedding_dim), dtype=np.float32)

    def _measured_dim(self) -> int:
        # Not every architecture says what it puts out; one short text does.
        with torch.inference_mode():
            return int(text_embeddings(self.model, self.tokenizer(["a"])).shape[-1])

    def _required_head(self) -> Head:
        if self.head is None:
            raise ConfigurationError(
                "This Encoder must have a head to make 32-d vectors. Got none instead: pass 'head', or fit one with "
                "Head.fit_linear."
            )
        return self.head
