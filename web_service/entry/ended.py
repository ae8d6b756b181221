"""Sessions that somebody ended: a cookie is a copy of its own, and must not work on after its person has left."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path


class Ended:
    """An empty file for each, named by the session's random id, until the session would have ended by itself."""

    def __init__(self, data_dir: Path, lifetime_s: float) -> None:
        self._folder = data_dir / "access" / "ended"
        self._lifetime_s = lifetime_s

    def add(self, session_id: str) -> None:
        """Ends one, for every worker process; removes what is not needed any more."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (self._folder / session_id).touch()
        before = time.time() - self._lifetime_s
        for path in self._folder.iterdir():
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < before:
                    path.unlink()

    def __contains__(self, session_id: str) -> bool:
        return (self._folder / session_id).exists()
