"""The command line as a shell script uses it: lines in, lines out, exit statuses."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from clip_branches.client import Client
from tests.conftest import SCENES
from tests.running import ROOT, Running, free_ports

Shell = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def shell(services: Running) -> Shell:
    """Runs ``clip-branches`` with the words given; ``put`` is its standard input."""

    def run(*words: str, put: str | None = None, url: str = services.url) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "clip_branches", words[0], "--url", url, *words[1:]]
        if words[0] != "catalogues":
            command += ["--catalogue", "demo"]
        return subprocess.run(command, cwd=ROOT, input=put, capture_output=True, text=True, timeout=60, check=False)

    return run


def test_a_script_searches_refines_and_exports(shell: Shell, client: Client, tmp_path: Path) -> None:
    found = shell("search", "a boat", "--all", "--items")
    assert (found.returncode, found.stderr) == (0, "")
    rows = [json.loads(line) for line in found.stdout.splitlines()]
    assert len(rows) == SCENES
    assert list(rows[0])[:3] == ["rank", "id", "score"]
    assert rows[0]["metadata"]["style"]
    assert [row["id"] for row in rows] == client.search("a boat").ids()

    right = "\n".join(json.dumps(row) for row in rows if row["metadata"]["style"] == "ink")
    wrong = ",".join(str(row["id"]) for row in rows if row["metadata"]["style"] != "ink")[:60].rpartition(",")[0]
    (tmp_path / "right.jsonl").write_text("\n".join(right.splitlines()[:6]))
    boats = shell("search", "a boat", "-f", "answer").stdout
    refined = shell(
        "refine", "-a", "-", "--positive-from", str(tmp_path / "right.jsonl"), "-x", wrong, "-f", "answer", put=boats
    )
    assert refined.returncode == 0, refined.stderr
    answer = json.loads(refined.stdout)
    assert answer["response"]["model"] != "text"

    written = shell("export", "-a", "-", "-o", str(tmp_path / "ink.csv"), put=refined.stdout)
    assert written.returncode == 0, written.stderr
    with (tmp_path / "ink.csv").open(encoding="utf-8-sig", newline="") as file:
        ids = [row["id"] for row in csv.DictReader(file)]
    assert len(ids) == answer["response"]["total"]
    streamed = shell("export", "-a", "-", "--format", "json", put=refined.stdout)
    assert [str(image["id"]) for image in json.loads(streamed.stdout)["images"]] == ids

    again = shell(
        "refine", "a boat", "--positive-from", str(tmp_path / "right.jsonl"), "-x", wrong, "-f", "ids", "--all"
    )
    assert again.stdout.split() == ids
    assert json.loads(shell("why", ids[0], "-a", "-", put=refined.stdout).stdout)["rank"] == 1
    left_out = next(row["id"] for row in rows if str(row["id"]) not in set(ids))
    assert shell("why", str(left_out), "-a", "-", put=refined.stdout).returncode == 1


def test_people_get_a_table(shell: Shell) -> None:
    table = shell("search", "a boat", "-f", "table", "-n", "3", "--where", "style:ink")
    assert len(table.stdout.splitlines()) == 3
    assert "by text" in table.stderr
    names = shell("catalogues").stdout.splitlines()
    assert [name.split("\t")[:2] for name in names] == [["demo", str(SCENES)], ["many", "100000"]]


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (["search"], 2, "look for"),
        (["search", "x", "--where", "style:nothing like it"], 1, ""),
        (["search", "x", "--where", "nothing:x"], 2, "columns"),
        (["refine", "x", "-p", "seven"], 2, "whole numbers"),
        (["refine", "x", "-p", "1", "-x", "1"], 2, "1"),
        (["export", "-a", "-"], 2, "format answer"),
        (["refine", "x", "-a", "-"], 2, ""),
        (["search", "x", "--sideways"], 2, "--sideways"),
    ],
)
def test_wrong_input_has_its_status_and_one_line(shell: Shell, words: list[str], status: int, says: str) -> None:
    done = shell(*words, put="nothing")
    assert (done.returncode, done.stdout) == (status, ""), done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_catalogue_or_a_platform_that_is_not_there(shell: Shell, services: Running) -> None:
    (port,) = free_ports(1)
    away = shell("search", "x", url=f"http://127.0.0.1:{port}")
    assert (away.returncode, "running platform" in away.stderr) == (3, True)
    command = [sys.executable, "-m", "clip_branches", "search", "x", "--url", services.url, "-c", "nothing"]
    missing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (missing.returncode, "nothing" in missing.stderr) == (4, True)
