"""Batches of scenes and of what is said about them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from preprocessing.demo_model.config import TrainingConfig
from preprocessing.demo_model.data import SceneSet
from preprocessing.demo_model.facts import SceneFacts, truth_of
from preprocessing.demo_model.text import CompactTokenizer, disturbed, padded

# OpenAI's CLIP, as in open_clip
IMAGE_MEAN = (0.48145466, 0.4578275, 0.40821073)
IMAGE_STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class Batch:
    pixels: torch.Tensor  # [n, 3, size, size], normalised
    captions: torch.Tensor  # [n, length]: a caption's tokens for each image
    queries: torch.Tensor  # [n, length]: a query's tokens for each image
    truth: torch.Tensor  # [n, n] float: query j is true of image i
    same: torch.Tensor  # [n, n] float: caption j is that of image i, word for word
    facts: SceneFacts
    cells: torch.Tensor  # [n, cells, cells, 2] int64: kind and colour in each cell, -1 where there is none


class Batches:
    """Batches of a scene set: a scene and its twin stand in the same one, and only their colours tell them apart."""

    def __init__(self, scenes: SceneSet, tokenizer: CompactTokenizer, config: TrainingConfig) -> None:
        self.scenes, self.config = scenes, config
        self._captions = [tokenizer.rows(texts) for texts in scenes.captions]
        self._queries = [tokenizer.rows(texts) for texts in scenes.queries]
        first = np.flatnonzero((scenes.twin < 0) | (scenes.twin > np.arange(len(scenes))))
        self._groups = [(int(row),) if scenes.twin[row] < 0 else (int(row), int(scenes.twin[row])) for row in first]

    def __len__(self) -> int:
        """Batches of one pass over the scenes."""
        return len(self.scenes) // self.config.batch

    def epoch(self, generator: np.random.Generator) -> Iterator[Batch]:
        order = generator.permutation(len(self._groups))
        rows = np.array([row for group in order for row in self._groups[group]], dtype=np.int64)
        for number in range(len(self)):
            yield self._batch(rows[number * self.config.batch : (number + 1) * self.config.batch], generator)

    def _batch(self, rows: npt.NDArray[np.int64], generator: np.random.Generator) -> Batch:
        facts = self.scenes.facts.take(rows)
        which = generator.integers(0, self.config.texts_per_scene, size=(2, len(rows)))
        captions = [self._captions[row][pick] for row, pick in zip(rows, which[0], strict=True)]
        queries = [self._queries[row][pick] for row, pick in zip(rows, which[1], strict=True)]
        said = {tuple(caption): number for number, caption in enumerate(captions)}
        which_said = np.array([said[tuple(caption)] for caption in captions])
        return Batch(
            pixels=to_input(_shifted(self.scenes.pixels[rows], generator)),
            captions=self._padded(captions, generator),
            queries=self._padded(queries, generator),
            truth=torch.from_numpy(truth_of(self.scenes.asked[rows, which[1]], facts)),
            same=torch.from_numpy((which_said[:, None] == which_said[None, :]).astype(np.float32)),
            facts=facts,
            cells=torch.from_numpy(self.scenes.cells[rows].astype(np.int64)),
        )

    def _padded(self, rows: list[list[int]], generator: np.random.Generator) -> torch.Tensor:
        noisy = generator.random(len(rows)) < self.config.unknown_words
        length = self.config.context_length
        return padded([disturbed(r, length, generator) if noise else r for r, noise in zip(rows, noisy, strict=True)])


def to_input(pixels: npt.NDArray[np.uint8]) -> torch.Tensor:
    """The towers' input [n, 3, size, size] of pixels (n, size, size, 3), as the model's own preprocessing makes it."""
    images = torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float().div_(255.0)
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGE_MEAN, IMAGE_STD))
    return ((images - mean) / std).contiguous(memory_format=torch.channels_last)


def _shifted(pixels: npt.NDArray[np.uint8], generator: np.random.Generator, most: int = 2) -> npt.NDArray[np.uint8]:
    """Each image moved by up to ``most`` pixels, its edge repeated."""
    size = pixels.shape[1]
    result = np.empty_like(pixels)
    wide = np.pad(pixels, ((0, 0), (most, most), (most, most), (0, 0)), mode="edge")
    for number, (down, right) in enumerate(generator.integers(0, 2 * most + 1, size=(len(pixels), 2))):
        result[number] = wide[number, down : down + size, right : right + size]
    return result
