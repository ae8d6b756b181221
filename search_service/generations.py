"""The generation of a catalogue that a result set is of: the current one, or an earlier one that is kept whole."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from clip_branches.service.shelf import Shelf
from search_service.served import Served

_OPEN_AT_ONCE = 4
OpenEarlier = Callable[[Served, str], Served | None]


class Generations:
    """Finds generations by fingerprint; a few earlier ones stay open, and share what they can with the current one."""

    def __init__(self, shelf: Shelf[Served], open_earlier: OpenEarlier) -> None:
        self._shelf = shelf
        self._open_earlier = open_earlier
        self._open: OrderedDict[tuple[str, str], Served] = OrderedDict()
        self._opening = threading.Lock()

    def find(self, name: str, fingerprint: str) -> Served | None:
        """The generation of the catalogue ``name``, or None when it is no longer there whole.

        Raises what ``Shelf.get`` does for a catalogue that is not there.
        """
        current = self._shelf.get(name)
        if current.fingerprint == fingerprint:
            return current
        key = (name, fingerprint)
        with self._opening:
            served = self._open.pop(key, None)
            if served is None or served.catalogue.path != current.catalogue.path:
                served = self._open_earlier(current, fingerprint)
            if served is not None:
                self._open[key] = served
                while len(self._open) > _OPEN_AT_ONCE:
                    self._open.popitem(last=False)
        return served
