"""``python -m preprocessing run``: a recipe in, a catalogue and a report out, and the same again from what it kept."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import pytest
from PIL import Image

from tests.pipeline.support import Preprocessing, contents, everything, write_images


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """A recipe beside a folder of 20 pictures, two of them too small, one broken, one a copy, with odd names."""
    source = tmp_path / "pictures"
    write_images(source, 20, size=64)
    write_images(source / "small", 2, size=16, seed=5)
    (source / "<b>broken & more.jpg").write_text("no image")
    (source / "copy.png").write_bytes((source / "0000.png").read_bytes())
    (source / "captions.csv").write_text('filename,caption\n0001.png,"a <script>alert(1)</script> boat"\n')
    path = tmp_path / "boats.toml"
    path.write_text(
        'title = "Boats & <more>"\n[source]\npath = "pictures"\n[filters]\nmin_size = 20\ncaption_rule = "off"\n'
        '[embedding]\nmodel = "tiny"\n[effort]\nworkers = 1\nthreads = 1\n[report]\npictures = 30\n'
    )
    return path


def test_a_recipe_makes_a_catalogue_and_the_catalogue_keeps_it(
    preprocessing: Preprocessing, recipe: Path, tmp_path: Path
) -> None:
    output = preprocessing("run", recipe)
    assert "filter: 20 kept, 4 dropped" in output
    catalogue = preprocessing.catalogue("boats")
    assert (catalogue.title, catalogue.size, catalogue.has_captions) == ("Boats & <more>", 20, True)
    (kept,) = catalogue.path.glob("recipe-*.toml")
    assert str(tmp_path / "pictures") in kept.read_text()
    again = Preprocessing(preprocessing.models_dir, tmp_path / "again")
    again("run", kept)
    assert contents(again.catalogue("boats")) == contents(catalogue)
    assert everything(again.catalogue("boats")) == everything(catalogue)
    write_images(tmp_path / "pictures", 2, seed=9, suffix=".webp", size=64)
    assert "add: 2 added" in preprocessing("add", "boats", "--workers", 1, "--threads", 1)
    assert "min_size = 20" in preprocessing("run", recipe, "--check")


def test_the_report_stands_alone_and_shows_kept_and_dropped(preprocessing: Preprocessing, recipe: Path) -> None:
    output = preprocessing("run", recipe)
    path = Path(re.findall(r"The report: (.*)", output)[0])
    page = path.read_text()
    assert "Boats &amp; &lt;more&gt;" in page
    assert "<script" not in page
    assert "&lt;b&gt;broken &amp; more.jpg" in page
    assert not re.findall(r"(?:src|href)=\"(?!data:)", page)
    pictures = re.findall(r'src="data:image/webp;base64,([^"]+)"', page)
    assert len(pictures) == 20 + 3  # kept, and of the dropped those that can be shown
    for picture in pictures:
        Image.open(io.BytesIO(base64.b64decode(picture))).verify()
    for said in ("too small", "undecodable", "duplicate", "20", "min_size = 20", "a &lt;script&gt;"):
        assert said in page


def test_a_recipe_that_cannot_be_used_is_one_line_and_makes_nothing(
    preprocessing: Preprocessing, recipe: Path, tmp_path: Path
) -> None:
    recipe.write_text(recipe.read_text().replace("[filters]", "[filter]"))
    output = preprocessing("run", recipe, status=2)
    assert "the key 'filter' is not known; known are" in output
    assert "Did you mean 'filters'?" in output
    assert not (tmp_path / "data").exists()
    recipe.write_text(recipe.read_text().replace("[filter]", "[filters]").replace('"tiny"', '"nowhere"'))
    assert "nowhere" in preprocessing("run", recipe, status=2)
