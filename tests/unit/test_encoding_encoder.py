"""The encoder: loading by name and folder, the trimmed text tower, and the vectors' invariants, on a tiny model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clip_branches.encoding import Encoder, Head, Quantiser
from clip_branches.encoding._text import text_embeddings, trimmable_tower
from clip_branches.encoding._torchvision import ensure_torchvision
from clip_branches.errors import ConfigurationError, DamagedFile, InvalidInput

ensure_torchvision()

import open_clip  # noqa: E402
import torch  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

TEXTS = [
    "a red boat at the beach",
    "cat",
    "",
    "a photo of a small green bicycle leaning on a wall beside two blue umbrellas in the rain",
    "word " * 200,
    "naïve café, 東京!",
]


def write_tiny_model(folder: Path, **text: object) -> Path:
    """An open_clip model with random weights, small enough to be made for a test."""
    config = {
        "embed_dim": 16,
        "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16},
        "text_cfg": {"context_length": 24, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2, **text},
    }
    torch.manual_seed(0)
    custom = "pool_type" in text or "embed_cls" in text
    model = (open_clip.CustomTextCLIP if custom else open_clip.CLIP)(**json.loads(json.dumps(config)))
    with torch.no_grad():  # larger than open_clip's start, so that positions and tokens matter in the vectors
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    folder.mkdir(parents=True)
    if custom:
        config["custom_text"] = True
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": {"size": 32}}))
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    return folder


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write_tiny_model(folder / "tiny")
    layers = [(np.eye(32, 16, dtype=np.float32), np.full(32, 0.1, dtype=np.float32))]
    Head("mlp", layers, layers).save(folder / "tiny")
    Quantiser().fit(np.random.default_rng(0).normal(size=(50, 32))).save(folder / "tiny" / "quantiser.json")
    write_tiny_model(folder / "bare")
    return folder


@pytest.fixture(scope="module")
def encoder(models_dir: Path) -> Encoder:
    return Encoder.load("tiny", models_dir=models_dir)


def images(count: int) -> list[Image.Image]:
    generator = np.random.default_rng(0)
    sizes = [(40, 30), (32, 32), (17, 64)]
    return [Image.fromarray(generator.integers(0, 256, size=(*sizes[n % 3], 3), dtype=np.uint8)) for n in range(count)]


@pytest.mark.parametrize("text", [{}, {"pool_type": "eos", "eos_id": 49407}, {"pool_type": "argmax"}])
def test_the_trimmed_text_tower_gives_the_same_vectors(tmp_path: Path, text: dict[str, object]) -> None:
    encoder = Encoder.load(f"local-dir:{write_tiny_model(tmp_path / 'model', **text)}")
    assert trimmable_tower(encoder.model) is not None
    tokens = encoder.tokenizer(TEXTS)
    with torch.inference_mode():
        full = encoder.model.encode_text(tokens)
        whole_batch = text_embeddings(encoder.model, tokens)
        one_by_one = torch.cat([text_embeddings(encoder.model, row[None]) for row in tokens])
    assert torch.allclose(whole_batch, full, atol=1e-5)
    assert torch.allclose(one_by_one, full, atol=1e-5)


@pytest.mark.parametrize("text", [{"pool_type": "last"}, {"pool_type": "argmax", "no_causal_mask": True}])
def test_towers_that_cannot_be_cut_run_whole(tmp_path: Path, text: dict[str, object]) -> None:
    encoder = Encoder.load(f"local-dir:{write_tiny_model(tmp_path / 'model', **text)}")
    assert trimmable_tower(encoder.model) is None
    with torch.inference_mode():
        full = torch.nn.functional.normalize(encoder.model.encode_text(encoder.tokenizer(TEXTS)), dim=-1)
    assert np.allclose(encoder.embed_texts(TEXTS), full.numpy(), atol=1e-6)


def test_vectors_are_unit_float32_and_a_batch_equals_its_parts(encoder: Encoder) -> None:
    pictures = images(70)  # more than one batch
    embeddings = encoder.embed_images(pictures)
    texts = encoder.embed_texts(TEXTS)
    for rows, count in ((embeddings, 70), (texts, len(TEXTS))):
        assert rows.shape == (count, encoder.embedding_dim)
        assert rows.dtype == np.float32
        assert np.allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-5)
    singles = np.concatenate([encoder.embed_images([picture]) for picture in pictures[:5]])
    assert np.allclose(singles, embeddings[:5], atol=1e-5)
    assert np.array_equal(encoder.embed_images(pictures), embeddings)
    codes = encoder.encode_images(pictures[:5])
    assert np.array_equal(codes, encoder.project_images(embeddings[:5])) or np.allclose(
        codes, encoder.project_images(embeddings[:5]), atol=1e-5
    )
    assert encoder.encode_texts(TEXTS).shape == (len(TEXTS), 32)


def test_nothing_in_nothing_out(encoder: Encoder) -> None:
    assert encoder.embed_images([]).shape == (0, encoder.embedding_dim)
    assert encoder.encode_texts([]).shape == (0, 32)


def test_images_of_any_mode_are_taken(encoder: Encoder) -> None:
    picture = images(1)[0]
    modes = [picture.convert(mode) for mode in ("L", "RGBA", "P", "CMYK", "1", "LA")]
    assert encoder.embed_images(modes).shape == (6, encoder.embedding_dim)


def test_over_long_texts_are_cut_off_as_open_clip_does(encoder: Encoder) -> None:
    long = "a red boat " * 100
    assert np.array_equal(encoder.embed_texts([long]), encoder.embed_texts([long + "and a cat"]))


def test_a_local_model_brings_its_head_and_quantiser(models_dir: Path, encoder: Encoder, tmp_path: Path) -> None:
    assert encoder.head is not None
    assert encoder.quantiser is not None
    bare = Encoder.load(f"local-dir:{models_dir / 'bare'}")
    assert bare.head is None
    assert bare.quantiser is None
    with pytest.raises(ConfigurationError, match="head"):
        bare.encode_texts(["cat"])
    lent = Encoder.load(
        "bare", models_dir=models_dir, head=models_dir / "tiny", quantiser=models_dir / "tiny" / "quantiser.json"
    )
    assert np.allclose(lent.encode_texts(TEXTS), encoder.encode_texts(TEXTS), atol=1e-6)
    assert lent.quantiser is not None


def test_a_head_for_other_embeddings_is_refused(models_dir: Path) -> None:
    layers = [(np.eye(32, 7, dtype=np.float32), np.zeros(32, dtype=np.float32))]
    with pytest.raises(ConfigurationError, match=r"16 dimensions.*7"):
        Encoder.load("bare", models_dir=models_dir, head=Head("mlp", layers, layers))


def test_an_unknown_model_lists_what_there_is(models_dir: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"'nope'.*bare, tiny"):
        Encoder.load("nope", models_dir=models_dir)
    with pytest.raises(ConfigurationError, match=r"NoSuchArchitecture.*bare, tiny.*ViT-B-32"):
        Encoder.load("NoSuchArchitecture/openai", models_dir=models_dir)
    with pytest.raises(ConfigurationError, match=r"'nobody'.*openai"):
        Encoder.load("ViT-B-32/nobody", models_dir=models_dir)
    with pytest.raises(ConfigurationError, match=r"open_clip_config\.json"):
        Encoder.load(f"local-dir:{models_dir}/nope", models_dir=models_dir)


def test_one_string_is_not_a_list_of_texts(encoder: Encoder) -> None:
    with pytest.raises(InvalidInput, match="list"):
        encoder.embed_texts("cat")


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_truncated_weights_are_named(tmp_path: Path, share: float) -> None:
    folder = write_tiny_model(tmp_path / "model")
    path = folder / "open_clip_model.safetensors"
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(DamagedFile, match=r"open_clip_model\.safetensors"):
        Encoder.load(f"local-dir:{folder}")


def test_weights_of_another_architecture_and_a_broken_config_are_named(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path / "model")
    other = write_tiny_model(tmp_path / "other", width=48)
    (folder / "open_clip_config.json").write_bytes((other / "open_clip_config.json").read_bytes())
    with pytest.raises(DamagedFile, match="model"):
        Encoder.load(f"local-dir:{folder}")
    (folder / "open_clip_config.json").write_text("{")
    with pytest.raises(DamagedFile, match="model"):
        Encoder.load(f"local-dir:{folder}")


def test_a_local_model_is_loaded_without_a_network(models_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no network in this test")

    monkeypatch.setattr("socket.getaddrinfo", refuse)
    monkeypatch.setattr("socket.socket.connect", refuse)
    assert Encoder.load("tiny", models_dir=models_dir).encode_texts(["cat"]).shape == (1, 32)
