"""How links are fetched: the section of a recipe, and what the downloader takes. Images do not depend on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from preprocessing.section import Section


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


class DownloadSection(Section):
    """How to fetch; nothing of it changes the catalogue."""

    connections: Annotated[int, Field(ge=1, le=512, description="Fetched at once.")] = 32
    per_host: Annotated[int, Field(ge=1, le=512, description="Of these, from one host.")] = 16
    retries: Annotated[int, Field(ge=0, le=20, description="More tries of a link.")] = 3
    timeout: Annotated[float, Field(ge=0.1, description="Seconds of silence.")] = 10.0
    time_limit: Annotated[float, Field(ge=0.1, description="Seconds for an image.")] = 60.0
    max_wait: Annotated[float, Field(ge=0, description="Longest wait for a host, seconds.")] = 120.0
    retry_failed: Annotated[bool, Field(description="Fetch what failed in an earlier run, too.")] = False

    def options(self) -> DownloadOptions:
        """What the downloader takes."""
        return DownloadOptions(
            threads=self.connections,
            per_host=self.per_host,
            retries=self.retries,
            silence_s=self.timeout,
            total_s=self.time_limit,
            max_wait_s=self.max_wait,
            retry_failed=self.retry_failed,
        )
