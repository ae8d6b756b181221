"""How the composing networks are trained; the defaults are the published recipes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from preprocessing.settings_file import FileSettings


class _Config(FileSettings):
    hidden: Annotated[int | None, Field(ge=1, description="Width of the hidden layers.")] = None
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    learning_rate: Annotated[float, Field(gt=0)] = 2e-5
    batch_size: Annotated[int, Field(ge=2)] = 1_024
    epochs: Annotated[int, Field(ge=1)] = 300
    validation: Annotated[float, Field(gt=0, lt=0.5, description="Share of the groups that choose the epoch.")] = 0.05
    patience: Annotated[int, Field(ge=1, description="Epochs without a better validation until the end.")] = 20
    seed: Annotated[int, Field(ge=0)] = 0


class TowersConfig(_Config):
    """CLIP4Cir, first stage: both towers, AdamW at 2e-6, batches of 128, logits times 100."""

    learning_rate: Annotated[float, Field(gt=0)] = 2e-6
    batch_size: Annotated[int, Field(ge=2)] = 128
    epochs: Annotated[int, Field(ge=1)] = 100
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    scale: Annotated[float, Field(gt=0, description="Factor of the logits.")] = 100.0
    towers: Annotated[Literal["both", "image", "text"], Field(description="Which towers are trained.")] = "both"


class CombinerConfig(_Config):
    """CLIP4Cir, second stage: CLIP stands still, Adam at 2e-5, batches of 1,024 to 4,096, logits times 100."""

    projection: Annotated[int | None, Field(ge=1, description="Width of each side's projection; default 4 d.")] = None
    scale: Annotated[float, Field(gt=0, description="Factor of the logits.")] = 100.0
    code_share: Annotated[float, Field(ge=0, le=1, description="Share of the loss taken on 32-d vectors.")] = 0.0
    code_scale: Annotated[float, Field(gt=0, description="Factor of the logits there.")] = 20.0
    lifted: Annotated[float, Field(ge=0, le=1, description="Share of references that come from their code.")] = 0.0


class InversionConfig(_Config):
    """LinCIR's objective on SEARLE's network: keywords replaced by the word of a noisy text vector, AdamW."""

    learning_rate: Annotated[float, Field(gt=0)] = 1e-4
    batch_size: Annotated[int, Field(ge=2)] = 512
    epochs: Annotated[int, Field(ge=1)] = 20
    noise: Annotated[float, Field(ge=0, description="Largest length of the noise on text vectors.")] = 0.64
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    scale: Annotated[float, Field(gt=0, description="Factor of the logits of told changes.")] = 20.0
    template: str = "a photo of $ , {}"


class ToldConfig(_Config):
    """A textual inversion trained on told changes, with images simulated from text."""

    learning_rate: Annotated[float, Field(gt=0)] = 2e-3
    batch_size: Annotated[int, Field(ge=2, description="Groups in a batch.")] = 48
    epochs: Annotated[int, Field(ge=1)] = 20
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    count: Annotated[int, Field(ge=1, description="Pseudo-words of an image.")] = 2
    scale: Annotated[float, Field(gt=0, description="Factor of the logits.")] = 40.0
    code_share: Annotated[float, Field(ge=0, le=1, description="Share of the loss taken on 32-d vectors.")] = 0.6
    code_scale: Annotated[float, Field(gt=0, description="Factor of the logits there.")] = 20.0
    lifted: Annotated[float, Field(ge=0, le=1, description="Share of batches whose references come from codes.")] = 0.6
    template: str = "$ , {}"
