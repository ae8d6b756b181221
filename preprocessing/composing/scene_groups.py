"""Groups of scenes, drawn and embedded once, kept chunk by chunk in a work folder so that a run goes on."""

from __future__ import annotations

import hashlib
import io
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from tqdm import tqdm

from clip_branches.encoding import Encoder
from clip_branches.files import replacing
from preprocessing.composing.variations import GROUP_SIZE, group_of
from preprocessing.scenes import EVALUATION_SEEDS_START, TRAINING_SEEDS_START, render

Array = npt.NDArray[np.float32]

# Far from every seed that the towers, their heads and their own evaluation have seen.
TRAINING_GROUPS_START = TRAINING_SEEDS_START + 500_000
EVALUATION_GROUPS_START = EVALUATION_SEEDS_START + 500_000
_CHUNK = 100
_SIZE = 128


def group_vectors(seeds: range, model: Path, folder: Path, workers: int = 2) -> Array:
    """Unit image embeddings (groups, 6, d), float32, of the groups of ``seeds``, by the model in the folder ``model``.

    Every 100 groups are kept in ``folder`` under a name made of all that they depend on, and read back next time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    chunks = [seeds[start : start + _CHUNK] for start in range(0, len(seeds), _CHUNK)]
    key = _key(model)
    paths = [folder / f"groups-{key}-{chunk.start}-{len(chunk)}.npy" for chunk in chunks]
    missing = [(chunk, path) for chunk, path in zip(chunks, paths, strict=True) if not path.exists()]
    if missing:
        with ProcessPoolExecutor(workers) as pool:
            jobs = pool.map(_make_chunk, *zip(*((chunk, model, path) for chunk, path in missing), strict=True))
            for _ in tqdm(jobs, total=len(missing), desc="drawing groups", unit=f"x{_CHUNK}"):
                pass
    return np.concatenate([np.load(path, allow_pickle=False) for path in paths])


def _make_chunk(seeds: range, model: Path, path: Path) -> None:
    encoder = Encoder.load(f"local-dir:{model}", threads=1)
    images = [_stored(render(scene, _SIZE)) for seed in seeds for scene in group_of(seed)]
    vectors = encoder.embed_images(images).reshape(len(seeds), GROUP_SIZE, -1)
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.save(file, vectors, allow_pickle=False)


def _stored(image: Image.Image) -> Image.Image:
    """What is left of an image after the demo stored it: the networks must not see cleaner pixels."""
    file = io.BytesIO()
    image.save(file, "WEBP", quality=90, method=2)
    return Image.open(file).convert("RGB")


def _key(model: Path) -> str:
    digest = hashlib.sha256()
    here = Path(__file__).parent
    for source in [*sorted((here.parent / "scenes").rglob("*.py")), here / "variations.py"]:
        digest.update(source.read_bytes())
    for name in ("open_clip_config.json", "open_clip_model.safetensors"):
        digest.update((model / name).read_bytes())
    return digest.hexdigest()[:16]
