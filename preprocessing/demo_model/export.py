"""Writing a trained network as a model folder: open_clip's own layout, the heads and the quantiser."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save

from clip_branches.encoding import Quantiser
from clip_branches.encoding._files import write_json
from clip_branches.encoding._text import text_embeddings
from clip_branches.errors import ConfigurationError
from clip_branches.files import write_whole
from preprocessing.demo_model.batches import IMAGE_MEAN, IMAGE_STD, to_input
from preprocessing.demo_model.config import VOCABULARY, TrainingConfig
from preprocessing.demo_model.network import DemoNetwork
from preprocessing.demo_model.text import CompactTokenizer, padded

Array = npt.NDArray[np.float32]


def image_vectors(network: DemoNetwork, pixels: npt.NDArray[np.uint8], batch: int = 256) -> Array:
    """Unit vectors (n, 32) of pixels (n, size, size, 3); the network is in evaluation mode afterwards."""
    network.eval()
    with torch.inference_mode():
        rows = [
            network.heads.image(torch.nn.functional.normalize(network.towers.visual(to_input(part)), dim=-1)).numpy()
            for part in np.array_split(pixels, max(1, len(pixels) // batch))
        ]
    return np.concatenate(rows)


def text_vectors(network: DemoNetwork, tokenizer: CompactTokenizer, texts: Sequence[str]) -> Array:
    """Unit vectors (n, 32) of texts; the network is in evaluation mode afterwards."""
    network.eval()
    with torch.inference_mode():
        embeddings = text_embeddings(network.towers, padded(tokenizer.rows(texts)))
        codes: Array = network.heads.text(torch.nn.functional.normalize(embeddings, dim=-1)).numpy()
    return codes


def write_model(
    network: DemoNetwork, tokenizer: CompactTokenizer, config: TrainingConfig, images: Array, folder: Path
) -> None:
    """Write the model into ``folder``; the quantiser is fitted on ``images`` (n, 32)."""
    network.eval()
    state = {name: tensor.detach().clone() for name, tensor in network.towers.state_dict().items()}
    state["token_embedding.weight"] = tokenizer.full_table(state["token_embedding.weight"], VOCABULARY)
    # Half precision halves the file; open_clip loads it into float32.
    tensors = {
        name: (tensor.half() if tensor.is_floating_point() else tensor).contiguous() for name, tensor in state.items()
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "open_clip_model.safetensors", save(tensors))
    preprocessing = {
        "size": [config.image_size, config.image_size],
        "mode": "RGB",
        "mean": list(IMAGE_MEAN),
        "std": list(IMAGE_STD),
        "interpolation": "bicubic",
        "resize_mode": "shortest",
    }
    write_json(folder / "open_clip_config.json", {"model_cfg": config.model_config(), "preprocess_cfg": preprocessing})
    network.heads.export().save(folder)
    Quantiser().fit(images).save(folder / "quantiser.json")
    write_whole(folder / "training_config.json", (json.dumps(asdict(config), indent=2) + "\n").encode())


def save_network(network: DemoNetwork, tokenizer: CompactTokenizer, path: Path) -> None:
    """Write all that is trained, the classifiers too, and the vocabulary it was trained with."""
    state = {name: tensor.detach().contiguous() for name, tensor in network.state_dict().items()}
    write_whole(path, save(state, metadata={"vocabulary": json.dumps(tokenizer.used)}))


def load_network(network: DemoNetwork, tokenizer: CompactTokenizer, path: Path) -> None:
    """Fill ``network`` from what :func:`save_network` wrote; vocabulary and sizes must be the same."""
    with safe_open(path, framework="pt") as file:
        vocabulary = json.loads(file.metadata()["vocabulary"])
    if vocabulary != tokenizer.used:
        raise ConfigurationError(f"The network in {path} must have the vocabulary of this run. Got another instead.")
    network.load_state_dict(load_file(path))
