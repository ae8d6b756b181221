"""Tables of addresses: any kind of file, in pieces, with or without a header; and Unsplash's odd endings."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from clip_branches.errors import InvalidInput
from preprocessing.cli import main
from preprocessing.download.run import in_shards
from preprocessing.source_options import filter_section, source_section
from preprocessing.sources.columns import stack, table_of
from preprocessing.sources.links import LinkTable
from preprocessing.sources.tables import TableFile
from preprocessing.sources.unsplash import read_links, with_width


def links(path: Path, **how: str) -> list[dict[str, object]]:
    encoding = how.pop("encoding", "utf-8")
    table = LinkTable(TableFile(path, encoding=encoding), **how)
    return [row for batch in table.batches() for row in batch.to_pylist()]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.tsv", b'http://x/1\ta "cat" on a mat\nhttp://x/2\tcaf\xc3\xa9, noir\n'),
        ("a.tsv", b'a "cat" on a mat\thttp://x/1\ncaf\xc3\xa9, noir\thttp://x/2\n'),
        ("a.TSV", b'URL\tTEXT\nhttp://x/1\t"a ""cat"" on a mat"\nhttp://x/2\tcaf\xc3\xa9, noir\n'),
        ("a.csv", b'\xef\xbb\xbfcaption,image_url\n"a ""cat"" on a mat",http://x/1\n"caf\xc3\xa9, noir",http://x/2\n'),
    ],
)
def test_every_common_form_of_two_columns(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert links(path) == [
        {"url": "http://x/1", "caption": 'a "cat" on a mat'},
        {"url": "http://x/2", "caption": "caf\u00e9, noir"},
    ]
    assert TableFile(path).count() == 2


def test_other_columns_stay_and_are_chosen_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"where": ["http://x/1"], "said": ["x"], "url": [5], "stars": [3]}), path)
    assert links(path, url_column="where", caption_column="said") == [{"url": "http://x/1", "caption": "x", "stars": 3}]
    with pytest.raises(InvalidInput, match=r"--url-column of .*a\.parquet must be one of"):
        links(path, url_column="nowhere")


def test_a_table_in_another_encoding_is_read_when_it_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"url,caption\nhttp://x/1,fine\nhttp://x/2,caf\xe9\n")
    with pytest.raises(InvalidInput, match="Line 3 is not"):
        links(path)
    assert links(path, encoding="latin-1")[1]["caption"] == "caf\u00e9"
    with pytest.raises(InvalidInput, match="that Python knows"):
        links(path, encoding="klingon")


def test_a_broken_row_costs_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("url,caption\nhttp://x/1,a\nhttp://x/2,b,c,d\nhttp://x/3\nhttp://x/4,e\n")
    table = TableFile(path)
    assert [row["url"] for batch in LinkTable(table).batches() for row in batch.to_pylist()] == [
        "http://x/1",
        "http://x/4",
    ]
    assert [note.reason for note in table.notes] == ["broken row"] * 2
    assert "it has 4 fields, the table has 2" in table.notes[0].detail


@pytest.mark.parametrize("name", ["missing.csv", "a.txt", "a.parquet"])
def test_what_is_no_table_is_refused(tmp_path: Path, name: str) -> None:
    if name != "missing.csv":
        (tmp_path / name).write_bytes(b"PAR1 no")
    with pytest.raises(InvalidInput, match="The table"):
        TableFile(tmp_path / name)


def test_shards_are_cut_across_batches() -> None:
    batches = [
        pa.table({"url": [f"{start + row}" for row in range(rows)]}) for start, rows in ((0, 7), (7, 1), (8, 12))
    ]
    shards = [shard.column("url").to_pylist() for shard in in_shards(batches, 6)]
    assert [len(shard) for shard in shards] == [6, 6, 6, 2]
    assert [value for shard in shards for value in shard] == [str(number) for number in range(20)]


def test_rows_of_all_sorts_become_one_table() -> None:
    one = table_of([{"a": 1, "b": "x"}, {"a": None, "c": [1]}])
    other = table_of([{"a": 2.5, "b": 7}])
    both = stack([one, other], [2, 1])
    assert both.to_pydict() == {"a": [1.0, None, 2.5], "b": ["x", None, "7"], "c": [None, [1], None]}
    assert table_of([{"a": 1}, {"a": "x"}]).to_pydict() == {"a": ["1", "x"]}


def test_unsplash_s_parts_and_endings(tmp_path: Path) -> None:
    (tmp_path / "photos.tsv000").write_text(
        'photo_id\tphoto_image_url\tphoto_description\na\thttp://i/a\t"two\nlines"\n'
    )
    (tmp_path / "photos.csv001").write_text("photo_id,photo_image_url,photo_description\nb,http://i/b?x=1,\n")
    rows = [row for batch in read_links(tmp_path, 320) for row in batch.to_pylist()]
    # Sorted by kind, then by part: the order is the same wherever the folder lies.
    assert [(row["url"], row["caption"]) for row in rows] == [
        ("http://i/b?x=1&w=320", None),
        ("http://i/a?w=320", "two\nlines"),
    ]
    assert with_width("http://i/a", 0) == "http://i/a"
    (tmp_path / "photos.csv001").write_text("photo_id,address\nb,http://i/b\n")
    with pytest.raises(InvalidInput, match="must have the columns"):
        list(read_links(tmp_path, 0))
    with pytest.raises(InvalidInput, match="Got none in"):
        list(read_links(tmp_path / "nowhere", 0))


def test_options_reach_the_sections(tmp_path: Path) -> None:
    table = tmp_path / "a.csv"
    table.write_text("url\n")
    section = source_section(table, {"crop_bottom": 30, "max_images": 5, "captions": None, "shard_size": 7})
    assert section.model_dump(include={"kind", "crop_bottom", "max_images"}) == {
        "kind": "urls",
        "crop_bottom": 30,
        "max_images": 5,
    }
    assert filter_section({"languages": ("en",), "texts": (), "min_size": None}).languages == ["en"]
    with pytest.raises(InvalidInput, match="option --width is for sources of the kind unsplash"):
        source_section(table, {"width": 100})


def test_help_shows_every_switch_quickly() -> None:
    text = CliRunner().invoke(main, ["build", "--help"]).output
    for option in ("--kind", "--crop-bottom", "--near-duplicates", "--drop-text", "--per-host", "--retry-failed"):
        assert option in text


def test_a_compressed_table_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(gzip.compress(b"url\nhttp://x/1\n"))
    with pytest.raises(InvalidInput, match="The table"):
        links(path)
