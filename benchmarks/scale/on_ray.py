"""The same rounds on a Ray cluster of this machine: a head, and a node of one processor for each shard."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from benchmarks.scale.shards import HEAD
from clip_branches.catalogue import Catalogue, CatalogueWriter
from clip_branches.catalogue.reader import EncoderSpec
from clip_branches.engine import BoxIndex, CatalogueEngine, index_order
from clip_branches.engine.survey import survey
from clip_branches.engine.workers import Workers

_MODEL = Path(__file__).resolve().parents[2] / "assets" / "models" / "demo"
_STORE_BYTES = 80 * 2**20


def write_segments(codes: NDArray[np.uint8], count: int, data_dir: Path) -> Path:
    """A catalogue of ``count`` equal segments."""
    folder = data_dir / "catalogues" / "shards"
    (data_dir / "images").mkdir(parents=True)
    encoder = EncoderSpec("demo", _MODEL / "quantiser.json", _MODEL)
    with CatalogueWriter(folder, name="shards", title="Shards", image_root=data_dir / "images", encoder=encoder) as out:
        for part in np.array_split(codes, count):
            ordered = part[index_order(part)]
            index = BoxIndex.build(ordered, presorted=True, workers=Workers(2))
            out.add_segment(_items(out.new_ids(len(part))), None, index.save)
        out.commit()
    return folder


@contextlib.contextmanager
def cluster(count: int) -> Iterator[str]:
    """Address of a cluster with ``count`` nodes; ended with the block."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    # Ray would run its workers behind everything else on the machine.
    node = {"object_store_memory": _STORE_BYTES, "_system_config": {"worker_niceness": 0}}
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, **node})
    try:
        for _ in range(count):
            made.add_node(num_cpus=1, object_store_memory=_STORE_BYTES)
        yield str(made.address)
    finally:
        made.shutdown()


def in_a_process(folder: Path, address: str, shards: int, rules: list[Any], rounds: int) -> list[float]:
    """``rounds_ms`` in a process of its own: a connection to a cluster stays until its process ends."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(rounds_ms, folder, address, shards, rules, rounds).result()


def rounds_ms(folder: Path, address: str | None, shards: int, rules: list[Any], rounds: int) -> list[float]:
    """Milliseconds of each of ``rounds`` surveys: by the local engine, or by that of the cluster at ``address``."""
    catalogue = Catalogue.open(folder, verify=False)
    engine: Any
    if address is None:
        engine = CatalogueEngine.open(catalogue, None, verify=False, workers=Workers(1))
    else:
        from clip_branches.cluster.router import RayEngine
        from clip_branches.cluster.terms import Terms

        engine = RayEngine.open(catalogue, None, Terms(address=address, shards=shards), Workers(1))
    told = []
    for number in range(-3, rounds):
        rule = rules[number % len(rules)]
        began = time.perf_counter()
        survey(engine, rule, list(rule.boxes), HEAD)
        told.append((time.perf_counter() - began) * 1_000)
    engine.retire()
    return told[3:]


def _items(ids: NDArray[np.uint64]) -> pa.Table:
    def same(value: Any, kind: pa.DataType) -> pa.Array:
        return pa.repeat(pa.scalar(value, kind), len(ids))

    return pa.table(
        {
            "id": pa.array(ids, pa.uint64()),
            "source": same("x.png", pa.string()),
            "caption": same(None, pa.string()),
            "width": same(64, pa.int32()),
            "height": same(64, pa.int32()),
            "sha256": same("0" * 64, pa.string()),
        }
    )
