"""Right and wrong requests made from each service's OpenAPI document: none may break the service or the document."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.running import Running
from tests.services.slow_clients import wait_until

TIMES = int(os.environ.get("FUZZ_CASES", "1"))
Run = tuple[subprocess.Popen[bytes], Path]
# Cases of one operation, so that each service gets about 2,000 in all; FUZZ_CASES multiplies them.
CASES = {"data": 620, "search": 33, "web": 50}
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
)
# What may be said to a request that does not fit the document; the last three to one that is too large in some way.
REFUSED = ["400", "401", "403", "404", "405", "409", "415", "429", "413", "414", "431"]


@pytest.fixture(scope="module")
def known(services: Running, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Names that are there, so that requests get beyond "not found": an answer of labels and a saved search."""
    root = f"{services.url}/api"
    found = requests.post(f"{root}/catalogues/demo/search", json={"text": "a red boat"}, timeout=120).json()
    ids = [hit["id"] for hit in found["hits"]]
    labelled = {"text": "a red boat", "positive": ids[:4], "negative": ids[-4:]}
    result_set = requests.post(f"{root}/catalogues/demo/search", json=labelled, timeout=120).json()["result_set"]
    body = {"name": "fuzzed", "catalogue": "demo", "result_set": result_set}
    key = requests.post(f"{root}/saved/searches", json=body, timeout=120).json()["id"]
    file = tmp_path_factory.mktemp("fuzz") / "schemathesis.toml"
    values = {"path.name": "demo", "path.result_set": result_set, "path.key": key}
    parameters = "".join(f'"{name}" = "{value}"\n' for name, value in values.items())
    refused = f"[checks.negative_data_rejection]\nexpected-statuses = {json.dumps(REFUSED)}\n"
    # The web service says so of the others whenever they take more than a moment to say that they are ready.
    unready = json.dumps(["2xx", "4xx", "503"])
    health = f'[[operations]]\ninclude-path = "/readyz"\nchecks.not_a_server_error.expected-statuses = {unready}\n'
    file.write_text(f"[parameters]\n{parameters}{refused}{health}")
    return file


@pytest.fixture(scope="module")
def runs(services: Running, known: Path) -> Iterator[dict[str, Run]]:
    """All three at once: making up requests takes more of a core than answering them."""
    started = {service: _start(services, known, service) for service in CASES}
    yield started
    for process, _ in started.values():
        process.kill()
        process.wait()


def _start(services: Running, known: Path, service: str) -> Run:
    cases = CASES[service] * TIMES
    command = [str(Path(sys.executable).with_name("st")), "--config-file", str(known), "run"]
    command += [f"{services.address(service)}/openapi.json", "--max-examples", str(cases), "--checks", ",".join(CHECKS)]
    # A machine that stands still while a request is made up says nothing about the service.
    command += ["--suppress-health-check", "all", "--request-timeout", "200"]
    command += ["--phases", "coverage,fuzzing", "--seed", "1", "--no-shrink", "--no-color"]
    folder = known.parent / service
    folder.mkdir()
    with (folder / "told").open("wb") as told:
        return subprocess.Popen(command, cwd=folder, stdout=told, stderr=subprocess.STDOUT), folder / "told"


@pytest.mark.timeout(1_500 * TIMES)
@pytest.mark.parametrize("service", list(CASES))
def test_no_request_breaks_a_service_or_its_document(services: Running, runs: dict[str, Run], service: str) -> None:
    process, file = runs[service]
    status = process.wait()
    told = re.sub(r"(.{400}).+", r"\1...", file.read_text(errors="replace"))
    assert status == 0, told
    generated = re.search(r"([\d,]+) generated", told)
    assert generated, told
    assert int(generated[1].replace(",", "")) >= 1_500
    # The web service waits little for the others, which a next run may keep busy.
    wait_until(lambda: requests.get(f"{services.address(service)}/readyz", timeout=60).ok)
