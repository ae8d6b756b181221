"""Every kind of source on small real files of its format: the rows that it gives, and what it says of odd ones."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from clip_branches.catalogue.packed import container_of, read_source
from clip_branches.errors import InvalidInput
from preprocessing.sources.detect import detect_kind
from preprocessing.sources.embeddings import list_embeddings
from preprocessing.sources.listing import Listing
from preprocessing.sources.opening import list_source
from preprocessing.sources.options import SOURCES


def picture(shade: int, kind: str = "JPEG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 40), (shade, 255 - shade, 90)).save(buffer, kind)
    return buffer.getvalue()


def listed(path: Path, **options: object) -> Listing:
    section = SOURCES[detect_kind(path)].model_validate({"path": path, **options})
    return list_source(section, path.parent / "data", "photos")  # type: ignore[arg-type]


def contents(listing: Listing) -> list[bytes]:
    return [read_source(listing.root, file.source) for file in listing.files]


def metadata(listing: Listing) -> dict[str, list[object]]:
    return listing.columns(range(len(listing.files))).to_pydict()


# img2dataset


STATES = ["success", "failed_to_download", "success", "success"]


def write_table(path: Path, first: int = 0) -> None:
    keys = [f"{number:09d}" for number in range(first, first + 4)]
    pq.write_table(
        pa.table(
            {
                "url": [f"http://example.org/{key}" for key in keys],
                "caption": ["a cat", "a dog", None, "gone"],
                "key": keys,
                "status": STATES,
                "error_message": [None, "HTTP Error 404: Not Found", None, None],
                "width": pa.array([40] * 4, pa.int32()),
                "original_width": pa.array([400] * 4, pa.int32()),
                "exif": ["{}"] * 4,
                "sha256": ["0" * 64] * 4,
                "licence": ["CC0", "CC0", "CC BY", "CC0"],
            }
        ),
        path,
    )


def write_tar(path: Path, files: dict[str, bytes]) -> None:
    with tarfile.open(path, "w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


def test_img2dataset_in_folders_and_tars_is_the_same_and_stays_packed(tmp_path: Path) -> None:
    files = {
        f"{number:09d}.{end}": text for number in (0, 2) for end, text in (("jpg", picture(number)), ("txt", b"x"))
    }
    folders, tars = tmp_path / "folders", tmp_path / "tars"
    (folders / "00000").mkdir(parents=True)
    tars.mkdir()
    for name, content in files.items():
        (folders / "00000" / name).write_bytes(content)
    write_tar(tars / "00000.tar", files)
    for folder in (folders, tars):
        write_table(folder / "00000.parquet")
        (folder / "00000_stats.json").write_text("{}")
    before = sorted(path.name for path in tars.iterdir())
    one, other = listed(folders), listed(tars)
    assert one.captions == other.captions == ["a cat", None]
    assert contents(one) == contents(other) == [picture(0), picture(2)]
    assert [file.source for file in one.files] == ["00000/000000000.jpg", "00000/000000002.jpg"]
    assert container_of(other.files[1].source) == "00000.tar"
    assert metadata(one) == metadata(other)
    assert metadata(one) == {
        "key": ["000000000", "000000002"],
        "url": ["http://example.org/000000000", "http://example.org/000000002"],
        "original_width": [400, 400],
        "licence": ["CC0", "CC BY"],
    }
    assert [note[:2] for note in one.dropped] == [note[:2] for note in other.dropped]
    assert [note[:2] for note in one.dropped] == [
        ("http://example.org/000000001", "failed to download"),
        ("http://example.org/000000003", "missing"),
    ]
    assert sorted(path.name for path in tars.iterdir()) == before


def test_webdataset_tars_without_a_table_tell_by_their_members(tmp_path: Path) -> None:
    folder = tmp_path / "tars"
    folder.mkdir()
    first = {
        "a/1.png": picture(1, "PNG"),
        "a/1.txt": b"ein Hund",
        "a/1.json": json.dumps({"stars": 3, "caption": "not this"}).encode(),
        "2.seg.png": picture(9, "PNG"),
        "2.jpg": picture(2),
        "2.json": json.dumps({"stars": "many", "caption": "a bird"}).encode(),
        "3.jpg": picture(3),
        "3.txt": b"caf\xe9",
        "3.json": b"{",
        "../4.jpg": picture(4),
    }
    write_tar(folder / "train-0.tar", first)
    write_tar(folder / "train-1.tar", {"5.jpg": picture(5)})
    listing = listed(folder)
    assert listing.captions == ["ein Hund", "a bird", None, None]
    assert contents(listing) == [picture(1, "PNG"), picture(2), picture(3), picture(5)]
    assert metadata(listing) == {"key": ["a/1", "2", "3", "5"], "stars": ["3", "many", None, None]}
    assert sorted(note.reason for note in listing.warnings) == [
        "odd member",
        "unreadable caption",
        "unreadable facts",
    ]


def test_a_tar_that_is_cut_short_gives_what_is_whole(tmp_path: Path) -> None:
    folder = tmp_path / "tars"
    folder.mkdir()
    write_tar(folder / "0.tar", {f"{number}.jpg": picture(number) for number in range(5)})
    whole = (folder / "0.tar").read_bytes()
    listing = listed(folder)
    assert (len(listing.files), listing.warnings) == (5, [])
    last = int(listing.files[4].source.partition("@")[2].partition("+")[0])
    for length, count in ((last + 100, 4), (last - 300, 4), (last - 512, 4), (700, 0)):
        (folder / "0.tar").write_bytes(whole[:length])
        listing = listed(folder)
        assert len(listing.files) == count, length
        assert [note.reason for note in listing.warnings] in (["archive cut short"], ["unreadable archive"])
        assert contents(listing) == [picture(number) for number in range(count)]
    (folder / "0.tar").write_bytes(b"\x1f\x8b compressed")
    listing = listed(folder)
    assert listing.files == []
    assert "uncompressed tar" in listing.warnings[0].detail


# Hugging Face


def write_dataset(folder: Path, *, features: bool = True) -> None:
    (folder / "data").mkdir(parents=True)
    info = {
        "info": {
            "features": {"pic": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": ["cat", "dog"]}},
        }
    }
    schema = pa.schema(
        [
            ("pic", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
            ("label", pa.int64()),
            ("when", pa.date32()),
        ],
        metadata={"huggingface": json.dumps(info)} if features else None,
    )
    for split, start in (("train", 0), ("test", 10)):
        rows = [
            {"pic": {"bytes": picture(start + row), "path": f"{row}.jpg"}, "label": row % 2, "when": None}
            for row in range(5)
        ]
        rows[3]["pic"] = None
        rows[4]["pic"] = {"bytes": None, "path": "elsewhere.jpg"}
        path = folder / "data" / f"{split}-00000-of-00001.parquet"
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), path, row_group_size=2)


def test_a_hugging_face_folder_is_read_from_its_parquet_files(tmp_path: Path) -> None:
    folder = tmp_path / "dataset"
    write_dataset(folder)
    listing = listed(folder)
    assert contents(listing) == [picture(10), picture(11), picture(12), picture(0), picture(1), picture(2)]
    assert listing.captions == ["cat", "dog", "cat"] * 2
    assert metadata(listing)["split"] == ["test"] * 3 + ["train"] * 3
    assert [note.reason for note in listing.dropped] == ["missing"] * 4
    assert listing.files[4].source == "data/train-00000-of-00001.parquet#pic@1"
    train = listed(folder, split="train")
    assert contents(train) == [picture(0), picture(1), picture(2)]
    # Rows are found in any order, across row groups and files.
    for position in (5, 0, 2, 3, 5):
        assert read_source(folder, listing.files[position].source) == contents(listing)[position]
    with pytest.raises(InvalidInput, match="of the split 'dev'"):
        listed(folder, split="dev")


def test_columns_of_plain_bytes_and_captions_by_name(tmp_path: Path) -> None:
    folder = tmp_path / "dataset"
    folder.mkdir()
    table = pa.table({"jpg": [picture(1)], "text": [["first", "second"]], "alt": ["another"]})
    pq.write_table(table, folder / "a.parquet")
    assert listed(folder).captions == ["first"]
    assert listed(folder, caption_column="alt").captions == ["another"]
    with pytest.raises(InvalidInput, match=r"--caption-column of a.parquet must be one of \['text', 'alt'\]"):
        listed(folder, caption_column="none")
    with pytest.raises(InvalidInput, match="bytes in a column"):
        listed(folder, image_column="text")


def test_a_row_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    folder = tmp_path / "dataset"
    write_dataset(folder)
    name = "data/train-00000-of-00001.parquet"
    for source, message in (
        (f"{name}#pic@99", "one of the 5 rows"),
        (f"{name}#none@0", "none of that name"),
        (f"{name}#pic@3", "must hold bytes"),
        ("../dataset/x.tar#a.jpg@0+5", "below the image root"),
    ):
        with pytest.raises(InvalidInput, match=message):
            read_source(folder, source)
    with pytest.raises(FileNotFoundError):
        read_source(folder, "data/none.parquet#pic@0")
    (folder / "a.tar#b.jpg@0+5").write_bytes(b"a file of an odd name")
    assert read_source(folder, "a.tar#b.jpg@0+5") == b"a file of an odd name"


# Embeddings


def write_embeddings(folder: Path, rows: int = 6, width: int = 48) -> np.ndarray:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(rows, width)).astype(np.float16)
    (folder / "img_emb").mkdir(parents=True)
    (folder / "metadata").mkdir()
    for number, part in enumerate(np.split(vectors, 2)):
        np.save(folder / "img_emb" / f"img_emb_{number}.npy", part)
        names = [f"pics/{number}{row}.jpg" for row in range(len(part))]
        captions = [f"caption {number}{row}" for row in range(len(part))]
        table = pa.table({"image_path": names, "caption": captions, "url": ["http://example.org/x.jpg"] * len(part)})
        pq.write_table(table, folder / "metadata" / f"metadata_{number}.parquet")
    return vectors


def test_clip_retrieval_embeddings_are_read_in_sorted_order(tmp_path: Path) -> None:
    folder, images = tmp_path / "embeddings", tmp_path / "images"
    write_embeddings(folder)
    (images / "pics").mkdir(parents=True)
    (images / "pics" / "02.jpg").write_bytes(picture(3))
    listing = listed(folder, images=images)
    assert listing.imported is not None
    assert listing.ids == [str(row) for row in range(6)]
    assert listing.captions[4] == "caption 11"
    assert [(one.file, one.row) for one in listing.imported][2:4] == [
        ("img_emb/img_emb_0.npy", 2),
        ("img_emb/img_emb_1.npy", 0),
    ]
    assert contents(Listing(images, listing.files[2:3], [], [], pa.table({}))) == [picture(3)]
    assert listing.imported[2].sha256 == ""  # its image is at hand and is looked at
    others = [one.sha256 for row, one in enumerate(listing.imported) if row != 2]
    assert len(set(others)) == 5
    assert all(len(sha256) == 64 for sha256 in others)
    assert listing.files[0].source == "http://example.org/x.jpg"
    assert [one.sha256 for one in listed(folder, images=images).imported or []][:2] == others[:2]


def test_embeddings_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "embeddings"
    write_embeddings(folder)
    path = folder / "img_emb" / "img_emb_1.npy"
    np.save(path, np.ones((2, 48), dtype=np.float32))
    with pytest.raises(InvalidInput, match=r"as many rows each\. Got 2 and 3"):
        listed(folder)
    np.save(path, np.ones((3, 20), dtype=np.float32))
    with pytest.raises(InvalidInput, match=r"must be 48 wide, as in img_emb_0\.npy\. Got 20"):
        listed(folder)
    np.save(path, np.ones((3, 48), dtype=np.int32))
    with pytest.raises(InvalidInput, match="must be floats of shape"):
        listed(folder)
    np.save(path, np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(InvalidInput, match=r"whole \.npy file of numbers"):
        listed(folder)
    odd = np.ones((3, 48), dtype=np.float32)
    odd[0], odd[1, 5] = 0, np.nan
    np.save(path, odd)
    listing = listed(folder)
    assert len(listing.files) == 4
    assert [(note.source, note.reason) for note in listing.dropped] == [
        ("img_emb_1.npy row 0", "no embedding"),
        ("img_emb_1.npy row 1", "no embedding"),
    ]


def test_the_older_layout_takes_its_facts_from_unsplash_s_table(tmp_path: Path) -> None:
    folder = tmp_path / "older"
    folder.mkdir()
    np.save(folder / "features.npy", np.eye(3, 512, dtype=np.float16))
    (folder / "photo_ids.csv").write_text("photo_id\nbbb\naaa\nzzz\n")
    plain = listed(folder)
    assert plain.files[0].source == "https://unsplash.com/photos/bbb/download"
    assert plain.ids == ["bbb", "aaa", "zzz"]
    rows = ["photo_id\tphoto_image_url\tphoto_description", "aaa\thttps://img/a\ta lake", "bbb\thttps://img/b\t"]
    (folder / "photos.tsv000").write_text("\n".join(rows) + "\n")
    joined = listed(folder)
    assert joined.captions == [None, "a lake", None]
    assert [file.source for file in joined.files][:2] == ["https://img/b", "https://img/a"]


def test_photos_of_the_older_layout_are_found_by_their_ids(tmp_path: Path) -> None:
    folder, photos = tmp_path / "older", tmp_path / "photos"
    folder.mkdir()
    photos.mkdir()
    np.save(folder / "features.npy", np.eye(3, 512, dtype=np.float16))
    (folder / "photo_ids.csv").write_text("photo_id\nb-1\naaa\n../x\n")
    (photos / "b-1.JPG").write_bytes(b"JPEG")
    (photos / "aaa.txt").write_text("no image")
    (tmp_path / "x.jpg").write_bytes(b"JPEG")
    listing = list_embeddings(folder, images=photos)
    assert [file.source for file in listing.files][:2] == ["b-1.JPG", "https://unsplash.com/photos/aaa/download"]
    assert listing.imported is not None
    assert [told.sha256 == "" for told in listing.imported] == [True, False, False]  # the first is looked at itself


# Which kind


def test_the_kind_of_a_source_is_seen(tmp_path: Path) -> None:
    names = {
        "folder": "pictures/a.jpg",
        "unsplash": "unsplash/photos.csv000",
        "cifar10": "cifar/cifar-10-batches-py/batches.meta",
        "img2dataset": "tars/00000.tar",
        "urls": "links.tsv",
    }
    for name in names.values():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(picture(1))
    for kind, name in names.items():
        path = tmp_path / name
        assert detect_kind(path if kind == "urls" else tmp_path / Path(name).parts[0]) == kind
    # A table of captions beside pictures makes no data set of them.
    pq.write_table(pa.table({"filename": ["a.jpg"], "caption": ["x"]}), tmp_path / "pictures" / "captions.parquet")
    assert detect_kind(tmp_path / "pictures") == "folder"
    with pytest.raises(InvalidInput, match="not there"):
        detect_kind(tmp_path / "nowhere")
    with pytest.raises(InvalidInput, match="must be a folder, or a"):
        detect_kind(tmp_path / "pictures" / "a.jpg")
