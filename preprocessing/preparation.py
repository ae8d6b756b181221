"""A model's preparation of images in two halves: pixels, in the threads that decode, and numbers, beside the model.

Pixels are bytes, a quarter of the numbers that they become: less to keep waiting, and less to send to a device. The
two halves give the very tensors that the whole gives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from PIL import Image


class Preparation:
    """``preprocess`` of an open_clip model, from a PIL image to float32 [3, height, width], in halves where it can be.

    It can where it ends in "to tensor" and "normalise", as open_clip's do; others run whole in the decoding threads.
    """

    def __init__(self, preprocess: Callable[[Image.Image], torch.Tensor]) -> None:
        self._whole = preprocess
        steps = list(getattr(preprocess, "transforms", []))
        names = [type(step).__name__ for step in steps[-2:]]
        self._halves = names in (["MaybeToTensor", "Normalize"], ["ToTensor", "Normalize"])
        self._steps = steps[:-2]
        if self._halves:
            self._mean, self._std = (
                torch.as_tensor(values, dtype=torch.float32).view(-1, 1, 1)
                for values in (steps[-1].mean, steps[-1].std)
            )

    def pixels(self, image: Image.Image) -> torch.Tensor:
        """The first half for one image: uint8 [height, width, 3], or what the whole preparation gives."""
        if not self._halves:
            return self._whole(image)
        for step in self._steps:
            image = step(image)
        return torch.from_numpy(np.array(image))

    def inputs(self, batch: Sequence[torch.Tensor], device: torch.device) -> torch.Tensor:
        """The second half: float32 [n, 3, height, width] on ``device`` of n images' :meth:`pixels`."""
        stacked = torch.stack(list(batch))
        if device.type == "cuda":
            stacked = stacked.pin_memory().to(device, non_blocking=True)
        if not self._halves:
            return stacked.to(device)
        numbers = stacked.permute(0, 3, 1, 2).contiguous().to(torch.float32).div_(255)
        return numbers.sub_(self._mean.to(device)).div_(self._std.to(device))
