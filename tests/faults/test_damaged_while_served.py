"""Catalogues that are swapped, damaged, cut short or taken away while they are served."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.faults.fleet import NAME, Fleet, until
from tests.pipeline.support import Preprocessing

pytestmark = pytest.mark.slow
REFUSED = 'catalogue_refused{catalogue="noise"}'


def codes_of(data_dir: Path) -> list[Path]:
    """The box indexes of the catalogue's segments, the newest last."""
    return sorted(
        (data_dir / "catalogues" / NAME / "segments").glob("*/boxes.cbx"), key=lambda path: path.stat().st_mtime_ns
    )


def test_a_damaged_new_generation_then_a_swap_then_none(running: Fleet, fault_models: Path) -> None:
    own_data = running.data_dir
    before = running.found(text="red")
    folder = own_data / "catalogues" / NAME
    whole = Path(shutil.copytree(folder, own_data / "whole"))

    # A generation is prepared aside, damaged, and renamed into place while the old one is served.
    aside = own_data / "aside"  # on the same disk, to be renamed
    shutil.copytree(folder, aside / "catalogues" / NAME)
    work = Preprocessing(fault_models, aside)
    work("delete", NAME, "--id", 200)
    work("compact", NAME)
    newest = codes_of(aside)[-1]
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    folder.rename(own_data / "old")
    (aside / "catalogues" / NAME).rename(folder)
    until(lambda: running.metrics("search").get(REFUSED) == running.metrics("data").get(REFUSED) == 1)
    assert running.found(text="red") == before
    assert running.image(1).status_code == 200

    # The same name, another catalogue: swapped back while searches go on.
    shutil.rmtree(folder)
    until(lambda: running.search(text="blue").status_code == 404)
    whole.rename(folder)
    until(lambda: running.search(text="blue").status_code == 200)
    assert running.found(text="red")["hits"] == before["hits"]
    until(lambda: running.metrics("search").get(REFUSED) == running.metrics("data").get(REFUSED) == 0)
    shutil.rmtree(own_data / "old")
    shutil.rmtree(aside)


def test_a_file_cut_short_under_the_service(running: Fleet) -> None:
    """A mapped file that loses its bytes kills the worker that reads them (SIGBUS): it comes back, and says why not."""
    own_data = running.data_dir
    before = running.found(text="red", positive=[1, 2, 3], negative=[9])
    codes = codes_of(own_data)[0]
    content = codes.read_bytes()
    os.truncate(codes, 100)

    def named() -> bool:
        answer = running.search(text="anything", positive=[4, 5], negative=[6])
        assert answer.status_code == 503, (answer.status_code, answer.text)
        return "boxes.cbx" in answer.text or "damaged" in answer.text

    until(named)
    until(lambda: any("boxes.cbx" in reason for reason in running.ready()))
    assert running.image(1).status_code == 200
    codes.write_bytes(content)
    manifest = own_data / "catalogues" / NAME / "manifest.json"
    os.utime(manifest)  # looked at again at once, not within half a minute
    running.becomes_ready()
    assert running.found(text="red", positive=[1, 2, 3], negative=[9]) == before
