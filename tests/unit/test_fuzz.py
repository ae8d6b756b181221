"""Every kind of file of a catalogue, truncated, altered and replaced by foreign ones: one clear error that names it.

First as a user meets it: the manifest's checksum tells. Then as if the manifest agreed: the readers themselves must
refuse what they cannot read, and never fail in another way, whatever the bytes.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clip_branches.catalogue import Catalogue, CatalogueChange, CatalogueWriter, EncoderSpec, read_manifest
from clip_branches.catalogue.manifest import FileEntry, NamedFile
from clip_branches.catalogue.removed import read_removed
from clip_branches.encoding import Head, Quantiser
from clip_branches.engine import Box, BoxIndex, CatalogueEngine
from clip_branches.errors import DamagedFile
from clip_branches.files import sha256_of
from tests.unit.catalogues import items
from tests.unit.engine_codes import clumps
from tests.unit.engine_stage import delete

ROWS = 60
KINDS = (
    "manifest.json",
    "items.parquet",
    "ids.npy",
    "boxes.cbx",
    "embeddings.npy",
    "head.json",
    "head.safetensors",
    "quantiser.json",
    "deleted-000003.npy",
    "amended-000003.parquet",
    "removed-000003.parquet",
)
by_kind = pytest.mark.parametrize("kind", KINDS)
fuzzing = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real catalogue with every kind of file in it."""
    folder = tmp_path_factory.mktemp("whole")
    codes, _ = clumps(ROWS)
    vectors = codes.astype(np.float32) / 100 - 1
    Quantiser().fit(vectors).save(folder / "encoder" / "quantiser.json")
    Head.fit_linear(vectors, vectors).save(folder / "encoder")
    spec = EncoderSpec("tiny", folder / "encoder" / "quantiser.json", head_path=folder / "encoder")
    path = folder / "catalogues" / "fuzzed"
    with CatalogueWriter(path, name="fuzzed", title="Fuzzed", image_root=folder, encoder=spec) as writer:
        index = BoxIndex.build(codes, presorted=True, block_size=16)
        writer.add_segment(items(writer.new_ids(ROWS), kind=["a"] * ROWS), vectors, index.save)
        writer.commit()
    delete(path, [3, 9])
    with CatalogueChange(path) as change:
        row = change.catalogue.segments[0].table().slice(4, 1)
        change.amend(row.set_column(row.column_names.index("caption"), "caption", pa.array(["anew"])))
        change.delete([7])
        change.commit()
    return path


@pytest.fixture(scope="module")
def copy(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, bytes], Path]:
    """Replaces one file of a copy of the catalogue, the others as they were; the file's path."""
    folder = tmp_path_factory.mktemp("copy") / "fuzzed"
    shutil.copytree(whole, folder)

    def put(kind: str, content: bytes) -> Path:
        for path in [whole / "manifest.json", *changed]:
            shutil.copyfile(path, folder / path.relative_to(whole))
        (original,) = whole.rglob(kind)
        changed[:] = [original]
        path = folder / original.relative_to(whole)
        path.write_bytes(content)
        return path

    changed: list[Path] = []
    return put


def foreign(whole: Path, kind: str, tmp_path: Path) -> list[bytes]:
    """Whole files of other kinds, and files of the same kind that hold something else."""
    pickled, archive = tmp_path / "pickled.npy", tmp_path / "archive.npz"
    np.save(pickled, np.array([{}], dtype=object), allow_pickle=True)
    np.savez(archive, ids=np.arange(ROWS, dtype=np.uint64))
    shapes = []
    for array in (np.arange(ROWS), np.zeros((ROWS, 2), np.uint64), np.zeros((2, 3), "<f4")):
        np.save(tmp_path / "array.npy", array)
        shapes.append((tmp_path / "array.npy").read_bytes())
    others = [
        next(whole.rglob(other)).read_bytes() for other in KINDS if other.partition(".")[2] != kind.partition(".")[2]
    ]
    plain = [
        b"",
        b"\0",
        b"{}",
        b"null",
        b"[1, 2]",
        b"\x89PNG\r\n\x1a\n" + bytes(64),
        b"PK\x03\x04" + bytes(64),
        b"\xff" * 300,
    ]
    return [*others, *plain, *shapes, pickled.read_bytes(), archive.read_bytes()]


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """Cut short, lengthened, bits flipped, a stretch overwritten or zeroed; never what it was."""
    how = draw(st.sampled_from(("cut", "flip", "zero", "overwrite", "lengthen")))
    place = draw(st.integers(0, len(content) - 1))
    if how == "cut":
        return content[:place]
    if how == "lengthen":
        return content + draw(st.binary(min_size=1, max_size=20))
    changed = bytearray(content)
    if how == "flip":
        for _ in range(draw(st.integers(1, 3))):
            changed[draw(st.integers(0, len(content) - 1))] ^= 1 << draw(st.integers(0, 7))
    else:
        stretch = bytes(16) if how == "zero" else draw(st.binary(min_size=1, max_size=16))
        changed[place : place + len(stretch)] = stretch
    return bytes(changed) if bytes(changed) != content else content[:-1]


@by_kind
@given(data=st.data())
@fuzzing
def test_a_damaged_file_is_named(
    whole: Path, copy: Callable[[str, bytes], Path], kind: str, data: st.DataObject
) -> None:
    path = copy(kind, data.draw(damaged(next(whole.rglob(kind)).read_bytes())))
    with pytest.raises(DamagedFile, match=kind.replace(".", r"\.")):
        _open(_root(path))


@by_kind
def test_a_foreign_file_is_named(whole: Path, copy: Callable[[str, bytes], Path], kind: str, tmp_path: Path) -> None:
    for content in foreign(whole, kind, tmp_path):
        path = copy(kind, content)
        with pytest.raises(DamagedFile, match=kind.replace(".", r"\.")):
            _open(_root(path))
        if kind != "manifest.json":
            _believe(_root(path), path)
            with pytest.raises(DamagedFile, match=kind.replace(".", r"\.")):
                _use(_root(path))


@pytest.mark.parametrize("kind", KINDS[1:])
@given(data=st.data())
@fuzzing
def test_a_reader_refuses_what_it_cannot_read_and_fails_in_no_other_way(
    whole: Path, copy: Callable[[str, bytes], Path], kind: str, data: st.DataObject
) -> None:
    """The manifest names the damaged file as its own: what then opens is another catalogue, not a crash."""
    path = copy(kind, data.draw(damaged(next(whole.rglob(kind)).read_bytes())))
    _believe(_root(path), path)
    message = None
    try:
        _use(_root(path))
    except DamagedFile as error:
        message = error.message
    assert message is None or kind in message or (kind.startswith("head") and "head." in message)


@pytest.mark.parametrize("kind", ["amended-000003.parquet", "items.parquet"])
def test_text_that_is_not_utf_8_is_named(
    whole: Path, copy: Callable[[str, bytes], Path], kind: str, tmp_path: Path
) -> None:
    """Reading Parquet does not look at the encoding of text: a damaged letter would fail only when it is shown."""
    table = pq.read_table(next(whole.rglob(kind)))
    letters = pa.array([b"\x80"] * table.num_rows, pa.binary()).view(pa.string())
    place = table.column_names.index("caption")
    pq.write_table(table.set_column(place, table.schema.field("caption"), letters), tmp_path / kind)
    path = copy(kind, (tmp_path / kind).read_bytes())
    _believe(_root(path), path)
    with pytest.raises(DamagedFile, match=f"{kind}.*UTF"):
        _use(_root(path))


def _root(path: Path) -> Path:
    return next(parent for parent in path.parents if (parent / "manifest.json").is_file())


def _open(folder: Path) -> Catalogue:
    """The catalogue, and what its writers read of it beside."""
    read_removed(folder, read_manifest(folder))
    return Catalogue.open(folder)


def _use(folder: Path) -> None:
    """Everything that is read of a catalogue to answer a query, or to change it."""
    catalogue = _open(folder)
    assert catalogue.encoder.head_path is not None
    quantiser = Quantiser.load(catalogue.encoder.quantiser_path)
    Head.load(catalogue.encoder.head_path)
    engine = CatalogueEngine.open(catalogue, quantiser)
    engine.count([Box([3], [10], [200])])
    if len(quantiser.low_) == 32:
        engine.nearest(np.ones(32), 5)
    catalogue.items([1, 2, 5])
    for segment in catalogue.segments:
        segment.table()


def _believe(folder: Path, path: Path) -> None:
    """Write the manifest anew so that it names the changed file's size and checksum."""
    manifest = read_manifest(folder)
    entry = FileEntry(sha256=sha256_of(path), bytes=path.stat().st_size)
    segment = manifest.segments[0]
    if path.name in segment.files:
        changed = segment.model_copy(update={"files": {**segment.files, path.name: entry}})
        manifest.model_copy(update={"segments": [changed]}).save(folder)
        return
    named = NamedFile(file=path.relative_to(folder).as_posix(), **entry.model_dump())
    encoder = manifest.encoder
    if path.name == "quantiser.json":
        encoder = encoder.model_copy(update={"quantiser": named})
    elif path.name.startswith("head"):
        head = [named if file.file == named.file else file for file in encoder.head]
        encoder = encoder.model_copy(update={"head": head})
    else:
        manifest = manifest.model_copy(update={path.name.partition("-")[0]: named})
    manifest.model_copy(update={"encoder": encoder}).save(folder)
