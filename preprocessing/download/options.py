"""How links are fetched; nothing of it changes which images a catalogue holds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DownloadOptions:
    """How links are fetched. Waits between tries double from ``backoff_s``, with chance, up to ``max_wait_s``.

    A server that asks for a longer wait than ``max_wait_s`` is not asked again in this run.
    """

    threads: int = 32
    per_host: int = 16
    retries: int = 3
    backoff_s: float = 1.0
    max_wait_s: float = 120.0
    retry_failed: bool = False
    connect_s: float = 5.0
    silence_s: float = 10.0
    total_s: float = 60.0
