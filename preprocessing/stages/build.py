"""Stage ``build``: filter, embed, screen and index in one go; each takes over what an earlier run finished."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from clip_branches.catalogue import read_manifest
from clip_branches.encoding.fingerprint import check_model
from preprocessing.recipe import Recipe
from preprocessing.report import Summary
from preprocessing.reporting import write_report
from preprocessing.stages.embed import EmbedOptions, embed_images
from preprocessing.stages.filter import filter_images
from preprocessing.stages.index import index_images
from preprocessing.stages.screen import screen_images
from preprocessing.workplace import Workplace


def build_catalogue(
    work: Workplace,
    recipe: Recipe,
    options: EmbedOptions,
    say: Callable[[Summary], None],
    *,
    fetched: Summary | None = None,
    pictures: int = 24,
) -> Path:
    """All stages for ``recipe``; ``say`` gets the summary of each as soon as it ends. Returns the path of the report.

    The report shows what was ``fetched`` before, if anything was, and so many ``pictures`` of what was kept.
    """
    summaries = [] if fetched is None else [fetched]

    def told(summary: Summary) -> None:
        summaries.append(summary)
        say(summary)

    check_model(recipe.embedding.model, options.models_dir)
    told(filter_images(work, recipe, workers=options.workers))
    told(embed_images(work, recipe, options))
    screened = screen_images(work, recipe, options)
    if screened is not None:
        told(screened)
    told(index_images(work, recipe, options.models_dir))
    return write_report(work, recipe, summaries, pictures=pictures)


def describe_catalogue(folder: Path) -> str:
    """One line about the current generation of the catalogue in ``folder``."""
    manifest = read_manifest(folder)
    rows = sum(segment.rows for segment in manifest.segments)
    return f"The catalogue {manifest.name!r} has {rows:,} images (generation {manifest.generation}): {folder}"
