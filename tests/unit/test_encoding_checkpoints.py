"""Checkpoints of fine-tuned models: plain, wrapped or parallel; fitting exactly, or refused by their keys' names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from clip_branches.encoding import Encoder
from clip_branches.encoding._torchvision import ensure_torchvision
from clip_branches.encoding.fingerprint import fingerprint_of_encoder
from clip_branches.encoding.saving import architecture_of, save_model
from clip_branches.errors import DamagedFile
from tests.unit.test_encoding_named import architectures, picture, published, tiny

ensure_torchvision()

__all__ = ["architectures", "published"]  # fixtures: an architecture "TINY" with published weights


def optimised() -> dict[str, torch.Tensor]:
    """Weights that differ from those of any start."""
    return {name: value + 0.01 if value.is_floating_point() else value for name, value in tiny().state_dict().items()}


def expected() -> np.ndarray:
    model = tiny()
    model.load_state_dict(optimised())
    pixels = torch.zeros(1, 3, 32, 32)
    return torch.nn.functional.normalize(model.encode_image(pixels), dim=-1).detach().numpy()


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".safetensors"])
@pytest.mark.parametrize("form", ["plain", "wrapped", "clip4cir", "parallel", "both"])
def test_every_published_form_of_a_checkpoint_gives_the_same_model(tmp_path: Path, suffix: str, form: str) -> None:
    state = optimised()
    if form in ("parallel", "both"):
        state = {f"module.{name}": value for name, value in state.items()}
    path = tmp_path / f"optimised{suffix}"
    if suffix == ".safetensors":
        save_file(state, path)  # it cannot nest
    else:
        key = {"wrapped": "state_dict", "both": "state_dict", "clip4cir": "CLIP"}.get(form)
        torch.save({"epoch": 3, key: state} if key else state, path)
    encoder = Encoder.load(f"TINY/{path}")
    with torch.inference_mode():
        found = torch.nn.functional.normalize(encoder.model.encode_image(torch.zeros(1, 3, 32, 32)), dim=-1).numpy()
    assert np.allclose(found, expected(), atol=1e-6)
    assert "mean=[0.5, 0.5, 0.5]" in repr(encoder.preprocess)
    assert "size=(32, 32)" in repr(encoder.preprocess)  # squashed, as the architecture's published weights are


def test_missing_and_surplus_keys_are_listed_by_name(tmp_path: Path) -> None:
    path = tmp_path / "optimised.pt"
    state = optimised()
    del state["visual.proj"], state["ln_final.bias"]
    torch.save({**state, "classes.proxies": torch.zeros(3, 16)}, path)
    with pytest.raises(DamagedFile) as found:
        Encoder.load(f"TINY/{path}")
    for part in ("optimised.pt", "TINY", "missing keys: visual.proj, ln_final.bias", "surplus keys: classes.proxies"):
        assert part in found.value.message
    assert "other shapes" not in found.value.message


def test_another_shape_is_refused_and_never_resized(tmp_path: Path) -> None:
    path = tmp_path / "optimised.pt"
    state = optimised()
    larger = state["visual.positional_embedding"].repeat(2, 1)
    torch.save({**state, "visual.positional_embedding": larger}, path)
    with pytest.raises(DamagedFile, match=r"visual\.positional_embedding is \(10, 32\) and must be \(5, 32\)"):
        Encoder.load(f"TINY/{path}")
    torch.save({**state, "logit_scale": state["logit_scale"].reshape(1)}, path)
    Encoder.load(f"TINY/{path}")  # a number in a list is the same number
    torch.save({**state, "note": "by hand"}, path)
    with pytest.raises(DamagedFile, match="surplus keys: note"):
        Encoder.load(f"TINY/{path}")


def test_another_architecture_is_refused_with_some_of_many_keys(tmp_path: Path) -> None:
    path = tmp_path / "optimised.pt"
    torch.save({f"layer.{number}": torch.zeros(1) for number in range(50)}, path)
    with pytest.raises(DamagedFile, match=r"layer\.19 and 30 more"):
        Encoder.load(f"TINY/{path}")


def test_a_saved_model_is_the_same_model(tmp_path: Path) -> None:
    torch.save(optimised(), tmp_path / "optimised.pt")
    name = f"TINY/{tmp_path}/optimised.pt"
    encoder = Encoder.load(name)
    save_model(encoder, architecture_of(name, tmp_path, encoder), tmp_path / "saved")
    again = Encoder.load(f"local-dir:{tmp_path}/saved")
    assert fingerprint_of_encoder("x", again) == fingerprint_of_encoder("x", encoder)
    assert repr(again.preprocess) == repr(encoder.preprocess)
    assert np.array_equal(again.embed_images([picture()]), encoder.embed_images([picture()]))
    assert np.array_equal(again.embed_texts(["a boat"]), encoder.embed_texts(["a boat"]))
