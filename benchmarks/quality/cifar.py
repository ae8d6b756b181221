"""CIFAR-10 mapped into CLIP text space: a small image encoder learns to point at the real text vectors of the classes.

No CLIP image tower is at hand offline, so one is stood in for: half of the 60,000 photos train a small network whose
output is scored against the real CLIP ViT-B/32 text vectors of the ten class names, as in CLIP's own loss. Quality is
measured on the other half; the photos it was trained on stay in the catalogue as distractors.
"""

from __future__ import annotations

import io
import itertools
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

TRAINED_ON = 30_000
_EPOCHS = 12
_BATCH = 250
_RATE = 0.003
_FILTERS = 256
_PATCH = 6
_LEAST = 0.5  # responses below it count as none
# As the vocabulary has them; it knows no plain "ship".
_NAMES = "airplane,car_(automobile),bird,cat,deer,dog,frog,horse,boat,truck".split(",")


def read_photos(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.bool_], list[str]]:
    """photos (60000, 32, 32, 3), labels (60000,), whether in the official test part, class names."""
    data = np.load(path, allow_pickle=False)
    jpeg, offset = data["jpeg"], data["offset"]
    photos = np.stack(
        [
            np.asarray(Image.open(io.BytesIO(jpeg[start:end].tobytes())).convert("RGB"))
            for start, end in itertools.pairwise(offset)
        ]
    )
    return photos, data["label"].astype(np.int64), data["is_test"], [str(name) for name in data["class_name"]]


def class_vectors(path: Path) -> NDArray[np.float32]:
    """Real CLIP text vectors of the ten classes, (10, 512), unit length."""
    data = np.load(path, allow_pickle=False)
    names = [str(name) for name in data["name"]]
    vectors: NDArray[np.float32] = data["emb"][[names.index(name) for name in _NAMES]].astype(np.float32)
    return vectors


def embed(
    photos: NDArray[np.uint8], labels: NDArray[np.int64], text: NDArray[np.float32], train: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Unit vectors (n, 512) of all photos by an encoder trained on the rows ``train``; minutes on two cores.

    Fixed filters are patches of training photos, whitened (Coates and Ng 2012, "Learning feature representations with
    k-means"); what is trained is the two layers above them.
    """
    images = (torch.from_numpy(photos).permute(0, 3, 1, 2).float() / 127.5 - 1).contiguous()
    features = _patch_features(images, torch.from_numpy(train))
    targets, anchors = torch.from_numpy(labels), torch.from_numpy(text)
    torch.manual_seed(0)
    scale = nn.Parameter(torch.tensor(3.0))
    model = nn.Sequential(
        nn.Dropout(0.2), nn.Linear(features.shape[1], 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(512, text.shape[1]),
    )  # fmt: skip
    optimiser = torch.optim.AdamW([*model.parameters(), scale], lr=_RATE, weight_decay=0.05)
    steps = len(train) // _BATCH * _EPOCHS
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=steps, pct_start=0.25)
    for _ in range(_EPOCHS):
        for batch in torch.from_numpy(train)[torch.randperm(len(train))].split(_BATCH):
            if len(batch) < _BATCH:
                continue
            vectors = nn.functional.normalize(model(features[batch]), dim=-1)
            loss = nn.functional.cross_entropy(scale.exp() * vectors @ anchors.T, targets[batch], label_smoothing=0.1)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    model.eval()
    with torch.inference_mode():
        vectors = nn.functional.normalize(model(features), dim=-1)
    found: NDArray[np.float32] = vectors.numpy()
    return found


def _patch_features(images: torch.Tensor, train: torch.Tensor) -> torch.Tensor:
    """How strongly whitened patches of training photos show in each quarter of a photo, (n, 8 * filters)."""
    generator = torch.Generator().manual_seed(0)
    with torch.inference_mode():
        chosen = images[train[torch.randperm(len(train), generator=generator)[:4_000]]]
        windows = nn.functional.unfold(chosen, _PATCH, stride=3).transpose(1, 2).reshape(-1, 3 * _PATCH**2)
        windows = windows[torch.randperm(len(windows), generator=generator)[:100_000]]
        windows = windows - windows.mean(dim=1, keepdim=True)
        windows /= (windows.var(dim=1, keepdim=True) + 0.01).sqrt()
        mean = windows.mean(dim=0)
        values, axes = torch.linalg.eigh(torch.cov(windows.T))
        whiten = axes @ torch.diag((values + 0.1).rsqrt()) @ axes.T
        white = (windows - mean) @ whiten
        filters = nn.functional.normalize(white[torch.randperm(len(white), generator=generator)[:_FILTERS]], dim=1)
        kernel = (filters @ whiten).reshape(_FILTERS, 3, _PATCH, _PATCH)
        kernel -= kernel.mean(dim=(1, 2, 3), keepdim=True)
        ones = torch.full((1, 3, _PATCH, _PATCH), 1 / (3 * _PATCH**2))
        shift = filters @ whiten @ mean
        found = []
        for part in images.split(200):
            middle = nn.functional.conv2d(part, ones, stride=2)
            spread = (nn.functional.conv2d(part**2, ones, stride=2) - middle**2 + 0.01).sqrt()
            response = nn.functional.conv2d(part, kernel, stride=2) / spread - shift[None, :, None, None]
            both = torch.cat([torch.relu(response - _LEAST), torch.relu(-response - _LEAST)], dim=1)
            found.append(nn.functional.adaptive_avg_pool2d(both, 2).flatten(1))
        features = torch.cat(found)
        seen = features[train]
        return ((features - seen.mean(dim=0)) / (seen.std(dim=0) + 1e-6)).clone()
