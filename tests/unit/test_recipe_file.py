"""Recipe files: TOML and JSON, checked key by key, and written so that they read the same."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clip_branches.errors import InvalidInput
from preprocessing.recipe_file import read_recipe_file, recipe_text
from preprocessing.toml_text import to_toml

KEYS = st.text(min_size=1, max_size=12).filter(lambda key: key < "\ud800" or key.isprintable())
PLAIN = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(max_size=20),
    st.lists(st.text(max_size=5), max_size=4),
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(KEYS, st.one_of(PLAIN, st.dictionaries(KEYS, PLAIN, min_size=1, max_size=3)), max_size=5))
def test_toml_reads_back_the_same(values: dict[str, object]) -> None:
    try:
        to_toml(values).encode()
    except UnicodeEncodeError:
        return  # a lone surrogate is no text in any file
    assert tomllib.loads(to_toml(values)) == values


def test_toml_leaves_out_nothing_but_none() -> None:
    values = {"a": None, "b": {"c": None, "d": [{"e": 1, "f": None}], "g": {"h": 'x"\n\x7f'}}}
    assert tomllib.loads(to_toml(values)) == {"b": {"d": [{"e": 1}], "g": {"h": 'x"\n\x7f'}}}
    with pytest.raises(InvalidInput, match="must be text"):
        to_toml({"a": object()})


RECIPE = """
title = "Birds"
[source]
path = "photos"
[filters]
min_size = 48
[embedding]
model = "tiny"
[effort]
batch_size = 8
"""


def write(folder: Path, text: str, name: str = "birds.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_recipe_is_read_relative_to_its_file(tmp_path: Path) -> None:
    found = read_recipe_file(write(tmp_path, RECIPE))
    assert (found.name, found.title, found.effort.batch_size) == ("birds", "Birds", 8)
    recipe = found.recipe()
    assert recipe.source.path == (tmp_path / "photos").resolve()
    assert (recipe.filters.min_size, recipe.embedding.model) == (48, "tiny")
    again = read_recipe_file(write(tmp_path, recipe_text("birds", recipe), "again.toml"))
    assert (again.name, again.recipe()) == ("birds", recipe)


def test_json_says_the_same(tmp_path: Path) -> None:
    values = tomllib.loads(RECIPE)
    assert read_recipe_file(write(tmp_path, json.dumps(values), "birds.json")) == read_recipe_file(
        write(tmp_path, RECIPE)
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (RECIPE.replace("min_size", "minsize"), r"'filters.minsize' is not known; known are .*min_size.*Did you mean"),
        (RECIPE.replace("title", "titel"), r"'titel' is not known; known are .*effort.*title"),
        (
            RECIPE + "workersss = 3",
            r"'effort.workersss' is not known; known are batch_size, device, engine, precision, ray_address",
        ),
        (RECIPE.replace('path = "photos"', ""), r"path' must be there"),
        (RECIPE.replace("48", "0"), r"'filters.min_size' must be greater than or equal to 1; got 0"),
        (RECIPE.replace("48", '"many"'), r"'filters.min_size' must be a valid integer"),
        (RECIPE.replace("[source]", '[source]\nkind = "floppy"'), r"source.*must be .*'folder'"),
        (RECIPE.replace("[source]", '[source]\ncaption = "x.csv"'), r"caption' is not known; known are captions"),
        ("[source", r"must be TOML: "),
        ('name = "a/b"\n' + RECIPE, r"The 'name' of a catalogue"),
    ],
)
def test_what_is_wrong_is_named_with_what_would_work(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        read_recipe_file(write(tmp_path, text))


def test_files_that_are_no_recipe(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="which is not there"):
        read_recipe_file(tmp_path / "none.toml")
    with pytest.raises(InvalidInput, match=r"must be a \.toml or \.json file"):
        read_recipe_file(write(tmp_path, RECIPE, "birds.yaml"))
    with pytest.raises(InvalidInput, match="must be an object"):
        read_recipe_file(write(tmp_path, "[1]", "birds.json"))
    (tmp_path / "latin.toml").write_bytes('title = "Vögel"'.encode("latin-1"))
    with pytest.raises(InvalidInput, match="must be in UTF-8"):
        read_recipe_file(tmp_path / "latin.toml")
