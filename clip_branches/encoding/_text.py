"""The text tower, run only as far as the longest caption of the batch.

open_clip pads every text to the model's context (77 tokens for CLIP) and computes all of it. With a causal mask a
position sees only what stands before it, so everything behind the end-of-text token cannot touch the result: cutting
positional embeddings and mask there gives the same vectors for a third of the time of a short query.
"""

from __future__ import annotations

from typing import Any

import torch

# Pooling that reads the end-of-text position; "last" would read the padding, "first" sees one token.
_TRIMMABLE_POOLING = ("argmax", "eos")


def text_embeddings(model: Any, tokens: torch.Tensor) -> torch.Tensor:
    """Text embeddings [batch, d], not normalised, of ``tokens`` [batch, n_ctx]: trimmed where that is exact."""
    tower = trimmable_tower(model)
    embeddings: torch.Tensor = model.encode_text(tokens) if tower is None else _trimmed(tower, tokens)
    return embeddings


def trimmable_tower(model: Any) -> Any | None:
    """The part of an open_clip ``model`` that holds its text transformer, or None where trimming would not be exact."""
    tower = getattr(model, "text", model)
    needed = ("token_embedding", "positional_embedding", "transformer", "ln_final", "text_projection", "attn_mask")
    if not all(hasattr(tower, name) for name in needed):
        return None
    causal = tower.attn_mask is not None and bool(torch.isneginf(torch.triu(tower.attn_mask, 1)).any())
    extra_token = getattr(tower, "cls_emb", None) is not None or getattr(tower, "use_pad_mask", False)
    return tower if causal and not extra_token and _pooling(tower) in _TRIMMABLE_POOLING else None


def _trimmed(tower: Any, tokens: torch.Tensor) -> torch.Tensor:
    if _pooling(tower) == "argmax":
        ends = tokens.argmax(dim=-1)  # the end-of-text token has the highest number
    else:
        end_token = int(getattr(tower, "text_eos_id" if hasattr(tower, "text_eos_id") else "eos_id"))
        ends = torch.eq(tokens, end_token).int().argmax(dim=-1)
    length = int(ends.max()) + 1
    dtype = tower.transformer.get_cast_dtype()
    x = tower.token_embedding(tokens[:, :length]).to(dtype)  # [batch, length, width]
    x = x + tower.positional_embedding[:length].to(dtype)
    x = tower.transformer(x, attn_mask=tower.attn_mask[:length, :length])
    x = tower.ln_final(x)[torch.arange(len(x)), ends]  # [batch, width]
    projection = tower.text_projection
    if isinstance(projection, torch.nn.Linear):
        x = projection(x)
    elif projection is not None:
        x = x @ projection
    embeddings: torch.Tensor = x
    return embeddings


def _pooling(tower: Any) -> str | None:
    return getattr(tower, "text_pool_type", getattr(tower, "pool_type", None))
