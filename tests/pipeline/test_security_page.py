"""docs/security.md claims nothing that no test holds; the audit and the bill of materials say what they should."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

from checks.audit import verdict

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text()


def test_every_test_that_is_named_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", PAGE)
    assert len(named) > 35
    for file, test in named:
        path = ROOT / file
        assert path.is_file(), file
        if test:
            known = {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}
            assert test in known, (file, test)


def test_every_claim_and_every_limit_names_its_test() -> None:
    claims = PAGE.split("## Claims")[1].split("\n## ")[0]
    for claim in re.split(r"\n\* ", claims)[1:]:
        assert "`tests/" in claim, claim
    limits = PAGE.split("## Limits")[1].split("\n## ")[0]
    rows = [line for line in limits.splitlines() if line.startswith("|")][2:]
    assert len(rows) > 10
    for row in rows:
        assert "`tests/" in row, row


def test_an_audit_that_could_not_ask_says_so_and_a_fault_fails() -> None:
    fault = {"name": "a", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}
    unknown = {"name": "b", "skip_reason": "Dependency not found on PyPI"}
    fine = {"name": "c", "version": "1", "vulns": []}

    def said(*packages: dict[str, object]) -> tuple[int, str]:
        told = verdict(json.dumps({"dependencies": packages}), "", 0)
        assert "\n" not in told.text
        return told.status, told.text

    assert said(fault, fine) == (1, "a 1: CVE-1, mended in ['2']")
    assert said(unknown, unknown)[0] == 0
    assert "not audited" in said(unknown, unknown)[1]
    assert said(fine, unknown) == (0, "pip-audit: no known vulnerability in 1 of 2 packages.")
    away = verdict("", "requests.exceptions.ConnectionError: Max retries exceeded", 1)
    assert (away.status, "not audited" in away.text) == (0, True)
    assert verdict("", "ValueError: the requirements make no sense", 1).status == 1


def test_the_bill_of_materials_names_every_package(tmp_path: Path) -> None:
    pinned = {
        re.split(r"[=\[]", line)[0].lower()
        for line in (ROOT / "requirements.txt").read_text().splitlines()
        if "==" in line and not line.startswith("#")
    }
    file = tmp_path / "sbom.json"
    command = [
        sys.executable,
        "-m",
        "cyclonedx_py",
        "requirements",
        "requirements.txt",
        "--of",
        "JSON",
        "-o",
        str(file),
    ]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    told = json.loads(file.read_text())
    assert told["bomFormat"] == "CycloneDX"
    assert {part["name"].lower() for part in told["components"]} >= pinned
    assert all(part["purl"].startswith("pkg:pypi/") for part in told["components"])
