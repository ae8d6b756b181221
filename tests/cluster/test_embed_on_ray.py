"""The embed stage on the nodes of a real cluster: the files of the stage on one machine, whatever happens to a node."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clip_branches.cluster.runtime import connected
from clip_branches.errors import ConfigurationError
from clip_branches.files import TEMPORARY_PREFIX
from preprocessing.recipe import Recipe
from preprocessing.report import Summary
from preprocessing.sources.options import FolderSource
from preprocessing.stages.embed import EmbedOptions, embed_images
from preprocessing.stages.filter import filter_images
from preprocessing.workplace import Workplace
from tests.cluster.conftest import Nodes
from tests.pipeline.support import REPOSITORY, write_images, write_tiny_model

pytestmark = pytest.mark.timeout(1_200)
_IMAGES, _SHARD = 120, 10


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write_tiny_model(folder / "tiny", 0)
    return folder


@pytest.fixture(scope="module")
def joined(cluster: Nodes) -> Iterator[None]:
    """This process is connected from one test to the next: the processes of a node, and what they loaded, are kept."""
    with connected(cluster.address):
        yield


class Stage:
    """The embed stage over one source, in a data folder of its own for each way to run it."""

    def __init__(self, folder: Path, models: Path, address: str) -> None:
        self.source, self.folder = folder / "source", folder
        self.paths = write_images(self.source, _IMAGES)
        self.recipe = Recipe(title="Photos", source=FolderSource(path=self.source)).with_model("tiny")
        self.local = EmbedOptions(models_dir=models, batch_size=4, shard_size=_SHARD)
        self.ray = self.local._replace(engine="ray", ray_address=address)

    def work(self, name: str) -> Workplace:
        work = Workplace(self.folder / name, "photos")
        if not work.kept.exists():
            filter_images(work, self.recipe, workers=1)
        return work

    def embed(self, name: str, options: EmbedOptions) -> Summary:
        return embed_images(self.work(name), self.recipe, options)

    def files(self, name: str) -> dict[str, Any]:
        """Bytes of every array, and all that is told of it but for how long it took."""
        found: dict[str, Any] = {}
        for path in sorted(self.work(name).shards.rglob("*.*")):
            found[path.name] = path.read_bytes()
            if path.suffix == ".json":
                found[path.name] = json.loads(found[path.name])
                assert found[path.name].pop("seconds") > 0
                assert found[path.name].pop("images_per_second") >= 0
        return found

    def shards(self, name: str) -> int:
        """Those that are finished: one being written has a temporary name."""
        found = self.work(name).shards.rglob("*.json")
        return sum(not path.name.startswith(TEMPORARY_PREFIX) for path in found)


@pytest.fixture
def stage(tmp_path: Path, models: Path, nodes: Nodes) -> Stage:
    return Stage(tmp_path, models, nodes.address)


@pytest.mark.usefixtures("joined")
def test_two_nodes_write_the_files_of_one_machine(stage: Stage) -> None:
    stage.paths[17].unlink()
    stage.paths[43].write_text("damaged")
    told = stage.embed("local", stage.local)
    spread = stage.embed("ray", stage.ray)
    assert (spread.kept, spread.processed, spread.dropped) == (told.kept, told.processed, told.dropped)
    assert len(stage.files("local")) == 2 * -(-told.processed // _SHARD)
    assert stage.files("ray") == stage.files("local")
    assert stage.embed("ray", stage.ray).processed == len(told.dropped)


@pytest.mark.usefixtures("joined")
def test_images_that_go_bad_after_the_filter_fail_alone(stage: Stage) -> None:
    for name in ("local", "ray"):
        stage.work(name)
    stage.paths[5].unlink()
    stage.paths[6].write_text("damaged after it was checked")
    told = stage.embed("local", stage.local)
    assert {note.source for note in told.dropped} == {"0005.png", "0006.png"}
    assert stage.embed("ray", stage.ray).dropped == told.dropped
    assert stage.files("ray") == stage.files("local")


@pytest.mark.usefixtures("joined")
def test_a_node_that_dies_costs_no_shard(stage: Stage, nodes: Nodes) -> None:
    small = 2  # so that there is work for long enough
    stage.embed("local", stage.local._replace(shard_size=small))
    stage.work("ray")
    killed: list[int] = []
    ended = threading.Event()

    def kill_half_way() -> None:
        while stage.shards("ray") < 2 and not ended.wait(0.01):
            pass
        nodes.kill(nodes.workers[0])
        killed.append(stage.shards("ray"))

    killer = threading.Thread(target=kill_half_way)
    killer.start()
    try:
        summary = stage.embed("ray", stage.ray._replace(shard_size=small))
    finally:
        ended.set()
        killer.join()
    assert killed[0] < _IMAGES // small, "the node must die while there is work"
    assert (summary.kept, summary.dropped) == (_IMAGES, [])
    assert stage.files("ray") == stage.files("local")


@pytest.mark.usefixtures("joined")
def test_lost_shards_are_made_again_under_their_numbers(stage: Stage) -> None:
    stage.embed("local", stage.local)
    stage.embed("ray", stage.ray)
    for number in (2, 7):
        for path in stage.work("ray").shards.rglob(f"{number:06d}.*"):
            path.unlink()
    again = stage.embed("ray", stage.ray)
    assert (again.processed, again.reused) == (2 * _SHARD, _IMAGES - 2 * _SHARD)
    assert stage.files("ray") == stage.files("local")


@pytest.mark.usefixtures("joined")
def test_a_node_that_cannot_read_the_source_is_left_out(
    stage: Stage, nodes: Nodes, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.embed("local", stage.local)
    stage.work("ray")
    with nodes.one_that_misses(stage.source):
        summary = stage.embed("ray", stage.ray)
    assert (summary.kept, summary.dropped) == (_IMAGES, [])
    assert stage.files("ray") == stage.files("local")
    assert "is left out: it could not read images that another node reads" in capsys.readouterr().err


@pytest.mark.usefixtures("joined")
def test_tasks_share_a_gpu(stage: Stage, nodes: Nodes) -> None:
    stage.embed("local", stage.local)
    node = nodes.add(cpus=2, num_gpus=1)
    try:
        stage.embed("ray", stage.ray._replace(task_gpus=0.5))
    finally:
        nodes.kill(node)
    assert stage.files("ray") == stage.files("local")


@pytest.mark.usefixtures("joined")
def test_a_device_that_no_node_has_is_one_clear_line(stage: Stage) -> None:
    with pytest.raises(ConfigurationError, match=r"must have a node that can embed.*'device' must be"):
        stage.embed("ray", stage.ray._replace(device="cuda:7"))
    assert stage.shards("ray") == 0


def test_no_cluster_is_one_clear_line(stage: Stage) -> None:
    import ray

    ray.shutdown()  # a process that is connected uses that cluster, whatever the address
    with pytest.raises(ConfigurationError, match=r"must be reachable at '127\.0\.0\.1:1'"):
        stage.embed("ray", stage.ray._replace(ray_address="127.0.0.1:1"))


def test_a_stopped_command_goes_on(stage: Stage) -> None:
    stage.embed("local", stage.local)
    stage.work("ray")
    arguments = ["--data-dir", stage.folder / "ray", "--models-dir", stage.ray.models_dir, "--batch-size", 4]
    arguments += ["--shard-size", _SHARD, "--engine", "ray", "--ray-address", stage.ray.ray_address]
    told = [sys.executable, "-m", "preprocessing", "embed", "--name", "photos", *map(str, arguments)]
    process = subprocess.Popen(told, cwd=REPOSITORY, stderr=subprocess.PIPE, text=True)
    while stage.shards("ray") < 2:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=300)[1]
    assert (process.returncode, "the same command goes on from there" in said) == (130, True), said
    before = stage.shards("ray")
    assert subprocess.run(told, cwd=REPOSITORY, capture_output=True, timeout=300).returncode == 0
    assert 2 <= before < stage.shards("ray")
    assert stage.files("ray") == stage.files("local")
