"""Stage ``download``: the images of a source that has to be fetched or unpacked first, below the data folder."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from clip_branches.errors import ConfigurationError
from clip_branches.files import write_whole
from preprocessing.download.options import DownloadOptions
from preprocessing.progress import Progress
from preprocessing.report import Note, Summary
from preprocessing.sources.cifar10 import pack_cifar10
from preprocessing.sources.links import LinkTable
from preprocessing.sources.opening import image_root
from preprocessing.sources.options import Cifar10Source, SourceSection, UnsplashSource, UrlSource
from preprocessing.sources.tables import TableFile
from preprocessing.sources.unsplash import read_links
from preprocessing.workplace import Workplace

_MADE = ".made.json"  # hidden: readers of the layout take every other .json here for statistics
_CIFAR10_IMAGES = 60_000


def download_source(work: Workplace, section: SourceSection, options: DownloadOptions) -> Summary | None:
    """Fetch what is missing of the source; None for a source that needs no fetching.

    Raises InvalidInput for a source that cannot be used, ConfigurationError when the folder that images go to holds
    those of another source.
    """
    root = image_root(section, work.data_dir, work.name)
    if isinstance(section, Cifar10Source):
        return _pack(section, root)
    if isinstance(section, UrlSource):
        table = LinkTable(
            TableFile(section.path, encoding=section.encoding),
            url_column=section.url_column,
            caption_column=section.caption_column,
        )
        return _download(section, root, options, table.table.count(), table.batches(), table.table)
    if isinstance(section, UnsplashSource):
        links = list(read_links(section.path, section.width))
        return _download(section, root, options, sum(batch.num_rows for batch in links), iter(links), None)
    return None


def _download(
    section: UrlSource | UnsplashSource,
    root: Path,
    options: DownloadOptions,
    total: int,
    batches: Iterator[pa.Table],
    table: TableFile | None,
) -> Summary:
    # Not at the top: most sources need no download, and those commands no HTTP client.
    from preprocessing.download.fetch import Limits
    from preprocessing.download.run import Downloader

    started = time.monotonic()
    crop = section.crop_bottom if isinstance(section, UrlSource) else 0
    _check_made(root, {"source": str(section.path), "crop_bottom": crop, "per_shard": section.per_shard})
    if section.max_images is not None:
        total, batches = min(total, section.max_images), _first(batches, section.max_images)
    limits = Limits(
        connect_s=options.connect_s,
        silence_s=options.silence_s,
        total_s=options.total_s,
        max_bytes=int(section.max_megabytes * 2**20),
        disallowed=section.disallowed,
    )
    with Progress("download", total) as progress:
        outcome = Downloader(
            root,
            options,
            limits,
            shard_size=section.per_shard,
            crop_bottom=crop,
            finished=progress.update,
        ).run(batches)
    dropped = [Note(url, status.replace("_", " "), message) for url, status, message in outcome.failures]
    kept = outcome.total - len(dropped)
    fresh = outcome.total - outcome.taken_over
    return Summary(
        "download", kept, fresh, outcome.taken_over, time.monotonic() - started, dropped, table.notes if table else []
    )


def _pack(section: Cifar10Source, root: Path) -> Summary:
    started = time.monotonic()
    with Progress("download", _CIFAR10_IMAGES) as progress:
        written = pack_cifar10(section.path, root, download=section.download, progress=progress.update)
    return Summary("download", _CIFAR10_IMAGES, written, _CIFAR10_IMAGES - written, time.monotonic() - started)


def _first(batches: Iterator[pa.Table], count: int) -> Iterator[pa.Table]:
    for batch in batches:
        yield batch.slice(0, count)
        count -= batch.num_rows
        if count <= 0:
            return


def _check_made(root: Path, wanted: dict[str, str | int]) -> None:
    """Let no two sources, or ways to store one, meet in a folder."""
    path = root / _MADE
    try:
        made = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if root.is_dir() and any(root.iterdir()):
            raise ConfigurationError(
                f"The folder {root} must be empty, or made by this command. Move it away, or choose another --name."
            ) from None
        root.mkdir(parents=True, exist_ok=True)
        write_whole(path, (json.dumps(wanted, indent=2) + "\n").encode())
        return
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"The file {path} must say what the folder was made of: {error}") from error
    other = {key: value for key, value in wanted.items() if made.get(key) != value}
    if other:
        raise ConfigurationError(
            f"The images in {root} were fetched with {made}. Got {other} instead: move the folder away, "
            "or choose another --name."
        )
