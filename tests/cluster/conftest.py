"""A real Ray cluster on this machine: a head that runs no tasks, and two nodes with one processor each."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

_STORE_BYTES = 80 * 2**20
# A node that is gone is noticed within two seconds, instead of half a minute.
_SYSTEM = {
    "health_check_initial_delay_ms": 1_000,
    "health_check_period_ms": 500,
    "health_check_failure_threshold": 3,
    "worker_niceness": 0,  # not 15: beside other work on this machine an actor would take minutes to start
}


class Nodes:
    """The cluster's worker nodes; each has processes of its own, as on a machine of its own."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self._cluster = Cluster(
            initialize_head=True,
            head_node_args={
                "num_cpus": 0,
                "include_dashboard": False,
                "object_store_memory": _STORE_BYTES,
                "_system_config": _SYSTEM,
            },
        )
        self.workers: list[Any] = []

    @property
    def address(self) -> str:
        """HOST:PORT of the cluster."""
        return str(self._cluster.address)

    def add(self, cpus: int = 1, **resources: Any) -> Any:
        """One node more."""
        node = self._cluster.add_node(num_cpus=cpus, object_store_memory=_STORE_BYTES, **resources)
        self.workers.append(node)
        return node

    def kill(self, node: Any) -> None:
        """SIGKILL all processes of ``node``, its workers included, as when a machine loses power."""
        self.workers.remove(node)
        self._cluster.remove_node(node, allow_graceful=False)

    @contextlib.contextmanager
    def one_that_misses(self, folder: Path) -> Iterator[None]:
        """Two nodes, one of which finds ``folder`` empty, as where a storage is not mounted."""
        if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
            pytest.skip("a node with storage of its own needs the right to make mount namespaces")
        self.kill(self.workers[0])
        before = self._alive()
        ray = Path(sys.executable).with_name("ray")
        start = [str(ray), "start", "--block", "--num-cpus=1", f"--object-store-memory={_STORE_BYTES}"]
        script = 'mount -t tmpfs none "$1" && shift && exec "$@"'
        command = ["unshare", "--mount", "sh", "-c", script, "sh", str(folder), *start, f"--address={self.address}"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            until = time.monotonic() + 60
            while not self._alive() - before:
                if process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"The node did not join: {process.communicate(timeout=5)[0]}")
                time.sleep(0.2)
            yield
        finally:
            for child in [*psutil.Process(process.pid).children(recursive=True), process]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
            process.communicate()

    def replenish(self) -> None:
        """Two nodes, as at the start."""
        while len(self.workers) < 2:
            self.add()

    def _alive(self) -> set[str]:
        return set(self._cluster.global_state._live_node_ids())

    def shutdown(self) -> None:
        self._cluster.shutdown()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Nodes]:
    """The cluster of all tests here; take ``nodes`` instead, which finds both nodes alive."""
    pytest.importorskip("ray", reason="Ray is needed: pip install -r requirements-ray.txt")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    made = Nodes()
    try:
        made.replenish()
        yield made
    finally:
        made.shutdown()


@pytest.fixture
def nodes(cluster: Nodes) -> Nodes:
    """The cluster with two worker nodes of one processor each, whatever the test before did to them."""
    cluster.replenish()
    return cluster
