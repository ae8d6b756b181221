"""How a retrieval-optimised model is trained; the defaults are the published recipes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from preprocessing.settings_file import FileSettings

Method = Literal["mcip", "gpr-ft", "re-a"]


class _Config(FileSettings):
    epochs: Annotated[int, Field(ge=1)] = 3
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    gradient_norm: Annotated[float, Field(gt=0, description="Longest gradient of a step.")] = 1.0
    validation: Annotated[
        float, Field(ge=0, lt=0.5, description="Share of the classes that are kept back to choose the weights.")
    ] = 0.1
    tests_per_epoch: Annotated[int, Field(ge=1, description="Evaluations and checkpoints in an epoch.")] = 4
    seed: Annotated[int, Field(ge=0)] = 0


class ImageConfig(_Config):
    """MCIP and GPR-FT: AdamW from 1e-6 to 1e-7 along a cosine, batches of 128, three epochs, s = 30, m = 0.1."""

    learning_rate: Annotated[float, Field(gt=0)] = 1e-6
    last_rate: Annotated[float, Field(gt=0, le=1, description="The last learning rate, in parts of the first.")] = 0.1
    proxy_rate: Annotated[float, Field(gt=0, description="Learning rate of the classes, times that of the tower.")] = (
        100.0
    )
    batch_size: Annotated[int, Field(ge=2)] = 128
    scale: Annotated[float, Field(gt=0, description="s of ArcFace.")] = 30.0
    margin: Annotated[float, Field(ge=0, lt=1.5, description="m of ArcFace, in radians.")] = 0.1
    caption_share: Annotated[float, Field(ge=0, le=1, description="Share of the captions' loss; GPR-FT: 0.")] = 0.25
    captions_most: Annotated[int, Field(ge=1, description="Captions of an image, its own first.")] = 40
    pseudo_nearest: Annotated[int, Field(ge=1, description="Pseudo-captions of an image.")] = 20
    pseudo_above: Annotated[float, Field(ge=-1, le=1, description="Their smallest cosine with the image.")] = 0.27
    enlarge: Annotated[float, Field(ge=1, le=2, description="Resized to this and cropped at random.")] = 1.125
    flip: Annotated[bool, Field(description="Mirror every other image; not where captions tell left from right.")] = (
        True
    )
    jitter: Annotated[float, Field(ge=0, lt=1, description="Of brightness, contrast and saturation.")] = 0.4


class TextConfig(_Config):
    """Re-A: images frozen and embedded once, AdamW at 1e-5, InfoNCE in batches of 16,384, the last 16 text layers."""

    learning_rate: Annotated[float, Field(gt=0)] = 1e-5
    last_rate: Annotated[float, Field(ge=0, le=1, description="The last learning rate, in parts of the first.")] = 0.0
    weight_decay: Annotated[float, Field(ge=0)] = 0.2
    batch_size: Annotated[int, Field(ge=2)] = 16_384
    unlocked_layers: Annotated[int, Field(ge=1, description="Last layers of the text tower that are trained.")] = 16
