"""One export: the whole target or nothing of it."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Literal, NamedTuple

from clip_branches.catalogue import Catalogue
from clip_branches.errors import InvalidInput
from clip_branches.files import TEMPORARY_PREFIX, fsync_folder
from preprocessing.exporting import clip_retrieval, tables, webdataset
from preprocessing.report import Note, Summary

Form = Literal["parquet", "csv", "webdataset", "clip-retrieval"]


class ExportOptions(NamedTuple):
    """What to write. ``codes`` and ``embeddings`` are columns of Parquet; ``per_shard`` is of the two with shards."""

    form: Form = "parquet"
    codes: bool = False
    embeddings: bool = False
    per_shard: int = 10_000
    models_dir: Path = Path("assets/models")


def export_catalogue(folder: Path, target: Path, options: ExportOptions) -> Summary:
    """Write the live items of the catalogue in ``folder`` to ``target``, a new file or folder.

    Raises InvalidInput when ``target`` is there already, or options do not go together; DamagedFile when the catalogue
    is not whole. What was written by a call that fails is removed.
    """
    started = time.monotonic()
    if (options.codes or options.embeddings) and options.form != "parquet":
        raise InvalidInput(f"Codes and embeddings can be columns of parquet. Got the format {options.form!r} instead.")
    if target.exists():
        raise InvalidInput(f"The target of an export must be new. Got {target}, which is there; name another.")
    target.parent.mkdir(parents=True, exist_ok=True)
    catalogue = Catalogue.open(folder)
    temporary = target.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}-{target.name}")
    try:
        dropped = _write(catalogue, temporary, options)
        temporary.rename(target)
        fsync_folder(target.parent)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)
    kept = catalogue.size - len(dropped)
    return Summary("export", kept, kept, 0, time.monotonic() - started, dropped)


def _write(catalogue: Catalogue, target: Path, options: ExportOptions) -> list[Note]:
    if options.form == "parquet":
        tables.write_parquet(catalogue, target, codes=options.codes, embeddings=options.embeddings)
        return []
    if options.form == "csv":
        tables.write_csv(catalogue, target)
        return []
    target.mkdir()
    if options.form == "webdataset":
        return webdataset.write_shards(catalogue, target, per_shard=options.per_shard)
    return clip_retrieval.write_folders(catalogue, target, per_file=options.per_shard, models_dir=options.models_dir)
