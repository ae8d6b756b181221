"""``add`` on every kind of source that is not a folder of images: only what is new is fetched, read and embedded."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.pipeline.support import Preprocessing, everything
from tests.web import Web, photo

ONE = ("--workers", 1, "--threads", 1)


def items(preprocessing: Preprocessing, column: str) -> dict[str, dict[str, Any]]:
    """Items of the catalogue by a metadata column."""
    return {item["metadata"][column]: item for item in everything(preprocessing.catalogue())}


def write_links(path: Path, links: dict[str, str]) -> Path:
    path.write_text("url\tcaption\n" + "".join(f"{url}\t{caption}\n" for url, caption in links.items()))
    return path


def test_a_table_of_addresses_that_grew(preprocessing: Preprocessing, tmp_path: Path, web: Web) -> None:
    links = {url: f"caption {number}" for number, url in enumerate(web.photos(12))}
    table = write_links(tmp_path / "links.tsv", links)
    preprocessing.build(table, *ONE)
    before = items(preprocessing, "url")
    web.asked.clear()
    assert "add: 0 added, 12 as they were" in preprocessing("add", "photos", *ONE)
    assert not web.asked
    more = web.photos(15)[12:]
    links |= {url: f"caption {number}" for number, url in enumerate(more, 12)}
    links[web.photos(12)[4]] = "described anew"
    write_links(table, links)
    output = preprocessing("add", "photos", "--connections", 2, *ONE)
    assert "embed: 3 kept" in output
    assert "add: 3 added, 1 amended, 11 as they were" in output
    assert dict(web.asked) == {f"/photo/{number}": 1 for number in (12, 13, 14)}
    after = items(preprocessing, "url")
    changed = web.photos(12)[4]
    assert after[changed] == {**before[changed], "caption": "described anew"}
    assert {url: after[url] for url in before if url != changed} == {
        url: item for url, item in before.items() if url != changed
    }
    root = preprocessing.data_dir / "sources" / "photos"
    assert (root / "00000" / "000000004.txt").read_text() == "described anew"


def write_tar(path: Path, first: int, count: int, words: str = "caption") -> None:
    with tarfile.open(path, "w") as tar:
        for number in range(first, first + count):
            for ending, content in (("jpg", photo(number)), ("txt", f"{words} {number}".encode())):
                member = tarfile.TarInfo(f"{number:09d}.{ending}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))


def test_tars_that_came_later(preprocessing: Preprocessing, tmp_path: Path) -> None:
    folder = tmp_path / "tars"
    folder.mkdir()
    write_tar(folder / "00000.tar", 0, 10)
    write_tar(folder / "00001.tar", 100, 10)
    preprocessing.build(folder, *ONE)
    before = items(preprocessing, "key")
    assert "add: 0 added, 20 as they were" in preprocessing("add", "photos", *ONE)
    write_tar(folder / "00002.tar", 200, 3)
    output = preprocessing("add", "photos", *ONE)
    assert "filter: 23 kept, 0 dropped; " in output
    assert "20 taken over from an earlier run" in output
    assert "add: 3 added, 20 as they were" in output
    # A tar that was written again, longer, and with other texts: bytes tell which images are known.
    write_tar(folder / "00001.tar", 100, 12, "another caption")
    output = preprocessing("add", "photos", *ONE)
    assert "embed: 2 kept" in output
    assert "add: 2 added, 10 amended, 13 as they were" in output
    after = items(preprocessing, "key")
    assert {key: after[key]["id"] for key in before} == {key: item["id"] for key, item in before.items()}
    assert after["000000105"]["caption"] == "another caption 105"
    catalogue = preprocessing.catalogue()
    assert catalogue.image_bytes(after["000000111"]["source"]) == photo(111)
    assert catalogue.image_bytes(after["000000105"]["source"]) == photo(105)


def write_parquet(path: Path, first: int, count: int, **captions: str) -> None:
    rows = [
        {
            "image": {"bytes": photo(number, kind="PNG"), "path": None},
            "text": captions.get(f"n{number}", f"number {number}"),
            "nr": str(number),
        }
        for number in range(first, first + count)
    ]
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=8)


def test_parquet_files_that_came_later(preprocessing: Preprocessing, tmp_path: Path) -> None:
    folder = tmp_path / "dataset"
    folder.mkdir()
    write_parquet(folder / "train-0.parquet", 0, 12)
    preprocessing.build(folder, *ONE)
    before = items(preprocessing, "nr")
    assert "add: 0 added, 12 as they were" in preprocessing("add", "photos", *ONE)
    write_parquet(folder / "train-1.parquet", 50, 4)
    output = preprocessing("add", "photos", *ONE)
    assert "embed: 4 kept" in output
    assert "add: 4 added, 12 as they were" in output
    write_parquet(folder / "train-0.parquet", 0, 14, n3="told anew")
    output = preprocessing("add", "photos", *ONE)
    assert "embed: 2 kept" in output
    assert "add: 2 added, 1 amended, 15 as they were" in output
    after = items(preprocessing, "nr")
    assert after["3"] == {**before["3"], "caption": "told anew"}
    catalogue = preprocessing.catalogue()
    assert catalogue.image_bytes(after["13"]["source"]) == photo(13, kind="PNG")


def test_embeddings_that_came_later(preprocessing: Preprocessing, tmp_path: Path) -> None:
    folder = tmp_path / "index"
    generator = np.random.default_rng(0)
    for name in ("img_emb", "metadata"):
        (folder / name).mkdir(parents=True)

    def write(part: int, first: int, count: int) -> None:
        vectors = generator.normal(size=(count, 48)).astype(np.float16)
        np.save(folder / "img_emb" / f"img_emb_{part}.npy", vectors)
        names = [str(number) for number in range(first, first + count)]
        table = pa.table({"caption": names, "url": [f"https://x.example/{name}.jpg" for name in names], "nr": names})
        pq.write_table(table, folder / "metadata" / f"metadata_{part}.parquet")

    write(0, 0, 40)
    preprocessing.build(folder, *ONE)
    assert "add: 0 added, 40 as they were" in preprocessing("add", "photos", *ONE)
    write(1, 40, 5)
    assert "add: 5 added, 40 as they were" in preprocessing("add", "photos", *ONE)
    assert len(items(preprocessing, "nr")) == 45


def test_a_recipe_runs_all_from_links_to_the_catalogue(preprocessing: Preprocessing, tmp_path: Path, web: Web) -> None:
    links = {url: f"caption {number}" for number, url in enumerate([*web.photos(10), f"{web.url}/flaky/3"])}
    write_links(tmp_path / "links.tsv", links)
    recipe = tmp_path / "birds.toml"
    recipe.write_text(
        '[source]\npath = "links.tsv"\n[filters]\nmin_size = 10\n[embedding]\nmodel = "tiny"\n'
        "[download]\nconnections = 2\nper_host = 1\nretries = 0\n[effort]\nworkers = 1\nthreads = 1\n"
    )
    output = preprocessing("run", recipe)
    assert "download: 10 kept, 1 dropped (failed to download 1)" in output
    assert web.most_at_once == 1
    assert web.asked["/flaky/3"] == 1
    assert preprocessing.catalogue("birds").size == 10
    recipe.write_text(recipe.read_text().replace("retries = 0", "retries = 3\nretry_failed = true"))
    assert "download: 11 kept, 0 dropped" in preprocessing("run", recipe)
    recipe.write_text(recipe.read_text().replace("retries = 3", "retry = 3"))
    assert "the key 'download.retry' is not known" in preprocessing("run", recipe, status=2)
    assert "known are connections, max_wait, per_host" in preprocessing("run", recipe, status=2)


def test_two_captions_for_one_address_are_told(preprocessing: Preprocessing, tmp_path: Path, web: Web) -> None:
    urls = web.photos(8)
    rows = [f"{url}\tcaption {number}" for number, url in enumerate(urls)]
    rows += [f"{urls[2]}\tanother view of it", f"{urls[3]}\tcaption 3", f"{urls[2]}\tand a third"]
    table = tmp_path / "links.tsv"
    table.write_text("\n".join(["url\tcaption", *rows]) + "\n")
    output = preprocessing.build(table, *ONE)
    assert max(web.asked.values()) == 1  # fetched once, however often it is named
    assert "filter: 8 kept, 3 dropped (duplicate 3), 2 warnings (second caption 2)" in output
    assert "'another view of it' (it is a copy of 00000/000000002.jpg) is not used, the first one is" in output
    warnings = pq.read_table(preprocessing.work() / "warnings.parquet").to_pylist()
    assert [note["source"] for note in warnings] == ["00000/000000008.jpg", "00000/000000010.jpg"]
    report = (preprocessing.work() / "report.html").read_text()
    assert "second caption" in report
    assert items(preprocessing, "url")[urls[2]]["caption"] == "caption 2"
