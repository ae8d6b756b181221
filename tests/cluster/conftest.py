"""A real Ray cluster on this machine: a head that runs no tasks, and two nodes with one processor each."""

from __future__ import annotations

import contextlib
import importlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from flask import Flask

from clip_branches.cluster.runtime import load_ray
from tests.cluster.cluster_stage import copy_data, make_data, start, until

_STORE_BYTES = 80 * 2**20
# A node that is gone is noticed within two seconds, instead of half a minute.
_SYSTEM = {
    "health_check_initial_delay_ms": 1_000,
    "health_check_period_ms": 500,
    "health_check_failure_threshold": 3,
    "worker_niceness": 0,  # not 15: beside other work on this machine an actor would take minutes to start
}
_STARTS = 3


class Nodes:
    """The cluster's worker nodes; each has processes of its own, as on a machine of its own."""

    def __init__(self) -> None:
        load_ray()  # as the product does it, before anything else imports it
        cluster = importlib.import_module("ray.cluster_utils")
        # Its own folder, with a short name: sockets are in it.
        self._folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))
        head = {
            "num_cpus": 0,
            "include_dashboard": False,
            "no_monitor": True,
            "temp_dir": str(self._folder),
            "_system_config": _SYSTEM,
        }
        self._cluster = _started(
            lambda: cluster.Cluster(initialize_head=True, head_node_args={**head, **self._helpers("session_first")})
        )
        self.workers: list[Any] = []

    @property
    def address(self) -> str:
        """HOST:PORT of the cluster."""
        return str(self._cluster.address)

    def add(self, cpus: int = 1, **resources: Any) -> Any:
        """One node more."""
        session = self._cluster.head_node.session_name
        node = _started(lambda: self._cluster.add_node(num_cpus=cpus, **self._helpers(session), **resources))
        self.workers.append(node)
        return node

    def kill(self, node: Any) -> None:
        """SIGKILL all processes of ``node``, its workers included, as when a machine loses power."""
        started = [
            child
            for part in node.all_processes["raylet"]
            for child in psutil.Process(part.process.pid).children(recursive=True)
        ]
        self.workers.remove(node)
        self._cluster.remove_node(node, allow_graceful=False)
        for process in started:  # without this they would go on for a second
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

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
            deadline = time.monotonic() + 240
            while not self._alive() - before:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"The node did not join: {process.communicate(timeout=5)[0]}")
                time.sleep(0.2)
            yield
        finally:
            for child in [*psutil.Process(process.pid).children(recursive=True), process]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
            process.communicate()

    def replenish(self) -> None:
        """Two nodes, as at the start, and no other of which the cluster thinks that it is alive."""
        for node in [node for node in self.workers if node.dead_processes()]:
            self.workers.remove(node)
            self._cluster.remove_node(node, allow_graceful=False)
        while len(self.workers) < 2:
            self.add()
        until(lambda: len(self._alive()) == 3, 120)

    def _alive(self) -> set[str]:
        return set(self._cluster.global_state._live_node_ids())

    def shutdown(self) -> None:
        self._cluster.shutdown()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _helpers(self, session: str) -> dict[str, Any]:
        """What a node is started with so that it does not wait for its helpers to say their ports.

        Where they need more than 15 seconds for that, as on a busy machine, the node would end (ray-project/ray#65983).
        """
        ray = importlib.import_module("ray._raylet")
        node = secrets.token_hex(28)
        folder = self._folder / session
        folder.mkdir(parents=True, exist_ok=True)
        for name in (ray.METRICS_AGENT_PORT_NAME, ray.METRICS_EXPORT_PORT_NAME, ray.DASHBOARD_AGENT_LISTEN_PORT_NAME):
            ray.persist_port(str(folder), node, name, -1)  # none, as is said where the dashboard is not installed
        return {
            "object_store_memory": _STORE_BYTES,
            "session_name": session,
            "runtime_env_agent_port": _free_port(),
            "env_vars": {"RAY_OVERRIDE_NODE_ID_FOR_TESTING": node},
        }


def _free_port() -> int:
    """A port of nobody's, below those that a system gives to outgoing connections."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with contextlib.suppress(OSError), socket.socket() as tried:
            tried.bind(("", port))
            return port


def _started(start: Callable[[], Any]) -> Any:
    """What ``start`` returns: Ray waits half a minute for a node, so it is started again where that is too short."""
    for tries_left in reversed(range(_STARTS)):
        before = set(psutil.Process().children())
        try:
            return start()
        except Exception:
            for process in set(psutil.Process().children()) - before:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            if not tries_left:
                raise
    raise AssertionError("unreachable")


@pytest.fixture(scope="session")
def cluster() -> Iterator[Nodes]:
    """The cluster of all tests here; take ``nodes`` instead, which finds both nodes alive."""
    pytest.importorskip("ray", reason="Ray is needed: pip install -r requirements-ray.txt")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    made = Nodes()
    try:
        yield made
    finally:
        made.shutdown()


@pytest.fixture
def nodes(cluster: Nodes) -> Nodes:
    """The cluster with two worker nodes of one processor each, whatever the test before did to them."""
    cluster.replenish()
    return cluster


@pytest.fixture(scope="session")
def made_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of all tests here, never changed; take a copy by ``copy_data``."""
    return make_data(tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="session")
def local(made_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The search service over its own files, on a copy of the data: what it answers is right."""
    app = start(copy_data(made_data, tmp_path_factory.mktemp("local")))
    yield app
    app.extensions["search"].stop()
