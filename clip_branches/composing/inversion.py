"""Textual inversion: an image's vector as a pseudo-word of the text tower (SEARLE, ICCV 2023; LinCIR, CVPR 2024).

The network is trained from text alone: see ``preprocessing/composing/training_inversion.py`` and ``training_told.py``.
An image's vector stands in for a text's, so a pseudo-word can be made of stored vectors of any catalogue, without its
images.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import torch
from torch import nn

from clip_branches.composing._weights import fill, load_tensors, save_tensors
from clip_branches.encoding._text import trimmable_tower
from clip_branches.errors import ConfigurationError, DamagedFile, InvalidInput

_FORMAT = "clip-branches-inversion"
PSEUDO_WORD = "$"
TEMPLATE = "a photo of $ , {}"


class Inversion(nn.Module):
    """(Linear, GELU, Dropout) twice, then Linear: from unit vectors of length d to words of the text tower.

    Parameters
    ----------
    width : length d of the backbone's vectors.
    word : length of the text tower's words.
    hidden : width of the hidden layers; SEARLE has 4 d.
    dropout : share of units dropped while training; published is 0.5.
    template : what is said of a pseudo-word ``$`` and of the words ``{}`` that change it.
    count : pseudo-words that stand for an image, one after the other.
    context : whether the words that change the image are taken in, too, as their vector (as in Context-I2W, AAAI 2024).
    reach : 0 where what is said is the query, as published. Else the query is the image's own vector, moved by
        ``reach`` times the way from what is said of it alone to what is said with the words: what no words tell of
        an image, such as its style, stays as it is.
    tell : how much the words' own vector is added to that, behind a projection head where there is one.
    """

    gap: torch.Tensor

    def __init__(
        self,
        width: int,
        word: int,
        hidden: int | None = None,
        *,
        dropout: float = 0.5,
        template: str = TEMPLATE,
        count: int = 1,
        context: bool = False,
        reach: float = 0.0,
        tell: float = 0.0,
    ) -> None:
        super().__init__()
        hidden = hidden or 4 * width
        if min(width, word, hidden, count) < 1 or not 0.0 <= dropout < 1.0 or min(reach, tell) < 0:
            raise InvalidInput(
                "An Inversion must have widths and a count of at least 1, a dropout in [0, 1), and a 'reach' and a "
                f"'tell' of at least 0. Got {width}, {word}, {hidden}, {count}, {dropout}, {reach} and {tell} instead."
            )
        if template.count(PSEUDO_WORD) != 1 or template.count("{}") != 1:
            raise InvalidInput(
                f"The 'template' of an Inversion must have one $ and one {{}}. Got {template!r} instead."
            )
        self.width, self.word, self.hidden, self.dropout, self.template = width, word, hidden, dropout, template
        self.count, self.context, self.reach, self.tell = count, context, reach, tell
        self.layers = nn.Sequential(
            nn.Linear(2 * width if context else width, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, count * word),
        )
        # Images and texts lie apart in CLIP's space: an image's vector is moved by the distance of their means.
        self.register_buffer("gap", torch.zeros(width))

    def forward(self, vectors: torch.Tensor, told: torch.Tensor | None = None) -> torch.Tensor:
        """Words [batch, count, word] of unit ``vectors`` [batch, d] of texts.

        ``told`` [batch, d] are vectors of the words that change them, for a network with ``context``; None: no words.
        """
        if self.context:
            vectors = torch.cat([vectors, torch.zeros_like(vectors) if told is None else told], dim=-1)
        words: torch.Tensor = self.layers(vectors)
        return words.view(len(words), self.count, self.word)

    def words_of_images(self, vectors: torch.Tensor, told: torch.Tensor | None = None) -> torch.Tensor:
        """Words [batch, count, word] of unit ``vectors`` [batch, d] of images."""
        return self.forward(nn.functional.normalize(vectors + self.gap, dim=-1), told)

    @property
    def alone(self) -> str:
        """What is said of an image that nothing changes."""
        return " ".join([PSEUDO_WORD] * self.count)

    def save(self, path: Path) -> None:
        """Write the network to ``path``, safetensors in half precision, with its sizes."""
        names = ("width", "word", "hidden", "dropout", "template", "count", "context", "reach", "tell")
        sizes = {name: getattr(self, name) for name in names}
        save_tensors(path, self.state_dict(), _FORMAT, sizes)

    @classmethod
    def load(cls, path: Path) -> Self:
        """The network in ``path``; DamagedFile, naming it, where it is not one."""
        tensors, sizes = load_tensors(path, _FORMAT, None)
        try:
            network = cls(**(sizes or {}))
        except (ValueError, TypeError) as error:
            raise DamagedFile(f"{path} must hold the sizes of an Inversion. Got: {error}") from error
        fill(network, tensors, path)
        return network.eval()


class InvertedText:
    """The text tower of an open_clip ``model``, with some tokens' words given instead of looked up.

    Raises ConfigurationError for a tower that is not a causal CLIP text transformer.
    """

    def __init__(self, model: Any, tokenizer: Any) -> None:
        tower = trimmable_tower(model)
        if tower is None:
            raise ConfigurationError(
                "Textual inversion needs a causal CLIP text transformer with a token table. Got another text tower: "
                "use the method 'sum', 'slerp' or 'combiner' with this model."
            )
        self.tower = tower
        self._tokenizer = tokenizer
        row = tokenizer([PSEUDO_WORD])[0]
        self.pseudo_token = int(row[1])
        self.word_width = int(tower.token_embedding.weight.shape[1])

    def tokens(self, texts: Sequence[str]) -> torch.Tensor:
        """Token numbers [batch, context]."""
        tokens: torch.Tensor = self._tokenizer(list(texts))
        return tokens

    def embed(self, tokens: torch.Tensor, words: torch.Tensor, replaced: torch.Tensor) -> torch.Tensor:
        """Unit text vectors [batch, d] of ``tokens``, whose ``replaced`` ones are the row's ``words`` in their order.

        ``words`` [batch, count, word], ``replaced`` [batch, context] bool; beyond the count it is the last one.
        """
        tower = self.tower
        ends = tokens.argmax(dim=-1) if _pooled_at_highest(tower) else _ends(tower, tokens)
        length = int(ends.max()) + 1
        x = tower.token_embedding(tokens[:, :length])
        which = (replaced[:, :length].cumsum(dim=1) - 1).clamp(min=0, max=words.shape[1] - 1)
        given = torch.gather(words, 1, which[..., None].expand(-1, -1, words.shape[-1]))
        x = torch.where(replaced[:, :length, None], given.to(x.dtype), x)
        x = x + tower.positional_embedding[:length]
        x = tower.transformer(x, attn_mask=tower.attn_mask[:length, :length])
        x = tower.ln_final(x)[torch.arange(len(x)), ends]
        projection = tower.text_projection
        if isinstance(projection, nn.Linear):
            x = projection(x)
        elif projection is not None:
            x = x @ projection
        return nn.functional.normalize(x.float(), dim=-1)

    def embed_said(self, template: str, words: torch.Tensor, texts: Sequence[str]) -> torch.Tensor:
        """Unit text vectors [batch, d] of the ``template`` with pseudo-``words`` [batch, count, word] and ``texts``."""
        tokens = self.tokens(self.said(template, words.shape[1], texts))
        return self.embed(tokens, words, tokens == self.pseudo_token)

    @staticmethod
    def said(template: str, count: int, texts: Sequence[str]) -> list[str]:
        """The ``template`` with ``count`` pseudo-words and each of ``texts`` put in."""
        template = template.replace(PSEUDO_WORD, " ".join([PSEUDO_WORD] * count))
        # A dollar in the words of a user is no pseudo-word.
        return [template.format(text.replace(PSEUDO_WORD, " ")) for text in texts]


def changed(
    network: Inversion,
    tower: InvertedText,
    images: torch.Tensor,
    told: torch.Tensor,
    tokens: torch.Tensor,
    *,
    tell: float = 0.0,
) -> torch.Tensor:
    """What is asked by unit ``images`` [batch, d] and the words that change them, unit [batch, d].

    ``told`` [batch, d] are the words' vectors, of which ``tell`` is added, ``tokens`` [batch, context] what is said of
    the image with them.
    """
    own = network.words_of_images(images)
    alone = tower.tokens([network.alone]).expand(len(images), -1)
    plain = tower.embed(alone, own, alone == tower.pseudo_token)
    words = network.words_of_images(images, told) if network.context else own
    said = tower.embed(tokens, words, tokens == tower.pseudo_token)
    return nn.functional.normalize(images + network.reach * (said - plain) + tell * told, dim=-1)


def _pooled_at_highest(tower: Any) -> bool:
    return getattr(tower, "text_pool_type", getattr(tower, "pool_type", None)) == "argmax"


def _ends(tower: Any, tokens: torch.Tensor) -> torch.Tensor:
    end = int(getattr(tower, "text_eos_id" if hasattr(tower, "text_eos_id") else "eos_id"))
    return torch.eq(tokens, end).int().argmax(dim=-1)
