"""CIFAR-10 through torchvision, packed once into Parquet files with the pictures as PNG, in Hugging Face's form."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from clip_branches.errors import InvalidInput
from clip_branches.files import replacing

if TYPE_CHECKING:
    from torchvision.datasets import CIFAR10

SPLITS = ("train", "test")
_ROWS = 1_000
_NOTE = {"info": {"features": {"image": {"_type": "Image"}}}}


def pack_cifar10(
    folder: Path,
    target: Path,
    *,
    download: bool,
    progress: Callable[[int], object] = lambda _: None,
    dataset: Callable[..., CIFAR10] | None = None,
) -> int:
    """Write train.parquet and test.parquet to ``target`` from torchvision's CIFAR-10 in ``folder``; the images written.

    Files that are there are kept. ``download`` lets torchvision fetch what is missing in ``folder``; it checks what it
    reads by its checksums. ``dataset`` is torchvision's class. Raises InvalidInput when the data are not there.
    """
    dataset = dataset or _torchvision_dataset()
    target.mkdir(parents=True, exist_ok=True)
    written = 0
    for split in SPLITS:
        path = target / f"{split}.parquet"
        if path.exists():
            continue
        try:
            images = dataset(str(folder), train=split == "train", download=download)
        except (RuntimeError, OSError) as error:
            raise InvalidInput(
                f"The folder {folder} must hold CIFAR-10 as torchvision keeps it (cifar-10-batches-py), "
                f"or be fetched once where there is a network: {str(error).splitlines()[0]}"
            ) from error
        _write_split(path, images, split, progress)
        written += len(images)
    return written


def _write_split(path: Path, images: Any, split: str, progress: Callable[[int], object]) -> None:
    schema = pa.schema(
        [
            ("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
            ("caption", pa.string()),
            ("split", pa.string()),
        ],
        metadata={"huggingface": json.dumps(_NOTE)},
    )
    with replacing(path) as temporary, pq.ParquetWriter(temporary, schema) as writer:
        for start in range(0, len(images), _ROWS):
            rows = []
            for number in range(start, min(start + _ROWS, len(images))):
                picture, label = images[number]
                buffer = io.BytesIO()
                picture.save(buffer, "PNG")
                name = f"{split}-{number:05d}.png"
                image = {"bytes": buffer.getvalue(), "path": name}
                rows.append({"image": image, "caption": images.classes[label], "split": split})
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))
            progress(len(rows))


def _torchvision_dataset() -> Callable[..., CIFAR10]:
    from clip_branches.encoding._torchvision import ensure_torchvision

    ensure_torchvision()
    from torchvision.datasets import CIFAR10

    dataset: Callable[..., CIFAR10] = CIFAR10
    return dataset
