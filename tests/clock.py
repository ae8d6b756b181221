"""The time of day as a test says it: it stands still until the test moves it on, however slow the machine is."""

from __future__ import annotations

import time

import pytest

NOON = 1_800_014_400.25  # 2027-01-15 12:00 UTC; a quarter into its second, minute, hour and half of the day


class Clock:
    """``time.time`` of this process; clocks that measure how long something took go on by themselves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, now: float = NOON) -> None:
        self.now = now
        monkeypatch.setattr(time, "time", lambda: self.now)

    def moves_on(self, seconds: float) -> None:
        self.now += seconds
