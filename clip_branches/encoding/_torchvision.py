"""Let open_clip import torchvision beside the CPU build of torch.

The ordinary torchvision wheel registers its compiled operators only when its shared library loads, and that library
is linked against the CUDA build of torch. Beside the CPU build ``import torchvision`` therefore stops with
"operator torchvision::nms does not exist": torchvision describes the shapes of two operators that nobody has defined.
Image transforms, all that open_clip wants of torchvision, need neither, so defining their names is enough.
"""

from __future__ import annotations

import importlib
import sys

import torch

_MISSING = "operator torchvision::"
_SCHEMAS = {
    "torchvision::nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "torchvision::qnms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}


def ensure_torchvision() -> None:
    """Import torchvision; where only its missing compiled operators stand in the way, name them and import again.

    Call it before open_clip is imported. Any other import error is left to the caller as it is.
    """
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if _MISSING not in str(error):
            raise
        for name, schema in _SCHEMAS.items():
            torch.library.define(name, schema)
        # The failed import leaves half-built submodules behind, which the second attempt must not find.
        for module in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[module]
        importlib.import_module("torchvision")
