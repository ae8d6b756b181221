"""Stage ``add``: look at the source again and append what is new; what is there already is not made again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from clip_branches.catalogue import Catalogue, CatalogueChange
from clip_branches.catalogue.removed import read_removed
from clip_branches.encoding import Head, Quantiser
from clip_branches.encoding.fingerprint import check_model, check_towers
from clip_branches.errors import ConfigurationError
from preprocessing.download.options import DownloadOptions
from preprocessing.growing.plan import Plan, plan_growth
from preprocessing.recipe import Recipe
from preprocessing.report import Note, Summary
from preprocessing.shards import Shards
from preprocessing.sources.options import FolderSource
from preprocessing.stages.download import download_source
from preprocessing.stages.embed import EmbedOptions, embed_images
from preprocessing.stages.filter import filter_images
from preprocessing.stages.screen import screen_images
from preprocessing.workplace import Workplace

_BLOCK = 16_384
_MANY_AT_THE_EDGE = 0.02


@dataclass(frozen=True)
class Added:
    """What ``add`` did to a catalogue."""

    generation: int
    added: int
    amended: int
    replaced: int
    passed_over: int
    unchanged: int
    segments: int
    at_the_edge: float

    def lines(self) -> list[str]:
        """For a person, without line ends."""
        done = [f"{self.added:,} added"]
        done += [f"{self.amended:,} amended"] if self.amended else []
        done += [f"{self.replaced:,} replaced by another image at their path"] if self.replaced else []
        done += [f"{self.passed_over:,} passed over, deleted before (--again adds them)"] if self.passed_over else []
        lines = [f"add: {', '.join(done)}, {self.unchanged:,} as they were; generation {self.generation}"]
        if self.at_the_edge > _MANY_AT_THE_EDGE:
            lines.append(
                f"  {100 * self.at_the_edge:.0f} % of the new codes are at the edge of the quantiser's range: these "
                "images are unlike those that it was fitted to. Building the whole catalogue fits it again."
            )
        if self.segments > 16:
            lines.append(f"  The catalogue has {self.segments} segments; `compact` merges them: searches stay quick.")
        return lines


def recipe_of(catalogue: Catalogue) -> Recipe:
    """The recipe that the catalogue was made by. Raises ConfigurationError when it has none that can be used."""
    values = {key: value for key, value in (catalogue.manifest.recipe or {}).items() if key != "inputs"}
    try:
        return _where_it_is_now(Recipe.model_validate(values), catalogue)
    except ValidationError as error:
        raise ConfigurationError(
            f"The catalogue {catalogue.name!r} must hold the recipe that it was made by. Got none, or one of an "
            "earlier version instead. Build it once more; after that it can grow."
        ) from error


def _where_it_is_now(recipe: Recipe, catalogue: Catalogue) -> Recipe:
    """The recipe with the folder of its images where that is now: it may have been moved with the data folder."""
    source = recipe.source
    if not isinstance(source, FolderSource) or source.path.exists() or not catalogue.image_root.is_dir():
        return recipe
    captions = source.captions
    if captions is not None and captions.is_relative_to(source.path):
        captions = catalogue.image_root / captions.relative_to(source.path)
    moved = source.model_copy(update={"path": catalogue.image_root, "captions": captions})
    return recipe.model_copy(update={"source": moved})


def add_images(
    work: Workplace,
    options: EmbedOptions,
    say: Callable[[Summary], None],
    *,
    again: bool = False,
    fetching: DownloadOptions | None = None,
) -> Added:
    """Append the images of the source that the catalogue does not hold; ``say`` gets the summary of each stage.

    Files whose path, size and time are those of an earlier look are not read; of the others the bytes tell whether
    they are known. Captions, metadata and paths that changed are amended. Images deleted on purpose are passed over
    unless ``again``. New images are encoded by the catalogue's own head and quantiser. Raises UnknownCatalogue,
    ConfigurationError when the model is not the one that the catalogue was made with.
    """
    catalogue = Catalogue.open(work.catalogue, verify=False)
    recipe = recipe_of(catalogue)
    check_model(recipe.embedding.model, options.models_dir)
    check_towers(catalogue.encoder.model, options.models_dir, catalogue.encoder.fingerprint)
    fetched = download_source(work, recipe.source, fetching or DownloadOptions())
    if fetched is not None:
        say(fetched)
    say(filter_images(work, recipe, workers=options.workers))
    kept = pq.read_table(work.kept)
    started = time.monotonic()
    removed = read_removed(work.catalogue, catalogue.manifest).images
    new = plan_growth(kept, catalogue, frozenset() if again else removed).new.column("sha256").to_pylist()
    if new:
        say(embed_images(work, recipe, options, without=frozenset(kept.column("sha256").to_pylist()).difference(new)))
        _check_fingerprint(work, recipe, options, catalogue)
        screened = screen_images(work, recipe, options)
        if screened is not None:
            say(screened)
            kept = pq.read_table(work.kept)
    with CatalogueChange(work.catalogue) as change:
        # Planned again under the lock that the commit needs: a deletion meanwhile must hold.
        plan = plan_growth(kept, change.catalogue, frozenset() if again else change.removed)
        rows, embeddings, failed = _embedded(work, plan, catalogue.encoder.fingerprint or "")
        at_the_edge = _append(change, rows, embeddings) if rows.num_rows else 0.0
        if again:
            change.allow_again(rows.column("sha256").to_pylist())
        if plan.amended.num_rows:
            change.amend(plan.amended)
        change.delete(plan.replaced, on_purpose=False)
        manifest = change.commit()
    gone = [Note(source, "no longer in the source", "`delete --gone` takes it out") for _, source in plan.gone]
    say(Summary("add", rows.num_rows, rows.num_rows, plan.unchanged, time.monotonic() - started, failed, gone))
    return Added(
        manifest.generation,
        rows.num_rows,
        plan.amended.num_rows,
        len(plan.replaced),
        plan.passed_over.num_rows,
        plan.unchanged,
        len(manifest.segments),
        at_the_edge,
    )


def _check_fingerprint(work: Workplace, recipe: Recipe, options: EmbedOptions, catalogue: Catalogue) -> None:
    # A model that open_clip loads by name is only known once it was loaded.
    now = work.check_embedded_by(recipe.embedding.model, options.models_dir)
    if now != catalogue.encoder.fingerprint:
        raise ConfigurationError(
            f"The model {recipe.embedding.model!r} must be the one that made the catalogue {catalogue.name!r}. Got "
            "other weights under that name: build the catalogue again."
        )


def _embedded(work: Workplace, plan: Plan, fingerprint: str) -> tuple[pa.Table, npt.NDArray[np.float16], list[Note]]:
    """The new rows that have an embedding, these embeddings (n, d), and a note for each that has none."""
    shards = Shards(work.shards, fingerprint)
    embeddings, found = shards.gather(plan.new.column("sha256").to_pylist())
    left_out = plan.new.filter(pa.array(~found)).column("source").to_pylist()
    failures = shards.failures()
    notes = [Note(source, "unreadable", failures.get(source, "it has no embedding")) for source in left_out]
    return plan.new.filter(pa.array(found)), embeddings, notes


def _append(change: CatalogueChange, rows: pa.Table, embeddings: npt.NDArray[np.float16]) -> float:
    """Add a segment of ``rows`` and their ``embeddings`` (n, d); the share of codes at either end."""
    from clip_branches.engine import BoxIndex, index_order  # seconds, which a look that finds nothing need not take

    spec = change.catalogue.encoder
    if spec.head_path is None:
        raise ConfigurationError(f"The catalogue {change.catalogue.name!r} must hold a head. Build it again.")
    head, quantiser = Head.load(spec.head_path), Quantiser.load(spec.quantiser_path)
    blocks = range(0, len(embeddings), _BLOCK)
    vectors = np.concatenate([head.project_images(embeddings[start : start + _BLOCK]) for start in blocks])
    codes = quantiser.encode(vectors)
    order = index_order(codes)
    ordered = codes[order]
    table = rows.add_column(0, "id", pa.array(change.new_ids(rows.num_rows), pa.uint64())).take(pa.array(order))
    change.add_segment(table, embeddings[order], lambda path: BoxIndex.build(ordered, presorted=True).save(path))
    return float(((codes == 0) | (codes == 255)).mean())
