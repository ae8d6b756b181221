"""Command-line options about sources and filters, and the recipe's sections from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from clip_branches.errors import InvalidInput
from preprocessing.filters.options import FilterSection
from preprocessing.sources.options import SOURCES, Kind, SourceSection

if TYPE_CHECKING:
    from preprocessing.download.options import DownloadOptions

Command = Callable[..., Any]
_FOLDER = click.Path(path_type=Path)
_SOURCE_OPTIONS = (
    click.option("--kind", type=click.Choice(get_args(Kind)), help="What SOURCE is.  [default: told by what is in it]"),
    click.option("--captions", type=_FOLDER, help="Folder: CSV, TSV or Parquet with filename, caption, any metadata."),
    click.option("--max-images", type=click.IntRange(1), help="Take only the first so many."),
    click.option("--url-column", help="Table of addresses: their column.  [default: url, image_url, ...]"),
    click.option("--caption-column", help="Table, Hugging Face: column of captions.  [default: caption, text, ...]"),
    click.option("--image-column", help="Hugging Face: column of the images.  [default: image, ...]"),
    click.option("--split", help="Hugging Face, CIFAR-10: train, test, ...  [default: all]"),
    click.option("--images", type=_FOLDER, help="Embeddings: folder of the images.  [default: SOURCE]"),
    click.option("--encoding", help="Folder's captions, table of addresses: such as latin-1.  [default: utf-8]"),
    click.option(
        "--crop-bottom", type=click.IntRange(0), help="Table of addresses: pixels to cut off; Shutterstock: 30."
    ),
    click.option("--width", type=click.IntRange(0), help="Unsplash: pixels to ask for, 0: originals.  [default: 640]"),
    click.option("--max-megabytes", type=click.FloatRange(0, 512, min_open=True), help="Longest file that is fetched."),
    click.option("--fetch", "download", is_flag=True, default=None, help="CIFAR-10: let torchvision fetch it."),
)
_FILTER_OPTIONS = (
    click.option("--min-size", type=click.IntRange(1), help="Shorter side, pixels.  [default: 32]"),
    click.option("--max-megapixels", type=click.FloatRange(0, 50, min_open=True), help="Largest image.  [default: 50]"),
    click.option("--max-aspect", type=click.FloatRange(1), help="Longer side / shorter side.  [default: any]"),
    click.option("--duplicates", type=click.Choice(["drop", "list"]), help="Exact copies.  [default: drop]"),
    click.option(
        "--near-duplicates", type=click.Choice(["off", "group", "drop"]), help="Images that look alike.  [default: off]"
    ),
    click.option("--near-distance", type=click.IntRange(0, 16), help="Of 64 bits, that may differ.  [default: 4]"),
    click.option(
        "--caption-rule", type=click.Choice(["clean", "drop", "off"]), help="Characters of captions.  [default: clean]"
    ),
    click.option("--require-caption/--no-require-caption", default=None, help="Drop images without one."),
    click.option("--min-caption", type=click.IntRange(1), help="Fewest characters of a caption."),
    click.option("--max-caption", type=click.IntRange(1), help="Most characters of a caption."),
    click.option("--language", "languages", multiple=True, help="Keep captions in it (en); several times."),
    click.option("--language-certainty", type=click.FloatRange(0, 1), help="Before another one drops.  [default: 0.5]"),
    click.option("--drop-text", "texts", multiple=True, help="Drop what looks like it (watermark); several times."),
    click.option("--text-threshold", type=click.FloatRange(0, 1, min_open=True, max_open=True), help="[default: 0.5]"),
)
_DOWNLOAD_OPTIONS = (
    click.option("--connections", type=click.IntRange(1, 512), default=32, show_default=True, help="Fetched at once."),
    click.option(
        "--per-host", type=click.IntRange(1, 512), default=16, show_default=True, help="Of these, from one host."
    ),
    click.option("--retries", type=click.IntRange(0, 20), default=3, show_default=True, help="More tries of a link."),
    click.option("--timeout", type=click.FloatRange(0.1), default=10.0, show_default=True, help="Seconds of silence."),
    click.option(
        "--time-limit", type=click.FloatRange(0.1), default=60.0, show_default=True, help="Seconds for an image."
    ),
    click.option(
        "--max-wait",
        type=click.FloatRange(0),
        default=120.0,
        show_default=True,
        help="Longest wait for a host, seconds.",
    ),
    click.option("--retry-failed", is_flag=True, help="Fetch what failed in an earlier run, too."),
)


def source_options(command: Command) -> Command:
    """SOURCE and all that can be said about it, and the switches of the filters."""
    return _with((click.argument("source", type=_FOLDER), *_SOURCE_OPTIONS, *_FILTER_OPTIONS), command)


def download_options(command: Command) -> Command:
    """How images are fetched; none of these changes which."""
    return _with(_DOWNLOAD_OPTIONS, command)


def fetching_options(command: Command) -> Command:
    """SOURCE and all that can be said about it."""
    return _with((click.argument("source", type=_FOLDER), *_SOURCE_OPTIONS), command)


def how_to_download(values: dict[str, Any]) -> DownloadOptions:
    """The options of ``download_options``."""
    from preprocessing.download.options import DownloadSection

    return DownloadSection(**{name: values[name] for name in DownloadSection.model_fields}).options()


def source_section(path: Path, values: dict[str, Any]) -> SourceSection:
    """The section for the source at ``path``, of the kind in ``values`` or the one that it shows.

    Raises InvalidInput for a source that is not there, and for an option that its kind does not have.
    """
    from preprocessing.captions import find_captions
    from preprocessing.sources.detect import detect_kind

    kind: Kind = values.get("kind") or detect_kind(path)
    known = SOURCES[kind].model_fields
    every = {name for section in SOURCES.values() for name in section.model_fields} - {"kind", "path"}
    given = {name: values[name] for name in every if values.get(name) is not None}
    for name in sorted(set(given) - set(known)):
        option = {"download": "fetch"}.get(name, name).replace("_", "-")
        having = ", ".join(kind for kind, section in SOURCES.items() if name in section.model_fields)
        raise InvalidInput(
            f"The option --{option} is for sources of the kind {having}. Got {path}, of the kind {kind}."
        )
    if kind == "folder" and "captions" not in given:
        given["captions"] = find_captions(path)
    resolved = {name: value.resolve() if isinstance(value, Path) else value for name, value in given.items()}
    return SOURCES[kind].model_validate({"path": path.resolve(), **resolved})  # type: ignore[return-value]


def filter_section(values: dict[str, Any]) -> FilterSection:
    """The section of the filters, from the options that were given."""
    given = {name: values[name] for name in FilterSection.model_fields if values.get(name) not in (None, ())}
    return FilterSection.model_validate(given)


def _with(options: Sequence[Command], command: Command) -> Command:
    for option in reversed(options):
        command = option(command)
    return command
