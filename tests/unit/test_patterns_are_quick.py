"""Every regular expression of the services and the library, over texts made to take it long: time grows as the text."""

from __future__ import annotations

import ast
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from clip_branches.catalogue.manifest import NAME_PATTERN
from clip_branches.catalogue.packed import container_of

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("clip_branches", "search_service", "data_service", "web_service")
SHORT, LONG = 1_500, 12_000
FLOOR_S = 0.004  # below it a time is noise
# Over files of this project alone, when the service starts; and over what NumPy says of a full disk.
OWN = {"web_service/bundle.py", "clip_branches/catalogue/storage.py"}


def patterns() -> Iterator[tuple[str, str]]:
    """(file:line, pattern) of each first argument of a call of re, and of each pattern of a schema."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            for node in ast.walk(ast.parse(path.read_text())):
                if not isinstance(node, ast.Call):
                    continue
                found = [keyword.value for keyword in node.keywords if keyword.arg == "pattern"]
                called = node.func
                if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name) and called.value.id == "re":
                    found += node.args[:1]
                for one in found:
                    text = _text(one)
                    if text is not None and name not in OWN:
                        yield f"{name}:{node.lineno}", text


def _text(node: ast.expr) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Name) and node.id == "NAME_PATTERN":
        return NAME_PATTERN
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else NAME_PATTERN for part in node.values)  # type: ignore[misc]
    return None


PATTERNS = sorted(patterns())


def test_all_of_them_are_found() -> None:
    assert len(PATTERNS) >= 15


@pytest.mark.parametrize(("where", "pattern"), PATTERNS, ids=[where for where, _ in PATTERNS])
def test_no_text_takes_a_pattern_longer_than_its_length(where: str, pattern: str) -> None:
    compiled = re.compile(pattern)
    for piece in _pieces(pattern):
        for ask in (compiled.fullmatch, compiled.search):
            slow = _seconds(ask, piece, LONG)
            if slow > FLOOR_S:
                growth = slow / max(_seconds(ask, piece, SHORT), 1e-5)
                assert growth < 4 * LONG / SHORT, (where, piece, growth)  # its square would be 64 times as long


def test_a_source_of_many_marks_is_taken_apart_at_once() -> None:
    for piece in ("a.tar#", "a.tar#@1+", ".parquet#@", "a.tar#@1", "#.pq#@1"):
        slow = _seconds(container_of, piece, LONG)
        assert slow < FLOOR_S or slow / _seconds(container_of, piece, SHORT) < 4 * LONG / SHORT, piece


def _pieces(pattern: str) -> list[str]:
    """What repeated may set a pattern to work: its own letters, and pairs of those that often do."""
    alone = sorted({*re.sub(r"[\\\[\](){}?*^$|]", "", pattern), "a", "0", " ", ".", ",", "-", "\n", "\x00", "é"})
    return [*alone, "a ", "1,", "0a", "..", "a.", "@a", "aA0", ",,", "./"]


def _seconds(ask: object, piece: str, length: int) -> float:
    text = piece * (length // len(piece)) + "\x01!"
    best = float("inf")
    for _ in range(3):
        begun = time.perf_counter()
        ask(text)  # type: ignore[operator]
        best = min(best, time.perf_counter() - begun)
        if best < FLOOR_S:
            break
    return best
