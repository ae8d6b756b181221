"""Captions: the published cleaning rule, and every file that they may come from."""

from __future__ import annotations

import datetime
import string
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clip_branches.errors import InvalidInput
from preprocessing.captions import CaptionFile, find_captions
from preprocessing.filters.caption_rules import clean_caption

KEPT = set(string.ascii_letters + string.digits + string.whitespace + ".,!?:;'\"()[]{}-/@#$%^&*_")


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("A cat, on a mat!", "A cat, on a mat!"),
        ("  two \n\t lines  ", "two lines"),
        ("50 % off: [a] {b} (c) #1 @x $2 ^ & * _ - / ? ; ' \"", "50 % off: [a] {b} (c) #1 @x $2 ^ & * _ - / ? ; ' \""),
        ("café <b>bold</b> = 1 + 2 ~ `x` |", "caf bbold/b 1 2 x"),
        ("日本語", None),
        ("🙂", None),
        ("", None),
        ("   ", None),
        (None, None),
        ("a\u00a0b\u2028c", "a b c"),
    ],
)
def test_the_published_rule(text: str | None, cleaned: str | None) -> None:
    assert clean_caption(text) == cleaned


@given(st.text(max_size=200))
def test_only_kept_characters_remain_in_order(text: str) -> None:
    cleaned = clean_caption(text) or ""
    assert set(cleaned) <= KEPT
    slow = "".join(
        letter if letter in KEPT and not letter.isspace() else " " if letter.isspace() else "" for letter in text
    )
    assert cleaned == " ".join(slow.split())
    assert clean_caption(cleaned) == (cleaned or None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    return tmp_path


KNOWN = ["images/a.jpg", "images/b.jpg", "other/b.jpg"]


def attach(path: Path, kept: list[str] = KNOWN) -> tuple[pa.Table, list[tuple[str, str]]]:
    table, notes = CaptionFile(path).attach(kept, KNOWN, path.parent)
    return table, [(note.source, note.reason) for note in notes]


@pytest.mark.parametrize("suffix", [".csv", ".CSV", ".tsv", ".parquet"])
def test_captions_and_metadata_from_every_kind_of_file(folder: Path, suffix: str) -> None:
    path = folder / f"captions{suffix}"
    if suffix == ".parquet":
        columns = {
            "filename": ["images/a.jpg", "other/b.jpg"],
            "caption": ["a cat", "dos \u00fcber"],
            "stars": [5, None],
        }
        pq.write_table(pa.table(columns), path)
    else:
        split = "\t" if suffix == ".tsv" else ","
        rows = [["filename", "caption", "stars"], ["images/a.jpg", "a cat", "5"], ["other/b.jpg", "dos \u00fcber", ""]]
        path.write_text("\n".join(split.join(row) for row in rows), encoding="utf-8-sig")
    table, notes = attach(path)
    assert table.to_pydict() == {"caption": ["a cat", None, "dos \u00fcber"], "stars": [5, None, None]}
    assert notes == []


def test_quoted_captions_may_hold_commas_and_lines(folder: Path) -> None:
    path = folder / "captions.csv"
    path.write_text('filename,caption\nimages/a.jpg,"one, ""two""\nthree"\n')
    assert attach(path)[0].column("caption").to_pylist() == ['one, "two"\nthree', None, None]


def test_names_are_found_by_path_by_folder_and_by_unique_name(folder: Path) -> None:
    path = folder / "images" / "captions.csv"
    path.write_text("filename,caption\na.jpg,by the folder of the captions\n")
    table, notes = CaptionFile(path).attach(KNOWN, KNOWN, folder)
    assert (table.column("caption").to_pylist()[0], notes) == ("by the folder of the captions", [])
    path = folder / "captions.csv"
    path.write_text("filename,caption\na.jpg,unique\nb.jpg,two have it\n./images\\b.jpg,another system\n")
    table, odd = attach(path)
    assert table.column("caption").to_pylist() == ["unique", "another system", None]
    assert odd == [("b.jpg", "caption without image")]


def test_composed_and_decomposed_letters_are_the_same_name(folder: Path) -> None:
    path = folder / "captions.csv"
    path.write_text("filename,caption\nu\u0308ber.jpg,found\n", encoding="utf-8")
    table, notes = CaptionFile(path).attach(["\u00fcber.jpg"], ["\u00fcber.jpg"], folder)
    assert (table.column("caption").to_pylist(), notes) == (["found"], [])


def test_captions_in_another_encoding_are_read_by_its_name(folder: Path) -> None:
    path = folder / "captions.csv"
    path.write_bytes("filename,caption\nimages/a.jpg,café\n".encode("latin-1"))
    assert CaptionFile(path, "latin-1").captions == ["café"]
    with pytest.raises(InvalidInput, match="must be one that Python knows"):
        CaptionFile(path, "klingon")


def test_odd_rows_are_notes(folder: Path) -> None:
    path = folder / "captions.csv"
    path.write_text("filename,caption\nimages/a.jpg,first\nimages/a.jpg,second\nnowhere.jpg,lost\n,nameless\n")
    table, notes = attach(path)
    assert table.column("caption").to_pylist() == ["first", None, None]
    assert notes == [
        ("images/a.jpg", "second caption"),
        ("nowhere.jpg", "caption without image"),
        ("row 4", "caption without image"),
    ]
    assert attach(path, kept=["images/b.jpg"])[1] == notes  # a dropped image is no reason to complain of its caption


def test_metadata_of_any_type_becomes_plain(folder: Path) -> None:
    path = folder / "captions.parquet"
    columns = {
        "file_name": pa.array(["images/a.jpg"]),
        "Caption": pa.array(["x"]).dictionary_encode(),
        "id": pa.array([17]),
        "when": pa.array([datetime.datetime(2024, 1, 2, 3, 4, 5)]),
        "tags": pa.array([["a", "b"]]),
        "place": pa.array([{"lat": 1.5}]),
        "kind": pa.array(["car"]).dictionary_encode(),
        "flag": pa.array([True]),
        "raw": pa.array([b"\x00"]),
    }
    pq.write_table(pa.table(columns), path)
    table, notes = attach(path, kept=["images/a.jpg"])
    assert table.to_pylist() == [
        {
            "caption": "x",
            "original_id": 17,
            "when": "2024-01-02T03:04:05",
            "tags": '["a", "b"]',
            "place": '{"lat": 1.5}',
            "kind": "car",
            "flag": True,
        }
    ]
    assert notes == [("captions.parquet", "column left out")]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("captions.csv", b"", "must be readable as csv"),
        ("captions.csv", b"filename,caption\na.jpg,caf\xe9\n", "Line 2 is not; save the file as UTF-8"),
        ("captions.csv", b"filename,caption\na.jpg,x,y\n", "must be readable as csv"),
        (
            "captions.csv",
            b"name,caption\na.jpg,x\n",
            r"column 'filename' \(or 'file_name', 'image_path'\). Got \['name', 'caption'\]",
        ),
        ("captions.csv", b"filename,text\na.jpg,x\n", "column 'caption'"),
        ("captions.parquet", b"PAR1 not really", "must be readable as parquet"),
        ("captions.json", b"{}", r"\.csv, \.tsv or \.parquet"),
        ("missing.csv", None, "not there"),
    ],
)
def test_files_that_cannot_be_used_say_why(folder: Path, name: str, content: bytes | None, message: str) -> None:
    path = folder / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidInput, match=message):
        CaptionFile(path)


def test_captions_at_the_top_of_the_source_are_found(folder: Path) -> None:
    assert find_captions(folder) is None
    (folder / "captions.csv").touch()
    assert find_captions(folder) == folder / "captions.csv"
