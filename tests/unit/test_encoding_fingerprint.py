"""Towers are told apart by their files, not by their name."""

from __future__ import annotations

from pathlib import Path

import pytest

from clip_branches.encoding.fingerprint import (
    check_model,
    check_towers,
    fingerprint_of_folder,
    local_model_folder,
)
from clip_branches.errors import ConfigurationError


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "open_clip_config.json").write_text("{}")
        (tmp_path / name / "open_clip_model.safetensors").write_text(f"weights of {name}")
    return tmp_path


def test_weights_and_config_count_and_other_files_do_not(models_dir: Path) -> None:
    first = fingerprint_of_folder(models_dir / "one")
    assert first != fingerprint_of_folder(models_dir / "two")
    (models_dir / "one" / "README.md").write_text("a card")
    (models_dir / "one" / "quantiser.json").write_text("{}")
    assert fingerprint_of_folder(models_dir / "one") == first
    (models_dir / "one" / "open_clip_config.json").write_text('{"preprocess_cfg": {}}')
    assert fingerprint_of_folder(models_dir / "one") != first


def test_a_catalogue_is_told_from_a_model_that_was_trained_again(models_dir: Path) -> None:
    fingerprint = fingerprint_of_folder(models_dir / "one")
    check_towers("one", models_dir, fingerprint)
    check_towers("one", models_dir, None)
    check_towers("ViT-B-32/openai", models_dir, fingerprint)
    (models_dir / "one" / "open_clip_model.safetensors").write_text("trained again")
    with pytest.raises(ConfigurationError, match="build the catalogue again"):
        check_towers("one", models_dir, fingerprint)


def test_names_of_models(models_dir: Path) -> None:
    assert local_model_folder("one", models_dir) == models_dir / "one"
    assert local_model_folder(f"local-dir:{models_dir / 'two'}", Path("elsewhere")) == models_dir / "two"
    assert local_model_folder("ViT-B-32/openai", models_dir) is None
    check_model("ViT-B-32/openai", models_dir)
    for wrong in ("three", "local-dir:/nowhere", ""):
        with pytest.raises(ConfigurationError, match=r"Below .*: one, two"):
            check_model(wrong, models_dir)
