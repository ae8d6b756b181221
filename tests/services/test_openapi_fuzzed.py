"""Right and wrong requests made from each service's OpenAPI document: none may break the service or the document."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.running import Running

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
    found = requests.post(f"{root}/catalogues/demo/search", json={"text": "a red boat"}, timeout=60).json()
    ids = [hit["id"] for hit in found["hits"]]
    labelled = {"text": "a red boat", "positive": ids[:4], "negative": ids[-4:]}
    result_set = requests.post(f"{root}/catalogues/demo/search", json=labelled, timeout=60).json()["result_set"]
    body = {"name": "fuzzed", "catalogue": "demo", "result_set": result_set}
    key = requests.post(f"{root}/saved/searches", json=body, timeout=60).json()["id"]
    file = tmp_path_factory.mktemp("fuzz") / "schemathesis.toml"
    values = {"path.name": "demo", "path.result_set": result_set, "path.key": key}
    parameters = "".join(f'"{name}" = "{value}"\n' for name, value in values.items())
    refused = f"[checks.negative_data_rejection]\nexpected-statuses = {json.dumps(REFUSED)}\n"
    file.write_text(f"[parameters]\n{parameters}{refused}")
    return file


@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("service", list(CASES))
def test_no_request_breaks_a_service_or_its_document(services: Running, known: Path, service: str) -> None:
    cases = CASES[service] * int(os.environ.get("FUZZ_CASES", "1"))
    command = [str(Path(sys.executable).with_name("st")), "--config-file", str(known), "run"]
    command += [f"{services.address(service)}/openapi.json", "--max-examples", str(cases), "--checks", ",".join(CHECKS)]
    command += ["--phases", "coverage,fuzzing", "--seed", "1", "--no-shrink", "--no-color", "--request-timeout", "60"]
    done = subprocess.run(command, cwd=known.parent, capture_output=True, text=True, timeout=1_190, check=False)
    told = re.sub(r"(.{400}).+", r"\1...", done.stdout)
    assert done.returncode == 0, told + done.stderr
    generated = re.search(r"([\d,]+) generated", done.stdout)
    assert generated, told
    assert int(generated[1].replace(",", "")) >= 1_500
    assert requests.get(f"{services.address(service)}/readyz", timeout=60).ok
