"""What a training looks at as it goes: finding images by an image and by words, on images that it does not see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from preprocessing.evaluating.embedding import embed_files, embed_texts
from preprocessing.evaluating.labelled import Labelled
from preprocessing.evaluating.measures import caption_pairs, mean_average_precision, text_recall
from preprocessing.towers import Towers

Array = npt.NDArray[np.float32]
PRECISION = "mAP"
RECALL = "R@5"


class RetrievalTest:
    """Mean average precision over ``data`` and the recall of its captions, of ``towers`` as they are at the time.

    The score is the sum of the ``wanted`` figures, as far as they are there. The half of the model that is not
    ``trained`` is run once.
    """

    def __init__(
        self,
        towers: Towers,
        data: Labelled,
        *,
        trained: Literal["images", "texts"],
        wanted: Sequence[str],
        workers: int = 2,
    ) -> None:
        self._towers, self._data, self._workers = towers, data, workers
        self._wanted = wanted
        self._texts, self._pairs = caption_pairs(data)
        towers.encoder.model.eval()
        self._image_vectors = self._images() if trained == "texts" else None
        self._text_vectors = self._words() if trained == "images" else None

    def figures(self) -> dict[str, float]:
        """ "score", "mAP" and, where there are captions, "R@5"; a score of 0 alone without any images."""
        if not len(self._data):
            return {"score": 0.0}
        images = self._images() if self._image_vectors is None else self._image_vectors
        found = {PRECISION: mean_average_precision(images, self._data.labels)}
        if self._texts:
            words = self._words() if self._text_vectors is None else self._text_vectors
            found[RECALL] = text_recall(images, words, self._pairs)[RECALL]
        return {"score": sum(found.get(name, 0.0) for name in self._wanted), **found}

    def _images(self) -> Array:
        return embed_files(self._towers, self._data.folder, self._data.files, "validation", workers=self._workers)

    def _words(self) -> Array:
        return embed_texts(self._towers, self._texts, "validation texts")
