"""The commands of a catalogue that grows: add, delete, compact, verify, info, export."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from preprocessing.command_options import cluster_options
from preprocessing.pool import default_workers
from preprocessing.source_options import download_options, how_to_download

if TYPE_CHECKING:
    from preprocessing.report import Summary

_PATH = click.Path(path_type=Path)
_DATA_DIR = click.option("--data-dir", type=_PATH, default=Path("data"), envvar="DATA_DIR", show_default=True)
_MODELS_DIR = click.option(
    "--models-dir", type=_PATH, default=Path("assets/models"), envvar="MODELS_DIR", show_default=True
)
_DAMAGED = 1


@click.command(help="Append what is new in the source of the catalogue NAME; costs what is new, not a rebuild.")
@click.argument("name")
@click.option("--again", is_flag=True, help="Also add images that were deleted on purpose; they get new ids.")
@click.option("--workers", type=click.IntRange(1), default=default_workers(), show_default="all processors")
@click.option("--threads", type=click.IntRange(1), default=default_workers(), show_default="all processors")
@click.option("--batch-size", type=click.IntRange(1, 65_536), default=64, show_default=True)
@click.option("--shard-size", type=click.IntRange(1), default=2_048, show_default=True, help="Images a shard.")
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1, ...; auto: cuda if any.")
@click.option("--precision", type=click.Choice(["auto", "fp32", "bf16", "fp16"]), default="auto", show_default=True)
@cluster_options
@download_options
@_MODELS_DIR
@_DATA_DIR
def add(name: str, again: bool, data_dir: Path, **how: Any) -> None:
    from clip_branches.catalogue.storage import storage_errors
    from preprocessing.growing.add import add_images
    from preprocessing.stages.embed import EmbedOptions
    from preprocessing.workplace import Workplace

    _catalogue(data_dir, name)
    with storage_errors(f"Adding to {name!r}", data_dir), Workplace(data_dir, name) as work:
        options = EmbedOptions(**{key: how[key] for key in EmbedOptions._fields})
        _say_lines(add_images(work, options, _say, again=again, fetching=how_to_download(how)).lines())


@click.command(help="Delete images from the catalogue NAME. Their files stay; their ids are never given again.")
@click.argument("name")
@click.option("--id", "ids", type=int, multiple=True, help="An id; may be given several times.")
@click.option("--ids-from", type=_PATH, help="A file of ids: one a line, or the column id of a CSV or Parquet file.")
@click.option("--match", "patterns", multiple=True, help="A pattern of sources, such as 'holiday/*'.")
@click.option("--gone", is_flag=True, help="Images whose file is no longer there.")
@click.option("--dry-run", is_flag=True, help="Say what would be deleted, and delete nothing.")
@_DATA_DIR
def delete(
    name: str,
    ids: tuple[int, ...],
    ids_from: Path | None,
    patterns: tuple[str, ...],
    gone: bool,
    dry_run: bool,
    data_dir: Path,
) -> None:
    from clip_branches.catalogue.storage import storage_errors
    from preprocessing.growing.delete import Selection, delete_images, read_ids

    folder = _catalogue(data_dir, name)
    chosen = [*ids, *(read_ids(ids_from) if ids_from else ())]
    with storage_errors(f"Deleting from {name!r}", folder):
        _say_lines(delete_images(folder, Selection(chosen, patterns, gone), dry=dry_run).lines())


@click.command(help="Merge the segments of the catalogue NAME and drop the rows of deleted images.")
@click.argument("name")
@click.option("--below", type=click.IntRange(1), help="Merge only segments with fewer rows than this.")
@_DATA_DIR
def compact(name: str, below: int | None, data_dir: Path) -> None:
    from clip_branches.catalogue.storage import storage_errors
    from preprocessing.growing.compact import compact_catalogue

    folder = _catalogue(data_dir, name)
    with storage_errors(f"Compacting {name!r}", folder):
        _say_lines(compact_catalogue(folder, below=below).lines())


@click.command(help="Read every file of the catalogue NAME and check it; the exit status is 1 when one is damaged.")
@click.argument("name")
@click.option("--images", is_flag=True, help="Check the bytes of every image file, too.")
@_DATA_DIR
@click.pass_context
def verify(context: click.Context, name: str, images: bool, data_dir: Path) -> None:
    from preprocessing.growing.verify import verify_catalogue

    verified = verify_catalogue(_catalogue(data_dir, name), images=images)
    _say_lines(verified.lines())
    if verified.problems:
        context.exit(_DAMAGED)


@click.command(help="Say what the catalogue NAME holds: items, segments, model, sizes, generations.")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
@_DATA_DIR
def info(name: str, as_json: bool, data_dir: Path) -> None:
    from preprocessing.growing.info import describe, lines_of

    described = describe(_catalogue(data_dir, name))
    if as_json:
        click.echo(json.dumps(described, indent=2, ensure_ascii=False))
    else:
        _say_lines(lines_of(described))


@click.command(help="Write the items of the catalogue NAME to TARGET, for other programs.")
@click.argument("name")
@click.argument("target", type=_PATH)
@click.option(
    "--format",
    "form",
    type=click.Choice(["parquet", "csv", "webdataset", "clip-retrieval"]),
    default="parquet",
    show_default=True,
)
@click.option("--codes", is_flag=True, help="Parquet: also the 32 bytes of every image.")
@click.option("--embeddings", is_flag=True, help="Parquet: also the embedding of every image.")
@click.option("--per-shard", type=click.IntRange(1), default=10_000, show_default=True, help="Images a shard.")
@_MODELS_DIR
@_DATA_DIR
def export(name: str, target: Path, form: Any, data_dir: Path, models_dir: Path, **how: Any) -> None:
    from clip_branches.catalogue.storage import storage_errors
    from preprocessing.exporting import ExportOptions, export_catalogue

    folder = _catalogue(data_dir, name)
    with storage_errors(f"Exporting {name!r}", target.absolute().parent):
        _say(export_catalogue(folder, target, ExportOptions(form=form, models_dir=models_dir, **how)))


def _catalogue(data_dir: Path, name: str) -> Path:
    """The folder of a catalogue; UnknownCatalogue naming those that there are."""
    from clip_branches.catalogue import list_catalogues
    from clip_branches.catalogue.manifest import check_name
    from clip_branches.errors import UnknownCatalogue

    folder = data_dir / "catalogues" / check_name(name)
    known = list_catalogues(folder.parent)
    if name not in known:
        raise UnknownCatalogue(
            f"The catalogue must be one of: {', '.join(known) or 'none so far'} (in {folder.parent}). "
            f"Got {name!r} instead."
        )
    return folder


def _say(summary: Summary) -> None:
    _say_lines(summary.lines())


def _say_lines(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)
