"""Progress of a stage on stderr: a bar on a terminal, elsewhere a line now and then."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self, TextIO

from tqdm import tqdm

_LINE_EVERY_S = 10.0


class Progress:
    """Counts items that are done, with rate and estimate; a context manager.

    ``already`` items were done by an earlier run: they count as done, not towards the rate.
    """

    def __init__(self, label: str, total: int, *, already: int = 0, stream: TextIO | None = None) -> None:
        self.label = label
        self.total = total
        self.done = already
        self._fresh = 0
        self._stream = stream or sys.stderr
        self._started = self._last_line = time.monotonic()
        self._bar: tqdm[None] | None = None
        if self._stream.isatty():
            self._bar = tqdm(
                total=total, initial=already, desc=label, unit=" images", file=self._stream, smoothing=0.1, leave=False
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def update(self, count: int = 1) -> None:
        """``count`` more items are done."""
        self.done += count
        self._fresh += count
        if self._bar is not None:
            self._bar.update(count)
            return
        now = time.monotonic()
        if now - self._last_line >= _LINE_EVERY_S:
            self._last_line = now
            self._stream.write(self._line(now) + "\n")
            self._stream.flush()

    def _line(self, now: float) -> str:
        rate = self._fresh / max(now - self._started, 1e-9)
        left = (self.total - self.done) / rate if rate > 0 else float("inf")
        share = 100 * self.done / max(self.total, 1)
        return (
            f"{self.label}: {self.done:,} of {self.total:,} ({share:.0f} %), {rate:,.0f} images/s, "
            f"about {duration(left)} left"
        )


def say(text: str, stream: TextIO | None = None) -> None:
    """One line on stderr, before something that takes a while and cannot count."""
    target = stream or sys.stderr
    target.write(text + "\n")
    target.flush()


def duration(seconds: float) -> str:
    """``seconds`` for a person: "8 s", "3 min", "2 h 05 min"."""
    if seconds == float("inf"):
        return "unknown time"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
