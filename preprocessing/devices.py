"""Where the model runs and in which precision, named or found out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clip_branches.errors import ConfigurationError

if TYPE_CHECKING:
    import torch

PRECISIONS = ("auto", "fp32", "bf16", "fp16")


def choose_device(name: str) -> torch.device:
    """The device called "cpu", "cuda" or "cuda:<number>"; "auto" is the first CUDA device where there is one.

    Raises ConfigurationError, naming the devices there are, for one that torch does not have.
    """
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    available = ["cpu", *(f"cuda:{number}" for number in range(count))]
    if name == "auto":
        return torch.device(available[1] if count else "cpu")
    wanted = "cuda:0" if name == "cuda" else name
    if wanted not in available:
        hint = "" if count else "; torch finds no CUDA here, a build of torch with CUDA and a driver are needed for it"
        raise ConfigurationError(
            f"The 'device' must be auto or one of {', '.join(available)}{hint}. Got {name!r} instead."
        )
    return torch.device(wanted)


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """The dtype in which the model's matrix products run; "auto" is float32 on a CPU and float16 on CUDA.

    float16 keeps three more bits of a product than bfloat16; what overflows in it is computed again in float32.
    """
    import torch

    named = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
    on_cuda = device.type == "cuda"
    if name == "auto":
        return torch.float16 if on_cuda else torch.float32
    if name not in named or (name == "fp16" and not on_cuda):
        usable = PRECISIONS if on_cuda else tuple(known for known in PRECISIONS if known != "fp16")
        raise ConfigurationError(
            f"The 'precision' must be one of {', '.join(usable)} on {device}. Got {name!r} instead."
        )
    return named[name]
