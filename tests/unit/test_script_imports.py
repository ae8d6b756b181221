"""The page's modules: each import is there, and none leads back to where it came from."""

from __future__ import annotations

import re
from graphlib import TopologicalSorter

from tests.running import ROOT

FOLDER = ROOT / "web_service" / "static" / "js"


def test_modules_do_not_import_each_other_in_circles() -> None:
    graph = {}
    for path in FOLDER.rglob("*.js"):
        names = re.findall(r'^import .*?["\'](\.[^"\']+)["\'];$', path.read_text(encoding="utf-8"), re.MULTILINE)
        graph[path.resolve()] = {(path.parent / name).resolve() for name in names}
    assert {name for names in graph.values() for name in names} <= set(graph)
    order = list(TopologicalSorter(graph).static_order())  # raises CycleError, which names the circle
    assert len(order) == len(graph) > 20
