"""Stage ``screen``: drop what looks like a text ("watermark", "not safe for work"), told by the embeddings alone."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from clip_branches.errors import InvalidInput
from clip_branches.files import replacing
from preprocessing.recipe import Recipe
from preprocessing.report import Note, Summary, write_notes
from preprocessing.shards import Shards
from preprocessing.stages.embed import EmbedOptions
from preprocessing.workplace import Workplace

if TYPE_CHECKING:
    from clip_branches.encoding import Encoder

REASON = "looks like "
# What an ordinary image is compared with: a text must be nearer than all of these together.
ORDINARY = ("a photo", "a picture", "an image", "a photo of something", "a drawing")
_BLOCK = 16_384
_QUANTILES = (0.05, 0.5, 0.95)


class Scores(NamedTuple):
    """For every image (n,): the number of the text that it is most like, and the probability of that text."""

    text: npt.NDArray[np.int64]
    probability: npt.NDArray[np.float32]


def screen_images(work: Workplace, recipe: Recipe, options: EmbedOptions) -> Summary | None:
    """Take images that look like one of the recipe's texts out of kept.parquet; None when it names no text.

    Writes screened.parquet (source, sha256, text, probability, threshold, dropped), and rows with a reason to
    dropped.parquet. Repeated, it begins with what the filter stage kept: another text or threshold costs no embedding.
    """
    filters = recipe.filters
    if not filters.texts:
        if work.screened.exists():
            _restore(work)
            work.screened.unlink()
        return None
    started = time.monotonic()
    table = pq.read_table(work.require(work.filtered, "filter"))
    fingerprint = work.check_embedded_by(recipe.embedding.model, options.models_dir)
    encoder = options.load(recipe.embedding.model).encoder
    embeddings, found = Shards(work.shards, fingerprint).gather(table.column("sha256").to_pylist())
    scores = score_texts(encoder, embeddings, filters.texts)
    refused = np.zeros(table.num_rows, dtype=np.bool_)
    refused[found] = scores.probability >= filters.text_threshold
    if refused.all():
        raise InvalidInput(
            f"The texts {filters.texts} must leave an image at a threshold of {filters.text_threshold:g}. "
            f"Got none left; the probabilities are {_spread(scores.probability)}."
        )
    told = table.filter(pa.array(found)).select(["source", "sha256"])
    told = told.append_column("text", pa.array([filters.texts[number] for number in scores.text.tolist()], pa.string()))
    told = told.append_column("probability", pa.array(scores.probability, pa.float32()))
    told = told.append_column("threshold", pa.array([filters.text_threshold] * told.num_rows, pa.float32()))
    told = told.append_column("dropped", pa.array(scores.probability >= filters.text_threshold))
    with replacing(work.screened) as temporary:
        pq.write_table(told, temporary)
    notes = [
        Note(row["source"], f"{REASON}{row['text']!r}", f"probability {row['probability']:.2f}, {_limit(recipe)}")
        for row in told.filter(told.column("dropped")).to_pylist()
    ]
    _write_dropped(work, notes)
    with replacing(work.kept) as temporary:
        pq.write_table(table.filter(pa.array(~refused)), temporary, compression="zstd")
    work.save_recipe(recipe)
    kept = int((~refused).sum())
    spread = Note("all images", "threshold", f"{_limit(recipe)}; probabilities {_spread(scores.probability)}")
    return Summary("screen", kept, int(found.sum()), 0, time.monotonic() - started, notes, [spread])


def score_texts(encoder: Encoder, embeddings: npt.NDArray[np.float16], texts: Sequence[str]) -> Scores:
    """How much n images, by their ``embeddings`` (n, d), are like each of ``texts``, against an ordinary image.

    The probability of a text is the softmax, at the model's own temperature, over it and the mean of the ordinary ones
    (zero-shot classification, CLIP, section 3.1.2, with two classes).
    """
    vectors = encoder.embed_texts(list(texts))
    ordinary = encoder.embed_texts(list(ORDINARY)).mean(axis=0)
    ordinary /= np.linalg.norm(ordinary)
    scale = _temperature(encoder)
    best, probability = [], []
    for start in range(0, len(embeddings), _BLOCK):
        block = embeddings[start : start + _BLOCK].astype(np.float32)
        logits = scale * (block @ vectors.T - (block @ ordinary)[:, None])
        best.append(logits.argmax(axis=1))
        probability.append(1.0 / (1.0 + np.exp(-np.clip(logits.max(axis=1), -50, 50))))
    if not best:
        return Scores(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32))
    return Scores(np.concatenate(best), np.concatenate(probability).astype(np.float32))


def _restore(work: Workplace) -> None:
    with replacing(work.kept) as temporary:
        shutil.copyfile(work.filtered, temporary)
    _write_dropped(work, [])


def _write_dropped(work: Workplace, notes: Sequence[Note]) -> None:
    """dropped.parquet with ``notes`` in place of what an earlier screening said."""
    rows = pq.read_table(work.dropped).to_pylist()
    earlier = [Note(**row) for row in rows if not row["reason"].startswith(REASON)]
    write_notes(work.dropped, sorted([*earlier, *notes]))


def _temperature(encoder: Encoder) -> float:
    scale = getattr(encoder.model, "logit_scale", None)
    return float(scale.detach().exp()) if scale is not None else 100.0


def _limit(recipe: Recipe) -> str:
    return f"dropped from {recipe.filters.text_threshold:.2f} on"


def _spread(probability: npt.NDArray[np.float32]) -> str:
    if not len(probability):
        return "of no image"
    values = ", ".join(f"{value:.2f}" for value in np.quantile(probability, _QUANTILES))
    return f"{values} (5, 50, 95 % of images)"
