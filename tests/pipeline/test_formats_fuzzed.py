"""Files and uploads of any bytes: a clear error or the right answer; never a crash, never a hang, never a wrong answer.

About 10,000 cases; FUZZ_CASES multiplies them (100: a million, `make fuzz`).
"""

from __future__ import annotations

import contextlib
import os
import time
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from clip_branches.catalogue.packed import read_source
from clip_branches.engine import Box, BoxIndex
from clip_branches.errors import InvalidInput
from search_service.images import image_bytes
from tests.pipeline.formats import ABSENT, Format, all_formats
from tests.pipeline.mutations import apply, apply_json, changed_bytes, changed_json
from tests.unit.engine_codes import clumps

TIMES = int(os.environ.get("FUZZ_CASES", "1"))
SLOWEST_S = 20.0  # a hang, not a slow machine
PARTS = 21

_NAMES = st.sampled_from(["a", "../a", "out/secret", "", "/etc/passwd", "a\n", "\0", "\ud800", "x" * 300])
_NUMBERS = st.integers(0, 10**18)


def fuzzing(cases: int) -> settings:
    return settings(
        max_examples=cases * TIMES,
        deadline=None,
        derandomize=TIMES == 1,
        database=None,
        phases=(Phase.explicit, Phase.generate) if TIMES == 1 else (Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture(scope="module")
def formats(tmp_path_factory: pytest.TempPathFactory) -> list[Format]:
    found = all_formats(tmp_path_factory.mktemp("formats"))
    assert len(found) == PARTS, [one.name for one in found]
    return found


@pytest.mark.timeout(80_000)
@pytest.mark.parametrize("number", range(PARTS))
def test_altered_files_are_told_or_read_as_they_are(formats: list[Format], number: int) -> None:
    form = formats[number]
    whole = form.read(form.content)
    assert whole != ABSENT

    @given(changes=changed_bytes(len(form.content)))
    @fuzzing(200 if form.is_json else 380)
    def bytes_change(changes: list[tuple[str, int, bytes]]) -> None:
        _one(form, apply(form.content, changes), whole)

    @given(changes=changed_json())
    @fuzzing(180)
    def values_change(changes: list[tuple[int, object]]) -> None:
        _one(form, apply_json(form.content, changes), whole)

    bytes_change()
    if form.is_json:
        values_change()
    for extreme in (b"", b"[" * 200_000, b'{"a":' * 100_000, b"\0" * 5_000, b"9" * 10_000, form.content * 3):
        _one(form, extreme, whole)


def _one(form: Format, content: bytes, whole: object) -> None:
    if form.sealed is not None:
        content = form.sealed(content)
    begun = time.monotonic()
    found = ABSENT
    with warnings.catch_warnings(), contextlib.suppress(*form.told):
        warnings.simplefilter("ignore")
        found = form.read(content)
    assert not form.checked or found in (whole, ABSENT), form.name
    assert time.monotonic() - begun < SLOWEST_S, form.name


@given(
    source=st.one_of(
        st.text(max_size=60),
        st.builds("{}.tar#{}@{}+{}".format, _NAMES, _NAMES, _NUMBERS, _NUMBERS),
        st.builds("{}.parquet#{}@{}".format, _NAMES, _NAMES, _NUMBERS),
        st.lists(st.sampled_from(["..", ".", "/", "a", "out", "\\", "\0", "%2e%2e", "~", "secret"]), max_size=8).map(
            "/".join
        ),
    )
)
@fuzzing(900)
def test_a_source_never_leaves_its_root(source: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.getbasetemp() / "rooted" / "root"
    if not root.exists():
        root.mkdir(parents=True)
        (root.parent / "secret").write_bytes(b"secret")
        (root / "out").symlink_to(root.parent)
    with contextlib.suppress(InvalidInput, OSError):
        assert read_source(root, source) != b"secret"


@given(text=st.one_of(st.text(max_size=80), st.binary(max_size=60).map(lambda raw: f"data:image/png;base64,{raw!r}")))
@fuzzing(400)
def test_any_text_as_an_uploaded_image_is_told(text: str) -> None:
    with contextlib.suppress(InvalidInput):
        assert image_bytes(text)


@given(data=st.data())
@fuzzing(500)
def test_any_boxes_are_answered_as_by_looking_at_each_row(data: st.DataObject) -> None:
    index, codes = _index()
    features = data.draw(st.lists(st.integers(-1, 33), min_size=0, max_size=4))
    bounds = st.integers(-2, 300)
    low, high = ([data.draw(bounds) for _ in features] for _ in range(2))
    try:
        box = Box(features, low, high)
        rows, _ = index.query([box])
    except InvalidInput:
        return
    inside = np.ones(len(codes), bool)
    for feature, lowest, highest in zip(features, low, high, strict=True):
        inside &= (codes[:, feature] >= lowest) & (codes[:, feature] <= highest)
    assert rows.tolist() == np.flatnonzero(inside).tolist()


_kept: list[tuple[BoxIndex, np.ndarray]] = []


def _index() -> tuple[BoxIndex, np.ndarray]:
    if not _kept:
        codes, _ = clumps(200)
        _kept.append((BoxIndex.build(codes, block_size=16), codes))
    return _kept[0]
