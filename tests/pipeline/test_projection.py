"""The head that a catalogue gets when neither its recipe nor its model names one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from clip_branches.encoding import Encoder, Head
from clip_branches.encoding.paired import fit_paired
from preprocessing.projection import PAIRS_TO_FIT, prepare_projection
from preprocessing.recipe import ProjectionSection


@pytest.mark.parametrize("captions", [PAIRS_TO_FIT - 1, PAIRS_TO_FIT + 44])
def test_captions_enough_give_a_head_of_pairs_and_fewer_principal_axes(
    models_dir: Path, tmp_path: Path, captions: int
) -> None:
    generator = np.random.default_rng(0)
    rows = PAIRS_TO_FIT + 60
    embeddings = generator.normal(size=(rows, 48))
    embeddings = (embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)).astype(np.float16)
    # The first caption stands twice, as a label would: pairs are of different captions.
    texts = [f"picture {row % captions:03d}" if row != captions else None for row in range(rows)]
    kept = pa.table({"caption": pa.array(texts, pa.string())})
    projection = prepare_projection("tiny", models_dir, "towers", embeddings, kept, tmp_path, ProjectionSection())
    encoder = Encoder.load("tiny", models_dir=models_dir, threads=1)
    described = encoder.embed_texts([f"picture {row:03d}" for row in range(captions)])
    if captions >= PAIRS_TO_FIT:
        wanted = fit_paired(embeddings[:captions].astype(np.float32), described)
    else:
        wanted = Head.fit_linear(embeddings.astype(np.float32), described)
    assert projection.spec.head_path is not None
    found = Head.load(projection.spec.head_path)
    for side in ("image", "text"):
        for one, other in zip(found.layers(side), wanted.layers(side), strict=True):
            np.testing.assert_allclose(one[0], other[0], atol=1e-4)
            np.testing.assert_allclose(one[1], other[1], atol=1e-4)
