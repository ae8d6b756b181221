"""Embeddings and metadata in the layout that clip-retrieval reads and indexes; row i of every file is one image.

img_emb/img_emb_0.npy              float16 (n, d), unit rows
text_emb/text_emb_0.npy            float16 (n, d), of the captions; only where the catalogue has captions
metadata/metadata_0.parquet        image_path, caption, id, width, height, sha256 and the metadata columns
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from clip_branches.catalogue import Catalogue, is_url
from clip_branches.encoding.fingerprint import check_towers
from preprocessing.exporting.tables import embedding_width
from preprocessing.growing.plan import live_items, live_rows
from preprocessing.progress import Progress
from preprocessing.report import Note

if TYPE_CHECKING:
    from clip_branches.encoding import Encoder

_TEXTS = 256


def write_folders(catalogue: Catalogue, folder: Path, *, per_file: int, models_dir: Path) -> list[Note]:
    """Write the three folders, ``per_file`` rows a file. An image without a caption gets the embedding of "".

    Raises InvalidInput when the catalogue holds no embeddings, ConfigurationError when the captions cannot be embedded
    because the model is not there or is another one.
    """
    width = embedding_width(catalogue)
    items = live_items(catalogue)
    encoder = _text_encoder(catalogue, models_dir) if catalogue.has_captions else None
    for name in ("img_emb", "metadata", *(("text_emb",) if encoder is not None else ())):
        (folder / name).mkdir()
    count = -(-items.num_rows // per_file)
    # Readers sort the names as text.
    digits = len(str(count - 1))
    embeddings = _Rows(catalogue)
    with Progress("export", items.num_rows) as progress:
        for number in range(count):
            part = items.slice(number * per_file, per_file)
            stem = f"{number:0{digits}d}"
            rows = embeddings.take(number * per_file, part.num_rows, width)
            np.save(folder / "img_emb" / f"img_emb_{stem}.npy", _unit(rows), allow_pickle=False)
            if encoder is not None:
                texts = _embed(encoder, part.column("caption").to_pylist())
                np.save(folder / "text_emb" / f"text_emb_{stem}.npy", texts, allow_pickle=False)
            pq.write_table(_metadata(catalogue, part), folder / "metadata" / f"metadata_{stem}.parquet")
            progress.update(part.num_rows)
    return []


class _Rows:
    """The embeddings of the live items, counted through the segments."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._parts = [(part.embeddings, np.flatnonzero(live_rows(catalogue, part.ids))) for part in catalogue.segments]
        self._starts = np.cumsum([0, *(len(rows) for _, rows in self._parts)])

    def take(self, start: int, count: int, width: int) -> npt.NDArray[np.float16]:
        out = np.empty((count, width), np.float16)
        for (embeddings, rows), first in zip(self._parts, self._starts[:-1].tolist(), strict=True):
            low, high = max(start, first), min(start + count, first + len(rows))
            if low < high and embeddings is not None:
                out[low - start : high - start] = embeddings[rows[low - first : high - first]]
        return out


def _text_encoder(catalogue: Catalogue, models_dir: Path) -> Encoder:
    from clip_branches.encoding import Encoder

    check_towers(catalogue.encoder.model, models_dir, catalogue.encoder.fingerprint)
    return Encoder.load(catalogue.encoder.model, models_dir=models_dir, threads=None)


def _embed(encoder: Encoder, captions: Sequence[str | None]) -> npt.NDArray[np.float16]:
    texts = [caption or "" for caption in captions]
    parts = [encoder.embed_texts(texts[start : start + _TEXTS]) for start in range(0, len(texts), _TEXTS)]
    return _unit(np.concatenate(parts))


def _unit(rows: npt.NDArray[np.floating]) -> npt.NDArray[np.float16]:
    values = np.asarray(rows, np.float32)
    norms = np.linalg.norm(values, axis=1, keepdims=True)
    return (values / np.where(norms > 0, norms, 1)).astype(np.float16)


def _metadata(catalogue: Catalogue, part: pa.Table) -> pa.Table:
    paths = [
        source if is_url(source) else str(catalogue.image_root / source) for source in part.column("source").to_pylist()
    ]
    return part.drop_columns(["source"]).add_column(0, "image_path", pa.array(paths, pa.string()))
