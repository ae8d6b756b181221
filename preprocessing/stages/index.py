"""Stage ``index``: from embeddings to codes, their order and their box index, committed as a new generation."""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from clip_branches.catalogue import Catalogue, CatalogueWriter, read_manifest
from clip_branches.catalogue.reader import read_deleted
from clip_branches.catalogue.removed import read_removed
from clip_branches.catalogue.segment import ITEMS
from clip_branches.catalogue.storage import check_file
from clip_branches.engine import BoxIndex, index_order
from clip_branches.errors import DamagedFile, UnknownCatalogue
from clip_branches.files import sha256_of
from preprocessing.examples import suggest_examples
from preprocessing.projection import Projection, head_and_quantiser_files, prepare_projection
from preprocessing.recipe import Recipe
from preprocessing.recipe_file import recipe_text
from preprocessing.report import Note, Summary
from preprocessing.shards import Shards
from preprocessing.sources.opening import image_root
from preprocessing.workplace import Workplace

# Raised when the same inputs begin to give another index.
_INDEXING = 2


def index_images(work: Workplace, recipe: Recipe, models_dir: Path) -> Summary:
    """Commit the kept and embedded images as the next generation of the catalogue ``<data_dir>/catalogues/<name>``.

    An image that the catalogue holds already, by its bytes, keeps its id. Nothing is written when nothing changed.
    Raises ConfigurationError when an earlier stage is missing or was run with another model.
    """
    started = time.monotonic()
    kept, passed_over = _without_removed(work.catalogue, pq.read_table(work.require(work.kept, "filter")))
    fingerprint = work.check_embedded_by(recipe.embedding.model, models_dir)
    embeddings, found = Shards(work.shards, fingerprint).gather(kept.column("sha256").to_pylist())
    failed = passed_over + [
        Note(source, "unreadable", "it has no embedding")
        for source in kept.filter(pa.array(~found)).column("source").to_pylist()
    ]
    kept = kept.filter(pa.array(found))
    work.save_recipe(recipe)
    if not recipe.examples:
        recipe = recipe.model_copy(update={"examples": suggest_examples(kept.column("caption").to_pylist())})
    inputs = _digest_inputs(work, recipe, models_dir, fingerprint, embeddings)
    warnings: list[Note] = []
    hints: list[str] = []
    current = _is_current(work.catalogue, inputs)
    if not current:
        with tempfile.TemporaryDirectory(dir=work.folder, prefix=".tmp-") as folder:
            projection = prepare_projection(
                recipe.embedding.model, models_dir, fingerprint, embeddings, kept, Path(folder), recipe.projection
            )
            warnings = _commit(work, recipe, projection, kept, embeddings, inputs)
            hints = _hints(work, projection)
    seconds = time.monotonic() - started
    rows = kept.num_rows
    fresh = 0 if current else rows
    return Summary("index", rows, fresh, rows - fresh, seconds, failed, warnings, hints)


def _hints(work: Workplace, projection: Projection) -> list[str]:
    """What to do for a better head, where one was fitted here."""
    name = work.name
    if projection.fitted == "principal axes":
        return [
            "The model brings no head, and there are too few captions for one: codes hold principal axes, which cost a "
            "good part of the recall. A head trained elsewhere for this model is given with --head."
        ]
    if projection.fitted == "pairs":
        return [
            "The model brings no head: one was fitted to images and captions in closed form. Training takes longer and "
            f"finds more: python -m preprocessing train-head {name} --output data/heads/{name}, then "
            f"python -m preprocessing index --name {name} --head data/heads/{name}"
        ]
    return []


def _without_removed(catalogue: Path, kept: pa.Table) -> tuple[pa.Table, list[Note]]:
    """``kept`` without the images that were deleted from the catalogue on purpose, and a note for each of those."""
    try:
        removed = read_removed(catalogue, read_manifest(catalogue)).images
    except UnknownCatalogue:
        return kept, []
    again = np.array([image in removed for image in kept.column("sha256").to_pylist()], dtype=np.bool_)
    sources = kept.filter(pa.array(again)).column("source").to_pylist()
    return kept.filter(pa.array(~again)), [Note(source, "deleted", "`add --again` takes it back") for source in sources]


def _commit(
    work: Workplace,
    recipe: Recipe,
    projection: Projection,
    kept: pa.Table,
    embeddings: npt.NDArray[np.float16],
    inputs: str,
) -> list[Note]:
    codes = projection.quantiser.encode(projection.vectors)
    order = index_order(codes)
    ordered = codes[order]
    with CatalogueWriter(
        work.catalogue,
        name=work.name,
        title=recipe.title,
        image_root=image_root(recipe.source, work.data_dir, work.name),
        encoder=projection.spec,
        examples=recipe.examples,
        recipe={**recipe.model_dump(mode="json"), "inputs": inputs},
        recipe_text=recipe_text(work.name, recipe),
    ) as writer:
        known, notes = _known_ids(work.catalogue)
        ids = _stable_ids(writer, kept.column("sha256").to_pylist(), known)
        table = kept.add_column(0, "id", pa.array(ids, pa.uint64())).take(pa.array(order))
        writer.add_segment(table, embeddings[order], lambda path: BoxIndex.build(ordered, presorted=True).save(path))
        writer.commit()
    return notes


def _known_ids(catalogue: Path) -> tuple[dict[str, int], list[Note]]:
    """Ids by sha256 in the current generation, and a note for each segment whose items are damaged."""
    known: dict[str, int] = {}
    notes: list[Note] = []
    try:
        manifest = read_manifest(catalogue)
    except UnknownCatalogue:
        return known, notes
    deleted = read_deleted(catalogue, manifest.deleted, verify=True)
    for entry in manifest.segments:
        path = catalogue / "segments" / entry.id / ITEMS
        try:
            check_file(path, size=entry.files[ITEMS].bytes, sha256=entry.files[ITEMS].sha256)
        except DamagedFile as error:
            notes.append(Note(str(path), "ids lost", f"{error.message} Its images get new ids."))
            continue
        table = pq.read_table(path, columns=["id", "sha256"])
        if len(deleted):  # an id that was deleted never comes back, though the image may
            table = table.filter(pa.array(~np.isin(table.column("id").to_numpy(), deleted)))
        known.update(zip(table.column("sha256").to_pylist(), table.column("id").to_pylist(), strict=True))
    return known, notes


def _stable_ids(writer: CatalogueWriter, images: Sequence[str], known: dict[str, int]) -> npt.NDArray[np.uint64]:
    """The ids (n,) uint64 of ``images`` by sha256: those that are ``known``, new ones for the others."""
    new = iter(writer.new_ids(sum(image not in known for image in images)).tolist())
    return np.array([known[image] if image in known else next(new) for image in images], dtype=np.uint64)


def _digest_inputs(
    work: Workplace, recipe: Recipe, models_dir: Path, fingerprint: str, embeddings: npt.NDArray[np.float16]
) -> str:
    """Digest of all that a generation is made from: the same digest, the same generation."""
    digest = hashlib.sha256(f"indexing {_INDEXING} {fingerprint} {sha256_of(work.kept)}\n".encode())
    digest.update(recipe.model_dump_json(exclude={"filters": True, "source": {"max_images"}}).encode())
    for file in head_and_quantiser_files(recipe.embedding.model, models_dir, recipe.projection):
        digest.update(f"{file.name} {sha256_of(file)}\n".encode())
    digest.update(np.ascontiguousarray(embeddings).data)
    return digest.hexdigest()


def _is_current(catalogue: Path, inputs: str) -> bool:
    try:
        if (read_manifest(catalogue).recipe or {}).get("inputs") != inputs:
            return False
        Catalogue.open(catalogue, verify=True)
    except (UnknownCatalogue, DamagedFile):
        return False
    return True
