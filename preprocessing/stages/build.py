"""Stage ``build``: fetch, filter, embed, screen and index in one go; each takes over what an earlier run finished."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from clip_branches.catalogue import read_manifest
from preprocessing.download.options import DownloadOptions
from preprocessing.recipe import Recipe
from preprocessing.report import Summary
from preprocessing.reporting import write_report
from preprocessing.stages.download import download_source
from preprocessing.stages.embed import EmbedOptions, embed_images
from preprocessing.stages.filter import filter_images
from preprocessing.stages.index import index_images
from preprocessing.stages.model import load_first
from preprocessing.stages.screen import screen_images
from preprocessing.workplace import Workplace


def build_catalogue(
    work: Workplace,
    recipe: Recipe,
    options: EmbedOptions,
    say: Callable[[Summary], None],
    *,
    fetching: DownloadOptions | None = None,
    pictures: int = 24,
) -> Path:
    """All stages for ``recipe``; ``say`` gets the summary of each as soon as it ends. Returns the path of the report.

    A source that has to be fetched is fetched as ``fetching`` says. The report shows so many ``pictures`` of what was
    kept. The model comes first: one that cannot be used ends the build before anything is done for it.
    """
    summaries = []

    def told(summary: Summary | None) -> None:
        if summary is not None:
            summaries.append(summary)
            say(summary)

    towers = load_first(work, recipe.embedding.model, options)
    told(download_source(work, recipe.source, fetching or DownloadOptions()))
    told(filter_images(work, recipe, workers=options.workers))
    told(embed_images(work, recipe, options, towers=towers))
    del towers
    told(screen_images(work, recipe, options))
    told(index_images(work, recipe, options.models_dir))
    return write_report(work, recipe, summaries, pictures=pictures)


def describe_catalogue(folder: Path) -> str:
    """One line about the current generation of the catalogue in ``folder``."""
    manifest = read_manifest(folder)
    rows = sum(segment.rows for segment in manifest.segments)
    return f"The catalogue {manifest.name!r} has {rows:,} images (generation {manifest.generation}): {folder}"
