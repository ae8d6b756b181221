"""Weights by name, file and hub: the activation and the preparation of images that belong to them, or an error."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from clip_branches.encoding import Encoder
from clip_branches.encoding._named import settings_of_file, settings_of_tag
from clip_branches.encoding._torchvision import ensure_torchvision
from clip_branches.encoding.fingerprint import check_encoder, fingerprint_of_encoder
from clip_branches.errors import ConfigurationError, DamagedFile

ensure_torchvision()

import open_clip  # noqa: E402
import torch  # noqa: E402
from PIL import Image  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

TINY = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16},
    "text_cfg": {"context_length": 24, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}
INCEPTION = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "resize_mode": "squash"}
OPENAI_MEAN = (0.48145466, 0.4578275, 0.40821073)


def tiny(quick_gelu: bool = False) -> torch.nn.Module:
    torch.manual_seed(0)
    return open_clip.CLIP(**json.loads(json.dumps(TINY)), quick_gelu=quick_gelu).eval()


@pytest.fixture(scope="module", autouse=True)
def architectures(tmp_path_factory: pytest.TempPathFactory) -> None:
    """An architecture of open_clip's that nobody published weights for, and one that somebody did."""
    folder = tmp_path_factory.mktemp("architectures")
    for name in ("TINY-unpublished", "TINY"):
        (folder / f"{name}.json").write_text(json.dumps(TINY))
    open_clip.add_model_config(folder)


@pytest.fixture(autouse=True)
def published(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, object]]:
    settings = dict(open_clip.pretrained.get_pretrained_cfg("ViT-B-32", "laion2b_s34b_b79k"))
    tags: dict[str, dict[str, object]] = {"somebody": {**settings, **INCEPTION}}
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "TINY", tags)
    return tags


def steps(encoder: Encoder) -> str:
    return repr(encoder.preprocess)


def picture() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8))


def test_published_weights_bring_the_activation_that_they_were_trained_with() -> None:
    for architecture in ("ViT-B-32", "ViT-L-14", "RN50x4", "ViT-L-14-336"):
        assert settings_of_tag(architecture, "openai").quick_gelu
        assert settings_of_tag(architecture, "openai").preparation["mean"] == list(OPENAI_MEAN)
    assert not settings_of_tag("ViT-B-32", "laion2b_s34b_b79k").quick_gelu
    assert settings_of_tag("ViT-SO400M-14-SigLIP-384", "webli").preparation == INCEPTION


def test_every_published_model_that_wants_quick_gelu_gets_it() -> None:
    wrong = []
    for architecture, tag in open_clip.list_pretrained():
        wanted = bool(open_clip.pretrained.get_pretrained_cfg(architecture, tag).get("quick_gelu"))
        if wanted and not settings_of_tag(architecture, tag).quick_gelu:
            wrong.append((architecture, tag))
    assert not wrong


def test_a_file_takes_the_preparation_that_all_published_weights_share(tmp_path: Path) -> None:
    save_file(tiny().state_dict(), tmp_path / "weights.safetensors")
    encoder = Encoder.load(f"TINY/{tmp_path}/weights.safetensors")
    assert "mean=[0.5, 0.5, 0.5]" in steps(encoder)
    assert "size=(32, 32)" in steps(encoder)  # squashed, not cropped
    expected = tiny().encode_image(encoder.preprocess(picture())[None])
    assert np.allclose(
        encoder.embed_images([picture()]), torch.nn.functional.normalize(expected).detach().numpy(), atol=1e-6
    )


def test_a_file_without_any_known_preparation_is_refused(
    tmp_path: Path, published: dict[str, dict[str, object]]
) -> None:
    path = tmp_path / "weights.safetensors"
    save_file(tiny().state_dict(), path)
    with pytest.raises(ConfigurationError, match=r"no published weights.*open_clip_config\.json.*mean, std"):
        Encoder.load(f"TINY-unpublished/{path}")
    published["somebody else"] = {**published["somebody"], "resize_mode": "shortest"}
    with pytest.raises(ConfigurationError, match="differ"):
        settings_of_file("TINY", path)
    (tmp_path / "open_clip_config.json").write_text(
        json.dumps({"model_cfg": {"quick_gelu": True}, "preprocess_cfg": {**INCEPTION, "mean": [0.1, 0.2, 0.3]}})
    )
    encoder = Encoder.load(f"TINY-unpublished/{path}")
    assert "mean=[0.1, 0.2, 0.3]" in steps(encoder)
    assert "QuickGELU" in repr(encoder.model)
    (tmp_path / "open_clip_config.json").write_text('{"preprocess_cfg": {"mean": [0, 0, 0]}}')
    with pytest.raises(DamagedFile, match=r"open_clip_config\.json.*std"):
        Encoder.load(f"TINY-unpublished/{path}")


def test_a_file_that_open_clip_lists_is_recognised_by_its_digest(
    tmp_path: Path, published: dict[str, dict[str, object]]
) -> None:
    from clip_branches.files import sha256_of

    path = tmp_path / "weights.safetensors"
    save_file(tiny().state_dict(), path)
    digest = sha256_of(path)
    for url in (f"https://example.org/{digest}/model.pt", f"https://example.org/model-{digest[:8]}.pt"):
        published["listed"] = {**published["somebody"], "url": url, "quick_gelu": True, "resize_mode": "shortest"}
        settings = settings_of_file("TINY", path)
        assert settings.quick_gelu
        assert settings.preparation["resize_mode"] == "shortest"


@pytest.mark.filterwarnings("ignore")  # torch has deprecated the form that OpenAI published
def test_openais_own_archives_get_quick_gelu(tmp_path: Path) -> None:
    model, path = tiny(quick_gelu=True), tmp_path / "ViT-Tiny.pt"
    example = (torch.zeros(1, 3, 32, 32), torch.zeros(1, 24, dtype=torch.long))
    torch.jit.trace(model, example, check_trace=False).save(str(path))
    encoder = Encoder.load(f"TINY/{path}")
    assert "QuickGELU" in repr(encoder.model)
    expected = model.encode_image(encoder.preprocess(picture())[None])
    assert np.allclose(
        encoder.embed_images([picture()]), torch.nn.functional.normalize(expected).detach().numpy(), atol=1e-6
    )
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"preprocess_cfg": INCEPTION}))
    with pytest.raises(DamagedFile, match=r"ViT-Tiny\.pt.*that architecture"):
        Encoder.load(f"ViT-S-32-alt/{path}")


@pytest.mark.parametrize("content", [b"", b"not weights", b"PK\x03\x04 half a zip"])
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_file_that_holds_no_weights_is_named(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(content)
    with pytest.raises(DamagedFile, match=rf"weights\{suffix}.*TINY"):
        Encoder.load(f"TINY/{path}")


def test_a_pickle_that_runs_code_is_refused(tmp_path: Path) -> None:
    (tmp_path / "weights.pt").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(DamagedFile, match=r"weights\.pt"):
        Encoder.load(f"TINY/{tmp_path}/weights.pt")


def test_a_hub_model_in_the_cache_brings_its_own_preparation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = tmp_path / "models--somebody--tiny" / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("0" * 40)
    save_file(tiny().state_dict(), snapshot / "open_clip_model.safetensors")
    (snapshot / "open_clip_config.json").write_text(json.dumps({"model_cfg": TINY, "preprocess_cfg": INCEPTION}))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    encoder = Encoder.load("hf-hub:somebody/tiny")
    assert "mean=[0.5, 0.5, 0.5]" in steps(encoder)
    with pytest.raises(ConfigurationError, match="hf-hub:somebody/other"):
        Encoder.load("hf-hub:somebody/other")


def test_a_named_model_is_checked_against_the_catalogue_once_it_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file(tiny().state_dict(), path)
    name = f"TINY/{path}"
    encoder = Encoder.load(name)
    fingerprint = fingerprint_of_encoder(name, encoder)
    check_encoder(name, tmp_path, encoder, fingerprint)
    check_encoder(name, tmp_path, encoder, None)
    (tmp_path / "open_clip_config.json").write_text(
        json.dumps({"model_cfg": {"quick_gelu": True}, "preprocess_cfg": INCEPTION})
    )
    with pytest.raises(ConfigurationError, match="build the catalogue again"):
        check_encoder(name, tmp_path, Encoder.load(name), fingerprint)
