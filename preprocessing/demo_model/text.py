"""Texts as rows of token numbers, over the small vocabulary that the training texts really use.

open_clip's token table has 49,408 rows, nearly all of which no training text ever touches. Training runs on a table of
the used rows alone (a thousandth of the work of the optimiser) and :func:`full_table` puts them back in their places;
all other rows are zeros, so that a word never learnt says nothing. To make nothing mean nothing, training puts such
words in at random.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import torch

from clip_branches.encoding._torchvision import ensure_torchvision

PAD, UNKNOWN = 0, 1


class CompactTokenizer:
    """Token numbers 0 .. size - 1 of the words seen in ``texts``; 0 pads, 1 is any other word, the last ends a text."""

    def __init__(self, texts: Iterable[str], context_length: int) -> None:
        ensure_torchvision()
        from open_clip.tokenizer import SimpleTokenizer

        self._tokenizer = SimpleTokenizer(context_length=context_length)
        self.context_length = context_length
        self._cache: dict[str, list[int]] = {}
        used = {number for text in texts for number in self._numbers(text)}
        # In ascending order, so that the end-of-text token stays the highest: that is how it is found again.
        specials = [self._tokenizer.sot_token_id, self._tokenizer.eot_token_id]
        self.used = sorted(used - {0}) + specials
        self._compact = {number: place + 2 for place, number in enumerate(self.used)}
        self.size = len(self.used) + 2

    def rows(self, texts: Iterable[str]) -> list[list[int]]:
        """Compact token numbers of each text, begin and end included, cut to the context."""
        begin, end = self.size - 2, self.size - 1
        limit = self.context_length - 2
        return [[begin, *(self._compact.get(n, UNKNOWN) for n in self._numbers(t)[:limit]), end] for t in texts]

    def full_table(self, table: torch.Tensor, vocabulary: int) -> torch.Tensor:
        """The token table of ``vocabulary`` rows in which the trained rows have their places and all others are 0."""
        full = torch.zeros(vocabulary, table.shape[1], dtype=table.dtype)
        full[torch.tensor(self.used)] = table[2:]
        full[0] = table[PAD]
        return full

    def _numbers(self, text: str) -> list[int]:
        if text not in self._cache:
            self._cache[text] = self._tokenizer.encode(text)
        return self._cache[text]


def disturbed(row: list[int], context_length: int, generator: np.random.Generator) -> list[int]:
    """``row`` with one to three unknown words put in, as far as the context has room."""
    row = list(row)
    for _ in range(min(int(generator.integers(1, 4)), context_length - len(row))):
        row.insert(int(generator.integers(1, len(row))), UNKNOWN)
    return row


def padded(rows: list[list[int]]) -> torch.Tensor:
    """Token numbers [batch, longest row], int64: no longer than the batch needs."""
    batch: npt.NDArray[np.int64] = np.full((len(rows), max(map(len, rows))), PAD, dtype=np.int64)
    for number, row in enumerate(rows):
        batch[number, : len(row)] = row
    return torch.from_numpy(batch)
