"""Every kind of file and of uploaded bytes that the platform reads, each with its reader and what it may answer."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from clip_branches.catalogue.manifest import EncoderEntry, FileEntry, Manifest, NamedFile, SegmentEntry, read_manifest
from clip_branches.catalogue.packed import parquet_source, read_source
from clip_branches.catalogue.segment import map_array
from clip_branches.composing._weights import load_tensors, save_tensors
from clip_branches.encoding import Head, Quantiser
from clip_branches.encoding.quantisers import EquiDepthQuantiser, UniformQuantiser
from clip_branches.engine import AnswerSet, Box, BoxIndex
from clip_branches.errors import DamagedFile, InvalidInput
from clip_branches.images import decode_image, inspect_image
from clip_branches.schemas import BoxSummary
from search_service.answering import Answer
from search_service.hits import Hits
from search_service.query import Query
from search_service.stored import AnswerFiles, StoredRequest
from search_service.telling import Telling, Told
from tests.unit.engine_codes import clumps
from web_service.keeping.packed import KeptIds, pack, unpack

ABSENT = "absent"  # what a reader says instead of an error: it will be computed again


@dataclass(frozen=True)
class Format:
    """``read`` gives what a file of these bytes says, in a form that can be compared.

    ``checked``: the file has a checksum of its own, so altered bytes must never say anything else than the whole ones.
    ``sealed``: makes a checksum anew, so that altered bytes get beyond it; they may then say something else.
    """

    name: str
    content: bytes
    read: Callable[[bytes], Any]
    checked: bool = False
    sealed: Callable[[bytes], bytes] | None = None
    is_json: bool = False
    told: tuple[type[Exception], ...] = (DamagedFile, InvalidInput)


def all_formats(folder: Path) -> list[Format]:
    """One of each; readers work in ``folder``."""
    formats = [_index(folder), _manifest(folder), *_arrays(folder), *_heads(folder), *_quantisers(folder)]
    formats += [_weights(folder), *_answers(folder), _kept(), _parquet(folder), *_images()]
    sealed = [
        replace(one, name=f"{one.name}, its checksum made anew", checked=False)
        for one in formats
        if one.sealed is not None
    ]
    return [replace(one, sealed=None) for one in formats] + sealed


def _from_file(path: Path, read: Callable[[Path], Any]) -> Callable[[bytes], Any]:
    def written(content: bytes) -> Any:
        path.write_bytes(content)
        return read(path)

    return written


def _index(folder: Path) -> Format:
    path = folder / "boxes.cbx"
    codes, _ = clumps(90)
    BoxIndex.build(codes, block_size=16).save(path)
    boxes = [Box([3], [10], [200]), Box([1, 5], [0, 20], [90, 240])]

    def read(path: Path) -> Any:
        rows, hits = BoxIndex.open(path).query(boxes)
        return rows.tolist(), hits.tolist()

    def sealed(content: bytes) -> bytes:
        return (
            content
            if len(content) < 132
            else content[:128] + struct.pack("<I", zlib.crc32(content[:128])) + content[132:]
        )

    return Format("boxes.cbx", path.read_bytes(), _from_file(path, read), checked=True, sealed=sealed)


def _manifest(folder: Path) -> Format:
    digest = hashlib.sha256(b"").hexdigest()
    manifest = Manifest(
        name="fuzzed",
        title="Fuzzed",
        generation=3,
        created="2026-01-01T00:00:00+00:00",
        image_root="../sources",
        next_id=9,
        encoder=EncoderEntry(
            model="tiny",
            fingerprint=None,
            head=[NamedFile(file="encoder/head.json", sha256=digest, bytes=0)],
            quantiser=NamedFile(file="encoder/quantiser.json", sha256=digest, bytes=0),
        ),
        segments=[SegmentEntry(id="s1", rows=8, files={"ids.npy": FileEntry(sha256=digest, bytes=0)})],
        examples=["a boat"],
        recipe={"source": "folder"},
    )

    def sealed(content: bytes) -> bytes:
        try:
            values = json.loads(content)
            del values["checksum"]
            dumped = (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode()
            values["checksum"] = hashlib.sha256(dumped).hexdigest()
            return (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode()
        except (ValueError, KeyError, TypeError, RecursionError):
            return content

    path = folder / "manifest.json"
    read = _from_file(path, lambda path: read_manifest(path.parent).model_dump())
    return Format("manifest.json", manifest.to_bytes(), read, checked=True, sealed=sealed, is_json=True)


def _arrays(folder: Path) -> Iterator[Format]:
    for dtype, shape in ((np.uint64, (40,)), (np.float16, (20, 8))):
        path = folder / f"array{len(shape)}.npy"
        np.save(path, np.arange(np.prod(shape)).reshape(shape).astype(dtype))

        def read(path: Path, dtype: type = dtype, ndim: int = len(shape)) -> Any:
            return map_array(path, np.dtype(dtype), rows=None, ndim=ndim).shape

        yield Format(path.name, path.read_bytes(), _from_file(path, read))


def _heads(folder: Path) -> Iterator[Format]:
    home = folder / "head"
    vectors = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
    Head.fit_linear(vectors, vectors, 4).save(home)
    whole = {path.name: path.read_bytes() for path in home.iterdir()}
    for name in whole:

        def read(content: bytes, name: str = name) -> Any:
            for other, bytes_of_it in whole.items():
                (home / other).write_bytes(content if other == name else bytes_of_it)
            return Head.load(home).project_images(vectors[:2]).shape

        yield Format(name, whole[name], read, is_json=name.endswith(".json"))


def _quantisers(folder: Path) -> Iterator[Format]:
    vectors = np.random.default_rng(1).normal(size=(300, 2)).astype(np.float32)
    for kind in (Quantiser(), UniformQuantiser(), EquiDepthQuantiser()):
        path = folder / f"{kind.kind}.json"
        kind.fit(vectors).save(path)

        def read(path: Path) -> Any:
            quantiser = Quantiser.load(path)
            width = len(quantiser.low_)
            return quantiser.decode(quantiser.encode(np.zeros((1, width), np.float32))).shape

        yield Format(f"quantiser {kind.kind}", path.read_bytes(), _from_file(path, read), is_json=True)


def _weights(folder: Path) -> Format:
    import torch

    path = folder / "combiner.safetensors"
    save_tensors(path, {"a": torch.ones(3, 2), "b": torch.zeros(4)}, "clip-branches-combiner", {"width": 3})
    read = _from_file(path, lambda path: sorted(load_tensors(path, "clip-branches-combiner", None)[0]))
    return Format(path.name, path.read_bytes(), read)


def _answers(folder: Path) -> Iterator[Format]:
    found = AnswerSet(np.arange(5, dtype=np.uint64), np.linspace(1, 0, 5).astype(np.float32), None)
    box = BoxSummary(id="0" * 12, features=[1], low=[2], high=[3], sql="f1 >= 2", count=5, accepted=4, alone=1)
    telling = Telling.of(Told((box,), 1, 4))
    answer = Answer("a" * 32, 1, "linear", Hits.listed(found), cut=0.5, telling=telling)
    query = Query("boat", None, None, (), (1, 2), (3,), "linear", 0, terms=(("red", 1.0),))
    files = AnswerFiles(folder / "answers", 10**9, 10**9)
    files.save("c", answer)
    files.save_request("c", answer.result_set, StoredRequest(query, "f" * 64, np.ones(4, np.float32)))
    home = folder / "answers" / "c" / answer.result_set
    whole = {path.name: path.read_bytes() for path in home.iterdir()}
    for name in whole:

        def read(content: bytes, name: str = name) -> Any:
            for other, bytes_of_it in whole.items():
                (home / other).write_bytes(content if other == name else bytes_of_it)
            if name == "request.json":
                request = files.load_request("c", "a" * 32)
                return ABSENT if request is None else repr(request)
            loaded = files.load("c", "a" * 32)
            if loaded is None:
                return ABSENT
            rest = (loaded.generation, loaded.model, loaded.cut, loaded.boxes_decide, loaded.misplaced)
            return loaded.found.ids.tolist(), loaded.found.scores.tolist(), loaded.telling.whole(), rest

        yield Format(f"answer {name}", whole[name], read, checked=True, is_json=name.endswith(".json"))


def _kept() -> Format:
    kept = KeptIds(np.arange(9, dtype=np.uint64), np.ones(9, np.float32), np.ones(9, np.int16))

    def read(content: bytes) -> Any:
        found = unpack(content)
        return found.ids.tolist(), found.scores.tolist(), None if found.votes is None else found.votes.tolist()

    return Format("saved answer", pack(kept), read, checked=True)


def _parquet(folder: Path) -> Format:
    path = folder / "images.parquet"
    pq.write_table(pa.table({"image": pa.array([b"one", b"two", b"three"], pa.binary())}), path)
    source = parquet_source(path.name, "image", 1)
    read = _from_file(path, lambda path: len(read_source(folder, source)))
    return Format(path.name, path.read_bytes(), read, told=(InvalidInput, OSError))


def _images() -> Iterator[Format]:
    picture = Image.fromarray(np.random.default_rng(2).integers(0, 256, (24, 20, 3), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    for kind, options in (
        ("PNG", {}),
        ("JPEG", {"exif": exif.tobytes()}),
        ("WEBP", {}),
        ("GIF", {"save_all": True, "append_images": [picture.rotate(90)]}),
    ):
        buffer = io.BytesIO()
        picture.save(buffer, kind, **options)

        def read(content: bytes) -> Any:
            inspect_image(content)
            return decode_image(content).mode

        yield Format(f"image {kind}", buffer.getvalue(), read)
