"""Figures that are read when Prometheus asks: open catalogues, readiness, disks, caches."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from clip_branches.disk_budget import DiskBudget

if TYPE_CHECKING:  # the web service has neither catalogues nor what reads them
    from prometheus_client.core import GaugeMetricFamily

    from clip_branches.catalogue import Catalogue
    from clip_branches.service.shelf import Shelf

_MOST_CATALOGUES = 100  # with a label of their own; the totals count all
Opened = TypeVar("Opened")


class CatalogueFigures:
    """What a shelf holds: how many catalogues, which generation of each and since when, and what was refused."""

    def __init__(self, shelf: Shelf[Opened], catalogue_of: Callable[[Opened], Catalogue]) -> None:
        self._shelf = shelf
        self._catalogue_of = catalogue_of

    def collect(self) -> Iterable[GaugeMetricFamily]:
        opened, refused = self._shelf.opened(), self._shelf.refused()
        size, generation, committed = (
            _family(f"catalogue_{name}", text, "catalogue")
            for name, text in (
                ("images", "Images of the generation that is served."),
                ("generation", "Number of the generation that is served."),
                ("committed_timestamp_seconds", "When the newest generation was committed."),
            )
        )
        for name, one in list(opened.items())[:_MOST_CATALOGUES]:
            catalogue = self._catalogue_of(one)
            size.add_metric([name], catalogue.size)
            generation.add_metric([name], catalogue.generation)
            committed.add_metric([name], self._shelf.committed(name))
        problem = _family("catalogue_refused", "1: the newest generation cannot be opened.", "catalogue")
        for name in sorted({*opened, *refused})[:_MOST_CATALOGUES]:
            problem.add_metric([name], float(name in refused))
        yield from (size, generation, committed, problem)
        yield _family("catalogues_open", "Catalogues that are served.", value=len(opened))
        yield _family("catalogues_refused", "Catalogues whose newest generation cannot be opened.", value=len(refused))


class Readiness:
    """Whether the service itself can serve, as /readyz says."""

    def __init__(self, readiness: Callable[[], Sequence[str]]) -> None:
        self._readiness = readiness

    def collect(self) -> Iterable[GaugeMetricFamily]:
        yield _family("service_ready", "1 where /readyz says so.", value=float(not self._readiness()))


class DiskFigures:
    """Size and free room of the disks below some folders, and what the caches there hold."""

    def __init__(self, folders: Mapping[str, Path], caches: Callable[[], Mapping[str, DiskBudget]] = dict) -> None:
        self._folders = folders
        self._caches = caches

    def collect(self) -> Iterable[GaugeMetricFamily]:
        free = _family("disk_free_bytes", "Room left on the disk of a folder, for this service.", "folder")
        size = _family("disk_size_bytes", "Size of the disk of a folder.", "folder")
        for name, folder in self._folders.items():
            try:
                usage = shutil.disk_usage(_existing(folder))
            except OSError:  # away: no figure is what tells of it
                continue
            free.add_metric([name], usage.free)
            size.add_metric([name], usage.total)
        used = _family("cache_bytes", "What a cache on disk holds.", "cache")
        limit = _family("cache_limit_bytes", "What a cache on disk may hold.", "cache")
        for name, budget in self._caches().items():
            used.add_metric([name], budget.used_bytes())
            limit.add_metric([name], budget.max_bytes)
        yield from (free, size, used, limit)


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there: it may be made by the first request that needs it."""
    return next((path for path in (folder, *folder.absolute().parents) if path.exists()), Path("/"))


def _family(name: str, text: str, *labels: str, value: float | None = None) -> GaugeMetricFamily:
    from prometheus_client.core import GaugeMetricFamily

    options: dict[str, Any] = {"value": value} if value is not None else {"labels": labels}
    return GaugeMetricFamily(name, text, **options)
