"""How much of the model's own speed the embedding of files reaches: both in one run, in turn.

    python -m benchmarks.embedding --architecture ViT-B-32 --images 256
    python -m benchmarks.embedding --model demo --images 2000 --side 128

"model alone" gives the model pixels that wait in memory; "files to shards" reads, checks, decodes and prepares image
files and writes shards with checksums, as ``python -m preprocessing embed`` does. On a CPU that other programs use as
well, the ratio of processor time is the one to read: it is that of the rates on an idle machine. Weights of an
architecture are drawn at random: that changes no speed. Pictures are noise over smooth colours, whose JPEG files are as
large as photos'.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from preprocessing.decoding import ImageReader, bytes_reader
from preprocessing.embedding import ShardCutter, read_batches
from preprocessing.pool import default_workers
from preprocessing.shards import Shards
from preprocessing.towers import Batch, BatchEmbedder, Towers, load_towers


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="embedding-") as name:
        folder = Path(name)
        model = arguments.model or f"local-dir:{_random_model(folder / 'model', arguments.architecture)}"
        towers = load_towers(model, Path("assets/models"), arguments.device, arguments.precision)
        images = _draw(folder / "images", arguments.images, arguments.side)
        size = sum(path.stat().st_size for path in (folder / "images").iterdir()) / len(images) / 1024
        print(
            f"{arguments.model or arguments.architecture} on {towers.device} in {towers.precision}; {len(images)} JPEG "
            f"files of {arguments.side} x {arguments.side * 3 // 4}, {size:.0f} KiB each; {arguments.workers} decoding "
            f"threads, {arguments.threads} model threads, batches of {arguments.batch_size}"
        )
        result = _compare(towers, folder, images, arguments)
    if arguments.output:
        arguments.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def _compare(towers: Towers, folder: Path, images: dict[str, str], arguments: argparse.Namespace) -> dict[str, object]:
    reader = ImageReader(bytes_reader(folder / "images"), towers.preparation.pixels, arguments.workers)
    shard = max(arguments.batch_size, len(images) // 4)
    waiting = list(read_batches(reader, images, arguments.batch_size, shard))
    sources = {key: source for source, key in images.items()}
    rounds: dict[str, list[tuple[float, float]]] = {"decoding alone": [], "model alone": [], "files to shards": []}

    def decode() -> None:
        for _ in read_batches(reader, images, arguments.batch_size, shard):
            pass

    def model_alone() -> None:
        _embed(towers, waiting, arguments.threads)

    def files_to_shards(target: Path) -> None:
        cutter = ShardCutter(Shards(target, "benchmark"), shard, sources, lambda _: None)
        batches = read_batches(reader, images, arguments.batch_size, shard)
        with BatchEmbedder(towers.embed, arguments.threads, towers.encoder.embedding_dim) as embedder:
            for batch in batches:
                cutter.take(embedder.submit(batch))
            cutter.take(embedder.drain())
        cutter.write()

    _embed(towers, waiting[:2], arguments.threads)  # warms up caches and the device
    for number in range(arguments.rounds):
        rounds["decoding alone"].append(_rate(decode, len(images)))
        rounds["model alone"].append(_rate(model_alone, len(images)))
        rounds["files to shards"].append(_rate(lambda: files_to_shards(folder / f"shards-{number}"), len(images)))  # noqa: B023
        last = {name: times[-1] for name, times in rounds.items()}
        said = (
            f"{name} {rate:,.1f} images/s, {1_000 * spent:.1f} ms of processor time an image"
            for name, (rate, spent) in last.items()
        )
        print("  round", number + 1, "; ".join(said), flush=True)
    pairs = list(zip(rounds["files to shards"], rounds["model alone"], strict=True))
    rate = statistics.median(whole[0] / alone[0] for whole, alone in pairs)
    processor = statistics.median(alone[1] / whole[1] for whole, alone in pairs)
    print(f"files to shards reach {rate:.0%} of the model alone; by processor time {processor:.0%} (medians)")
    return {"rounds": rounds, "ratio": rate, "processor_time_ratio": processor}


def _embed(towers: Towers, batches: list[Batch], threads: int) -> None:
    with BatchEmbedder(towers.embed, threads, towers.encoder.embedding_dim) as embedder:
        for batch in batches:
            embedder.submit(batch)
        embedder.drain()


def _rate(work: Callable[[], None], count: int) -> tuple[float, float]:
    """Images a second, and seconds of processor time an image."""
    started, spent = time.perf_counter(), time.process_time()
    work()
    return count / (time.perf_counter() - started), (time.process_time() - spent) / count


def _draw(folder: Path, count: int, side: int) -> dict[str, str]:
    """Write ``count`` JPEG files of ``side`` x 3/4 ``side``; their names and sha256."""
    folder.mkdir()
    generator = np.random.default_rng(0)
    images = {}
    size = (side, side * 3 // 4)
    for number in range(count):
        smooth = Image.fromarray(generator.integers(0, 256, (6, 8, 3), dtype=np.uint8)).resize(size, Image.BICUBIC)
        noisy = np.asarray(smooth, np.float32) + generator.normal(0, 12, (size[1], size[0], 1))
        path = folder / f"{number:06d}.jpg"
        Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(path, quality=90)
        images[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return images


def _random_model(folder: Path, architecture: str) -> Path:
    """A model of ``architecture`` with random weights, in open_clip's ``local-dir:`` layout."""
    from clip_branches.encoding._torchvision import ensure_torchvision

    ensure_torchvision()
    import open_clip
    from safetensors.torch import save_file

    model = open_clip.create_model(architecture, pretrained_text=False)
    folder.mkdir()
    preparation = {"interpolation": "bicubic", "resize_mode": "shortest"}
    config = {"model_cfg": open_clip.get_model_config(architecture), "preprocess_cfg": preparation}
    (folder / "open_clip_config.json").write_text(json.dumps(config), encoding="utf-8")
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    return folder


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--architecture", default="ViT-B-32", help="open_clip architecture with random weights")
    parser.add_argument("--model", help="a model as in preprocessing, in place of an architecture")
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--side", type=int, default=640, help="longer side of the pictures")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=default_workers())
    parser.add_argument("--threads", type=int, default=default_workers())
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--output", type=Path, help="write the figures here as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    main()
