"""The catalogues that a service has open: found, opened, replaced and dropped in the background."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from clip_branches.catalogue import list_catalogues
from clip_branches.catalogue.manifest import MANIFEST
from clip_branches.errors import ClipBranchesError, DamagedFile, ServiceUnavailable, UnknownCatalogue
from clip_branches.service.guard import current_caller, unknown_catalogue

_log = logging.getLogger(__name__)
_RETRY_FAILED_S = 30.0

Opened = TypeVar("Opened")
Stamp = tuple[int, int, int]


@dataclass(frozen=True)
class _Slot(Generic[Opened]):
    """One catalogue: what was opened, or the error that it could not be; both when a newer generation is damaged."""

    stamp: Stamp
    opened: Opened | None
    error: ClipBranchesError | None
    tried: float


class Shelf(Generic[Opened]):
    """Opens every catalogue below ``folder`` with ``open_one(name, path, before)``, in a thread of its own.

    ``before`` is what is open of that catalogue already, or None: a new generation can take over what it shares with
    it. A look every ``interval_s`` seconds opens a catalogue whose manifest is new or changed, drops one that is gone,
    and tries one that could not be opened again every half minute; until that works, the generation before is served.
    A request uses what is open when it asks: what it holds stays usable, however often the catalogue is replaced
    meanwhile. ``prepare`` runs once, before the first look. For the caller of a request there are those catalogues
    that it sees; others it is told of as if they did not exist.
    """

    def __init__(
        self,
        folder: Path,
        open_one: Callable[[str, Path, Opened | None], Opened],
        *,
        interval_s: float,
        prepare: Callable[[], None] | None = None,
    ) -> None:
        self.folder = folder
        self._open_one = open_one
        self._interval = interval_s
        self._prepare = prepare
        # Replaced, never changed: a request may be walking through it.
        self._slots: dict[str, _Slot[Opened]] = {}
        self._looked = False
        self._broken: str | None = None
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._looking = threading.Lock()
        # Work runs as a future, so that whatever goes wrong in it is kept and told instead of ending the thread.
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="open-catalogue")
        self._watcher = threading.Thread(target=self._watch, name="watch-catalogues", daemon=True)

    def start(self) -> None:
        """Begin to open catalogues; returns at once."""
        self._watcher.start()

    def stop(self) -> None:
        """Look no more; what is open stays usable."""
        self._stop.set()
        self._wake.set()
        if self._watcher.is_alive():
            self._watcher.join()
        self._worker.shutdown(wait=True)

    def get(self, name: str) -> Opened:
        """What was opened for the catalogue ``name``.

        Raises UnknownCatalogue naming the known ones, DamagedFile (or whatever kept it from being opened), and
        ServiceUnavailable while it is still being opened.
        """
        caller, slot = current_caller(), self._slots.get(name)
        if not caller.sees(name) or (slot is None and not caller.is_local and name not in self._found()):
            raise unknown_catalogue(name)
        if slot is None:
            known = sorted({*self._slots, *self._found()})
            if name in known:
                self._wake.set()
                raise ServiceUnavailable(f"The catalogue '{name}' is being opened. Try again in a moment.")
            raise UnknownCatalogue(
                f"The catalogue must be one of: {', '.join(known) or 'none so far'}. Got {name!r} instead.",
                field="name",
            )
        if slot.opened is None:
            error = slot.error or ServiceUnavailable(f"The catalogue '{name}' cannot be opened.")
            # A fresh error each time: one object raised in many threads would collect all their tracebacks.
            raise type(error)(error.message, field=error.field)
        return slot.opened

    def latest(self, name: str) -> Opened:
        """As ``get``, after a look for a newer generation if there is one: for what a request misses in this one."""
        slot = self._slots.get(name)
        if slot is not None and _stamp(self.folder / name / MANIFEST) not in (slot.stamp, None):
            self.look()
        return self.get(name)

    def opened(self) -> dict[str, Opened]:
        """Every open catalogue by name, sorted."""
        sees = current_caller().sees
        return {
            name: slot.opened for name, slot in sorted(self._slots.items()) if slot.opened is not None and sees(name)
        }

    def unavailable(self) -> dict[str, str]:
        """Why a catalogue cannot be served, by name."""
        sees = current_caller().sees
        return {
            name: slot.error.message
            for name, slot in sorted(self._slots.items())
            if slot.error is not None and slot.opened is None and sees(name)
        }

    def refused(self) -> dict[str, str]:
        """Why the newest generation of a catalogue could not be opened, by name, an earlier one served or not."""
        return {name: slot.error.message for name, slot in sorted(self._slots.items()) if slot.error is not None}

    def committed(self, name: str) -> float:
        """When the newest generation of the catalogue was committed, in seconds since 1970; nan for none known."""
        slot = self._slots.get(name)
        return math.nan if slot is None else slot.stamp[0] / 1e9

    def problems(self) -> list[str]:
        """Why the service is not ready: still starting, or nothing to serve; empty when it is."""
        if self._broken is not None:
            return [self._broken]
        if not self._looked:
            return ["The service is starting: it opens its catalogues."]
        if any(slot.opened is not None for slot in self._slots.values()):
            return []
        if self._slots and not current_caller().is_local:
            return ["No catalogue can be served; the log of the service says why."]
        reasons = [f"{name}: {reason}" for name, reason in self.unavailable().items()]
        return reasons or [f"There is no catalogue in {self.folder}; `python -m preprocessing build` makes one."]

    def look(self) -> None:
        """Open what is new or changed and drop what is gone, now. Returns when that is done."""
        with self._looking:
            found = set(self._found())
            for name in [name for name in self._slots if name not in found]:
                _log.info("catalogue removed", extra={"catalogue": name})
                self._slots = {other: slot for other, slot in self._slots.items() if other != name}
            for name in sorted(found):
                if self._stop.is_set():
                    return
                stamp = _stamp(self.folder / name / MANIFEST)
                if stamp is not None and self._is_due(name, stamp):
                    self._slots = {**self._slots, name: self._open(name, stamp)}
            self._looked = True

    def _found(self) -> list[str]:
        try:
            return list_catalogues(self.folder)
        except OSError as error:
            # Not a reason to end: the disk may come back, and what is open stays usable.
            _log.error("the catalogues cannot be listed", extra={"folder": str(self.folder), "reason": str(error)})
            return list(self._slots)

    def _is_due(self, name: str, stamp: Stamp) -> bool:
        slot = self._slots.get(name)
        if slot is None or slot.stamp != stamp:
            return True
        return slot.error is not None and time.monotonic() - slot.tried > _RETRY_FAILED_S

    def _open(self, name: str, stamp: Stamp) -> _Slot[Opened]:
        started = time.monotonic()
        before = self._slots.get(name)
        kept = None if before is None else before.opened
        future = self._worker.submit(self._open_one, name, self.folder / name, kept)
        error = future.exception()
        if error is None:
            seconds = round(time.monotonic() - started, 2)
            _log.info("catalogue opened", extra={"catalogue": name, "seconds": seconds})
            return _Slot(stamp, future.result(), None, time.monotonic())
        told = _as_project_error(name, error)
        # A catalogue that stays damaged is tried again for ever: its reason is logged once.
        known = before is not None and before.error is not None and before.error.message == told.message
        details = {"catalogue": name, "reason": str(error)}
        _log.log(
            logging.DEBUG if known else logging.ERROR, "catalogue refused", extra=details, exc_info=_unexpected(error)
        )
        # What is open is whole, whatever became of the files since: requests go on with it.
        return _Slot(stamp, kept, told, time.monotonic())

    def _watch(self) -> None:
        if self._prepare is not None:
            error = self._worker.submit(self._prepare).exception()
            if error is not None:
                _log.error("the service cannot start", exc_info=error)
                self._broken = f"The service cannot start: {error}"
                return
        while not self._stop.is_set():
            self._wake.clear()
            self.look()
            self._wake.wait(self._interval)


def _stamp(path: Path) -> Stamp | None:
    """Changes whenever another manifest is renamed into place; None when there is none (any more)."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _as_project_error(name: str, error: BaseException) -> ClipBranchesError:
    if isinstance(error, UnknownCatalogue):  # removed while it was being opened
        return ServiceUnavailable(f"The catalogue '{name}' is being replaced. Try again in a moment.")
    if isinstance(error, ClipBranchesError):
        return error
    if isinstance(error, OSError):
        return DamagedFile(f"A file of the catalogue '{name}' cannot be read: {error.strerror or error}.")
    return ServiceUnavailable(f"The catalogue '{name}' cannot be opened; the log of the service says why.")


def _unexpected(error: BaseException) -> BaseException | None:
    return None if isinstance(error, ClipBranchesError | OSError) else error
