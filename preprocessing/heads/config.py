"""How a head is trained."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from preprocessing.settings_file import FileSettings

PUBLISHED_HIDDEN = (8_192, 8_192)


class HeadConfig(FileSettings):
    """Settings of ``train-head``. The defaults are right for hundreds to some ten thousand pairs.

    With ``hidden`` empty both heads are linear, begin as the closed-form head of :func:`fit_paired` and are held near
    it; otherwise they are trained from a random start, as the published ones (8192, 8192) were.
    """

    dimensions: Annotated[int, Field(ge=2, le=512)] = 32
    hidden: tuple[Annotated[int, Field(ge=1)], ...] = ()
    distance: Literal["cosine", "euclidean"] = "cosine"
    start: Literal["paired", "pca", "random"] = "paired"
    shrinkage: Annotated[float, Field(gt=0, description="See fit_paired.")] = 10.0
    pull: Annotated[float, Field(ge=0, description="Weight of the squared distance from the first weights.")] = 0.01
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    noise: Annotated[float, Field(ge=0, description="Noise on embeddings, in parts of their own deviation.")] = 0.0
    koleo: Annotated[float, Field(ge=0, description="Weight of KoLeo, which spreads the vectors.")] = 0.0
    mmd: Annotated[float, Field(ge=0, description="Weight of MMD, which draws the two sides together.")] = 0.0
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    scale: Annotated[float, Field(gt=0, description="First factor of the logits; it is trained.")] = 1 / 0.07
    batch_size: Annotated[int, Field(ge=2)] = 1_024
    epochs: Annotated[int, Field(ge=0)] = 60
    patience: Annotated[int, Field(ge=1, description="Epochs without a better validation recall until the end.")] = 15
    validation: Annotated[float, Field(gt=0, lt=0.5, description="Share of the pairs that choose the epoch.")] = 0.1
    test: Annotated[float, Field(ge=0, lt=0.5, description="Share of the pairs that only the report sees.")] = 0.1
    precision: Literal["fp32", "bf16"] = "fp32"
    seed: Annotated[int, Field(ge=0)] = 0
