"""What a running search service holds: its open catalogues and the searcher over them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clip_branches.cluster.runtime import load_ray
from clip_branches.disk_budget import DiskBudget
from clip_branches.errors import ServiceUnavailable
from clip_branches.schemas import CataloguesResponse
from clip_branches.service.shelf import Shelf
from clip_branches.settings import SearchSettings

if TYPE_CHECKING:
    from pathlib import Path

    from search_service.searcher import Searcher
    from search_service.served import Served, ServedOpener


class SearchState:
    """Loads everything in the background; torch and numba are imported there too, so that /livez answers meanwhile.

    Raises ConfigurationError where the settings ask for an engine that is not installed.
    """

    def __init__(self, settings: SearchSettings) -> None:
        if settings.engine == "ray":
            load_ray()  # what is not installed is said at once, not when the first catalogue is opened
        self._settings = settings
        self._searcher: Searcher | None = None
        self._opener: ServedOpener | None = None
        self.shelf: Shelf[Served] = Shelf(
            settings.catalogues_dir, self._open, interval_s=settings.catalogue_check_s, prepare=self._prepare
        )

    def start(self) -> None:
        """Begin to load; returns at once."""
        self.shelf.start()

    def stop(self) -> None:
        """End the background work."""
        self.shelf.stop()
        if self._searcher is not None:
            self._searcher.stop()

    @property
    def searcher(self) -> Searcher:
        """The searcher; ServiceUnavailable until it is there."""
        if self._searcher is None:
            raise ServiceUnavailable(" ".join(self.problems()) or "The search service is starting.")
        return self._searcher

    def problems(self) -> list[str]:
        """Why the service cannot serve now; empty when it can."""
        return self.shelf.problems() or [
            problem for served in self.shelf.opened().values() for problem in served.engine.problems()
        ]

    def caches(self) -> dict[str, DiskBudget]:
        """The caches on disk by name, as soon as there are any."""
        return {} if self._searcher is None else {"answers": self._searcher.files.budget}

    def catalogues(self) -> CataloguesResponse:
        """Every catalogue: what is served, and why the others are not."""
        served = [one.summary() for one in self.shelf.opened().values()]
        return CataloguesResponse(catalogues=served, unavailable=self.shelf.unavailable())

    def _prepare(self) -> None:
        from clip_branches.engine import warm_up
        from search_service.searcher import Searcher
        from search_service.served import ServedOpener

        warm_up()
        self._opener = ServedOpener(self._settings)
        self._searcher = Searcher(self._settings, self.shelf, self._opener.open_earlier)

    def _open(self, name: str, path: Path, before: Served | None) -> Served:
        if self._opener is None:
            raise ServiceUnavailable("The search service is starting.")
        return self._opener.open(name, path, before)
