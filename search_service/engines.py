"""The engine that the settings ask for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from clip_branches.catalogue import Catalogue
from clip_branches.engine import CatalogueEngine, SearchEngine, Workers
from clip_branches.settings import SearchSettings

EngineOpener = Callable[[Catalogue, Any], SearchEngine]


def engine_opener(settings: SearchSettings) -> EngineOpener:
    """Opens the engine over a catalogue, whose files are checked, and its quantiser.

    Raises ConfigurationError where the engine is "ray" and Ray is not installed.
    """
    workers = Workers(settings.engine_threads) if settings.engine_threads else Workers.of_machine()
    if settings.engine == "local":
        return lambda catalogue, quantiser: CatalogueEngine.open(catalogue, quantiser, verify=False, workers=workers)
    from clip_branches.cluster.router import RayEngine
    from clip_branches.cluster.terms import Terms

    terms = Terms(
        address=settings.ray_address,
        shards=settings.ray_shards,
        replicas=settings.ray_replicas,
        cpus=settings.ray_cpus,
        timeout_s=settings.ray_timeout_s,
        start_s=settings.ray_start_s,
        local_dir=Path(settings.ray_local_dir) if settings.ray_local_dir else None,
        threads=workers.threads,
    )
    return lambda catalogue, quantiser: RayEngine.open(catalogue, quantiser, terms, workers)
