"""Ray is an extra: without it, and without a cluster, there is one line that says what would work."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from clip_branches.cluster.runtime import connected, load_ray
from clip_branches.errors import ConfigurationError
from preprocessing.cli import main
from preprocessing.spreading.nodes import Nodes


def test_without_ray_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigurationError, match=r"pip install -r requirements-ray\.txt"):
        load_ray()
    (tmp_path / "source").mkdir()
    command = ["build", str(tmp_path / "source"), "--engine", "ray", "--data-dir", str(tmp_path / "data")]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 2
    assert result.output.count("\n") == 1
    assert "pip install -r requirements-ray.txt" in result.output


def test_an_address_where_nothing_listens_is_refused_at_once() -> None:
    pytest.importorskip("ray", reason="Ray is needed: pip install -r requirements-ray.txt")
    with pytest.raises(ConfigurationError, match="ray start --head"), connected("127.0.0.1:1"):
        raise AssertionError("nothing to be connected to")


def _listed(**cpus: float) -> list[dict[str, object]]:
    return [{"NodeID": name, "Alive": True, "Resources": {"CPU": cpu, "GPU": 1.0}} for name, cpu in cpus.items()]


def test_tasks_go_where_there_is_room() -> None:
    nodes = Nodes(cpus=2, gpus=0)
    nodes.refresh(_listed(head=1, small=2, large=8))
    assert nodes.usable == {"small", "large"}
    given = []
    while (node := nodes.choose()) is not None:
        nodes.give(node)
        given.append(node)
    # One waits at each node beside those that run.
    assert (given.count("small"), given.count("large")) == (2, 5)
    assert not nodes.has_room
    nodes.ended("large", well=True)
    assert (nodes.choose(), nodes.choose(idle=True), nodes.choose({"large"})) == ("large", None, None)


def test_fractions_of_a_gpu_bound_the_tasks() -> None:
    nodes = Nodes(cpus=1, gpus=0.25)
    nodes.refresh(_listed(one=16))
    for _ in range(4):
        assert nodes.choose(idle=True) == "one"
        nodes.give("one")
    assert nodes.choose(idle=True) is None


def test_a_node_whose_processes_end_twice_in_a_row_is_left_out() -> None:
    nodes = Nodes(cpus=1, gpus=0)
    nodes.refresh(_listed(good=1, bad=1))
    for node, well in (("bad", False), ("good", False), ("bad", False), ("good", True), ("good", False)):
        nodes.give(node)
        nodes.ended(node, well=well)
    assert (nodes.usable, list(nodes.left_out)) == ({"good"}, ["bad"])
