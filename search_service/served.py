"""A catalogue as the search service serves it: one generation, its engine and its query encoder."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from clip_branches.catalogue import Catalogue
from clip_branches.encoding import Encoder, Head, Quantiser
from clip_branches.encoding.fingerprint import check_encoder, check_towers, local_model_folder
from clip_branches.engine import SearchEngine
from clip_branches.errors import ConfigurationError, InvalidInput
from clip_branches.schemas import CatalogueSummary
from clip_branches.settings import SearchSettings
from search_service.composing import QueryComposer
from search_service.engines import engine_opener

Vectors = npt.NDArray[np.float32]
_KNOWN_TEXTS = 1_024


class QueryEncoder:
    """Words and images to 32-d unit vectors; safe to call from any thread."""

    def __init__(self, encoder: Encoder, lock: threading.Lock) -> None:
        self._encoder = encoder
        # Towers are shared between catalogues; one encoding at a time also keeps torch from oversubscribing the cores.
        self._lock = lock
        self._known: dict[str, Vectors] = {}

    def texts(self, texts: list[str]) -> Vectors:
        """Unit vectors (n, 32), float32; the words of the latest queries are remembered from round to round."""
        return np.stack([self._text(text) for text in texts]) if texts else np.empty((0, 32), np.float32)

    def _text(self, text: str) -> Vectors:
        # One by one: a vector must not depend, in its last bit, on what it was encoded together with.
        with self._lock:
            vector = self._known.get(text)
            if vector is None:
                vector = np.asarray(self._encoder.encode_texts([text])[0], np.float32)
                self._known[text] = vector
                if len(self._known) > _KNOWN_TEXTS:
                    self._known.pop(next(iter(self._known)))
            return vector

    def embedding(self, values: Sequence[float]) -> Vectors:
        """Unit vector (32,), float32, of a vector of the model's image tower, or of 32 dimensions already."""
        vector = np.asarray(values, np.float32)
        dim = self._encoder.embedding_dim
        if len(vector) not in (dim, 32) or not vector.any():
            raise InvalidInput(
                f"The 'embedding_input' must be {dim} numbers, as the catalogue's model gives, or 32, not all zero. "
                f"Got {len(vector)} instead.",
                field="embedding_input",
            )
        vector = vector / np.float32(np.linalg.norm(vector))
        return vector if len(vector) != dim else np.asarray(self._encoder.project_images(vector[None])[0], np.float32)

    def image(self, image: Image.Image) -> Vectors:
        """Unit vector (32,), float32."""
        with self._lock:
            return np.asarray(self._encoder.encode_images([image])[0], np.float32)


@dataclass(frozen=True)
class Served:
    """One generation of a catalogue. ``fingerprint`` tells it from every other, also from one rebuilt from scratch."""

    name: str
    catalogue: Catalogue
    engine: SearchEngine
    encoder: QueryEncoder
    quantiser: Quantiser
    fingerprint: str
    composer: QueryComposer

    def summary(self) -> CatalogueSummary:
        return CatalogueSummary(
            name=self.name,
            title=self.catalogue.title,
            size=self.catalogue.size,
            generation=self.catalogue.generation,
            has_captions=self.catalogue.has_captions,
            examples=self.catalogue.examples,
        )


class ServedOpener:
    """Opens catalogues, every file checked; each model is loaded once, however many catalogues use it."""

    def __init__(self, settings: SearchSettings) -> None:
        self._settings = settings
        self._towers: dict[tuple[str, str | None], tuple[Encoder, threading.Lock]] = {}
        self._open_engine = engine_opener(settings)

    def open(self, name: str, path: Path, before: Served | None = None) -> Served:
        """Open the catalogue in ``path``; what it shares with the generation ``before`` is not read again.

        Raises DamagedFile naming the file, ConfigurationError naming the model.
        """
        like = None if before is None else before.catalogue
        served = self._serve(name, Catalogue.open(path, verify=True, like=like))
        if before is not None:
            before.engine.retire()
        return served

    def open_earlier(self, served: Served, fingerprint: str) -> Served | None:
        """An earlier generation of the catalogue that ``served`` is of, or None when it is not kept whole any more."""
        catalogue = Catalogue.open_earlier(served.catalogue.path, fingerprint, like=served.catalogue)
        if catalogue is None:
            return None
        earlier = self._serve(served.name, catalogue)
        earlier.engine.retire()
        return earlier

    def _serve(self, name: str, catalogue: Catalogue) -> Served:
        spec = catalogue.encoder
        quantiser = Quantiser.load(spec.quantiser_path)
        check_towers(spec.model, self._settings.models_dir, spec.fingerprint)
        towers, lock = self._load_towers(spec.model, spec.fingerprint)
        head = towers.head if spec.head_path is None else Head.load(spec.head_path)
        if head is None:
            raise ConfigurationError(
                f"The catalogue '{name}' must hold a projection head, as its model {spec.model!r} has none. "
                "Build it again."
            )
        encoder = Encoder(towers.model, towers.preprocess, towers.tokenizer, head=head, quantiser=quantiser)
        folder = local_model_folder(spec.model, self._settings.models_dir)
        composer = QueryComposer(encoder, lock, folder, towers.head, self._settings.compose)
        engine = self._open_engine(catalogue, quantiser)
        return Served(name, catalogue, engine, QueryEncoder(encoder, lock), quantiser, catalogue.fingerprint, composer)

    def _load_towers(self, model: str, fingerprint: str | None) -> tuple[Encoder, threading.Lock]:
        # A model that was trained again is another one, though it has the same name.
        key = (model, fingerprint)
        if key not in self._towers:
            encoder = Encoder.load(model, models_dir=self._settings.models_dir, threads=self._settings.torch_threads)
            check_encoder(model, self._settings.models_dir, encoder, fingerprint)
            self._towers[key] = (encoder, threading.Lock())
        return self._towers[key]
