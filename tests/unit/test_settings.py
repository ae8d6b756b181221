"""Settings: a file first, the environment over it, and an error that says what would work."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from clip_branches.errors import ConfigurationError
from clip_branches.settings import DataSettings, SearchSettings, ServiceSettings, WebSettings

ROOT = Path(__file__).resolve().parents[2]
EACH = [SearchSettings, DataSettings, WebSettings]


def config(folder: Path, service: str, content: Any) -> Path:
    path = folder / service / "config.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return folder


@pytest.mark.parametrize("settings", EACH)
def test_the_defaults_need_no_file(tmp_path: Path, settings: type[ServiceSettings]) -> None:
    made = settings.load(tmp_path, {})
    assert made == settings()
    assert made.catalogues_dir == Path("data/catalogues")


@pytest.mark.parametrize("settings", EACH)
def test_the_shipped_file_holds_the_defaults(settings: type[ServiceSettings]) -> None:
    """A setting whose default changes must change in the file that people read, and the other way round."""
    shipped = json.loads((ROOT / "assets" / settings.service / "config.json").read_text())
    loaded = settings.load(ROOT / "assets", {})
    for key in shipped:
        assert getattr(loaded, key) == shipped[key]
    if settings is not WebSettings:
        assert loaded == settings()


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    folder = config(tmp_path, "search", {"port": 7000, "unlabelled": 5, "data_dir": "/from/file"})
    made = SearchSettings.load(folder, {"SEARCH_PORT": "7001", "DATA_DIR": "/from/env", "DATA_PORT": "9"})
    assert (made.port, made.unlabelled, made.data_dir) == (7001, 5, Path("/from/env"))


def test_a_services_own_variable_goes_before_the_shared_one(tmp_path: Path) -> None:
    made = SearchSettings.load(tmp_path, {"SEARCH_LOG_LEVEL": "DEBUG", "LOG_LEVEL": "ERROR"})
    assert made.log_level == "DEBUG"
    assert DataSettings.load(tmp_path, {"LOG_LEVEL": "ERROR"}).log_level == "ERROR"
    assert DataSettings.load(tmp_path, {"PORT": "9"}).port == DataSettings().port


@pytest.mark.parametrize("settings", EACH)
def test_an_unknown_key_names_the_known_ones(tmp_path: Path, settings: type[ServiceSettings]) -> None:
    folder = config(tmp_path, settings.service, {"prot": 1})
    with pytest.raises(ConfigurationError) as caught:
        settings.load(folder, {})
    assert "'prot'" in caught.value.message
    for key in settings.model_fields:
        assert key in caught.value.message


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("port", "abc"),
        ("port", 70_000),
        ("port", -1),
        ("port", None),
        ("port", [1]),
        ("port", 5000.5),
        ("threads", 0),
        ("workers", "two"),
        ("log_level", "LOUD"),
        ("data_dir", 7),
        ("catalogue_check_s", 0),
        ("catalogue_check_s", "soon"),
        ("unlabelled", -1),
    ],
)
def test_a_value_that_cannot_be_is_named(tmp_path: Path, key: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"'{key}' of the search service"):
        SearchSettings.load(config(tmp_path, "search", {key: value}), {})
    if isinstance(value, str):
        with pytest.raises(ConfigurationError, match=f"'{key}' of the search service"):
            SearchSettings.load(tmp_path / "none", {f"SEARCH_{key.upper()}": value})


@pytest.mark.parametrize("content", ["", "{", "[1]", '"x"', "null", "\xff", '{"port": 1,}'])
def test_a_file_that_is_no_json_object_is_named(tmp_path: Path, content: str) -> None:
    folder = config(tmp_path, "data", content)
    with pytest.raises(ConfigurationError, match=r"data/config\.json"):
        DataSettings.load(folder, {})


def test_settings_do_not_change(tmp_path: Path) -> None:
    made = SearchSettings.load(tmp_path, {})
    with pytest.raises(ValueError, match="frozen"):
        made.port = 1  # type: ignore[misc]
