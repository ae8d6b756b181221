"""What a training run of the demo model is made of; every figure that changes the result stands here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

VOCABULARY = 49_408  # open_clip's SimpleTokenizer


@dataclass(frozen=True)
class TrainingConfig:
    """Sizes, lengths and weights of a run; the same config on the same build of torch gives the same model."""

    seed: int = 0
    # Data
    scenes: int = 32_000
    texts_per_scene: int = 8
    # Towers: open_clip's ModifiedResNet at 96 px, and a short text transformer
    image_size: int = 96
    image_width: int = 16
    image_layers: tuple[int, int, int, int] = (1, 2, 2, 1)
    context_length: int = 32
    text_width: int = 64
    text_heads: int = 4
    text_layers: int = 2
    embedding_dim: int = 128
    # Heads
    head_hidden: tuple[int, ...] = (512,)
    code_dim: int = 32
    # Optimisation: AdamW, one cycle
    epochs: int = 24
    batch: int = 128
    learning_rate: float = 2e-3
    warm_up: float = 0.05
    weight_decay: float = 0.05
    # The heads once more, on frozen towers, with scenes that the towers never saw
    head_scenes: int = 16_000
    head_steps: int = 1_500
    head_batch: int = 768
    head_learning_rate: float = 4e-3
    head_weight_decay: float = 0.05
    head_noise: float = 1.0
    head_query_contrast: float = 2.0
    head_likeness: float = 1.0
    head_hidden_code: float = 1.8
    head_style_scale: float = 5.0
    head_hidden_scale: float = 12.0
    # Of a scene's queries those that ask for two things are taken first; 0 takes any, 1 always them
    head_pairs_first: float = 0.5
    # Loss weights
    code_contrast: float = 1.0
    code_query_contrast: float = 1.0
    likeness: float = 1.0
    koleo: float = 0.02
    hidden_embedding: float = 2.0
    hidden_code: float = 1.0
    visible_embedding: float = 1.0
    visible_cells: float = 2.0
    # Scale of the cosine classifiers on the codes: the smaller, the more room an attribute must be given to be read.
    # The drawing style gets most, so that ten labels are enough to find it.
    style_scale: float = 7.0
    hidden_scale: float = 12.0
    # How many of the texts get unknown words put in
    unknown_words: float = 0.15

    def model_config(self) -> dict[str, Any]:
        """The ``model_cfg`` of open_clip for these towers."""
        return {
            "embed_dim": self.embedding_dim,
            "vision_cfg": {
                "image_size": self.image_size,
                "layers": list(self.image_layers),
                "width": self.image_width,
                "patch_size": None,
            },
            "text_cfg": {
                "context_length": self.context_length,
                "vocab_size": VOCABULARY,
                "width": self.text_width,
                "heads": self.text_heads,
                "layers": self.text_layers,
            },
        }
