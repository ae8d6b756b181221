"""Training scenes, drawn once: pixels, captions and facts, kept in a work folder between runs."""

from __future__ import annotations

import hashlib
import io
import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from tqdm import tqdm

from preprocessing.demo_model.facts import SceneFacts, collect_facts, packed, random_query
from preprocessing.demo_model.places import object_cells
from preprocessing.scenes import COLORS, Scene, caption, render, sample_scene, swapped, with_changes

# Scenes are shown at this size in the demo; the model's preprocessing halves it, and so does training.
RENDERED_SIZE = 128
# Cells a side in which the training says what stands where: the third stage of the image tower at 96 px.
CELLS = 6
_CHUNK = 500


@dataclass(frozen=True)
class SceneSet:
    """n drawn scenes, what is said about them, and their facts.

    Attributes
    ----------
    pixels : uint8 (n, size, size, 3).
    captions : lists of texts, ``texts_per_scene`` for each scene.
    queries : lists of short texts, as many, that are true of the scene.
    asked : int64 (n, texts_per_scene, 4), the queries as :func:`packed` makes them.
    cells : int8 (n, CELLS, CELLS, 2), the kind and colour of the object in each cell of the picture.
    twin : int64 (n,), the row of the scene's twin, which differs in the colours of its objects alone, or -1.
    """

    pixels: npt.NDArray[np.uint8]
    captions: list[list[str]]
    queries: list[list[str]]
    asked: npt.NDArray[np.int64]
    facts: SceneFacts
    cells: npt.NDArray[np.int8]
    twin: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.pixels)


def scene_set(seeds: range, size: int, texts: int, folder: Path | None, workers: int = 2) -> SceneSet:
    """Scenes of ``seeds`` and the twins of some, drawn at ``size`` pixels as the model will see them.

    With a ``folder`` the result is kept there under a name made of everything that it depends on, the code of the
    scenes included, and read back the next time.
    """
    path = None if folder is None else folder / f"scenes-{_fingerprint(seeds, size, texts)}.npz"
    if path is None or not path.exists():
        result = _draw(seeds, size, texts, workers)
        if path is not None:
            _keep(result, path)
        return result
    with np.load(path) as kept:
        facts = SceneFacts(**{name: kept[name] for name in SceneFacts.__dataclass_fields__})
        captions, queries = json.loads(str(kept["texts"]))
        return SceneSet(kept["pixels"], captions, queries, kept["asked"], facts, kept["cells"], kept["twin"])


def reduced(image: Image.Image, size: int) -> npt.NDArray[np.uint8]:
    """The pixels that the model's preprocessing makes of a drawn scene: bicubic, uint8 (size, size, 3)."""
    return np.asarray(image.convert("RGB").resize((size, size), Image.Resampling.BICUBIC), dtype=np.uint8)


def _draw(seeds: range, size: int, texts: int, workers: int) -> SceneSet:
    chunks = [(seeds[start : start + _CHUNK], size, texts) for start in range(0, len(seeds), _CHUNK)]
    with ProcessPoolExecutor(workers) as pool:
        drawn = pool.map(_draw_chunk, *zip(*chunks, strict=True))
        parts = list(tqdm(drawn, total=len(chunks), desc="drawing scenes", unit=f"x{_CHUNK}"))
    counts = np.cumsum([0, *(len(part) for part in parts)])
    twins = [np.where(part.twin < 0, -1, part.twin + start) for part, start in zip(parts, counts[:-1], strict=True)]
    names = SceneFacts.__dataclass_fields__
    return SceneSet(
        pixels=np.concatenate([part.pixels for part in parts]),
        captions=[texts for part in parts for texts in part.captions],
        queries=[texts for part in parts for texts in part.queries],
        asked=np.concatenate([part.asked for part in parts]),
        facts=SceneFacts(**{name: np.concatenate([getattr(part.facts, name) for part in parts]) for name in names}),
        cells=np.concatenate([part.cells for part in parts]),
        twin=np.concatenate(twins),
    )


def _draw_chunk(seeds: range, size: int, texts: int) -> SceneSet:
    scenes: list[Scene] = []
    twin: list[int] = []
    generator = np.random.default_rng(seeds.start)
    for seed in seeds:
        scene = sample_scene(seed)
        row = len(scenes)
        other = _twin(scene, generator)
        scenes += [scene] if other is None else [scene, other]
        twin += [-1] if other is None else [row + 1, row]
    facts = collect_facts(scenes)
    queries = [[random_query(facts, row, generator) for _ in range(texts)] for row in range(len(scenes))]
    return SceneSet(
        pixels=np.stack([reduced(_compressed(render(scene, RENDERED_SIZE)), size) for scene in scenes]),
        captions=[[caption(scene, generator) for _ in range(texts)] for scene in scenes],
        queries=[[query.text for query in row] for row in queries],
        asked=np.array([[packed(query) for query in row] for row in queries], dtype=np.int64),
        facts=facts,
        cells=np.stack([object_cells(scene, CELLS) for scene in scenes]),
        twin=np.array(twin, dtype=np.int64),
    )


def _twin(scene: Scene, generator: np.random.Generator) -> Scene | None:
    """For half of the scenes the same with other colours: exchanged between two objects, or a new one for the first."""
    if generator.random() < 0.5:
        return None
    if scene.second_color is not None and generator.random() < 0.7:
        return swapped(scene)
    others = [color for color in COLORS if color not in (scene.color, scene.second_color, scene.third_color)]
    return with_changes(scene, color=others[int(generator.integers(len(others)))])


def _compressed(image: Image.Image) -> Image.Image:
    """What is left of an image after it was stored as the demo stores it: training must not see cleaner pixels."""
    file = io.BytesIO()
    image.save(file, "WEBP", quality=90, method=2)
    return Image.open(file)


def _keep(scenes: SceneSet, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp.npz")
    texts = np.array(json.dumps([scenes.captions, scenes.queries]))
    arrays = {
        "pixels": scenes.pixels,
        "asked": scenes.asked,
        "cells": scenes.cells,
        "twin": scenes.twin,
        **vars(scenes.facts),
    }
    np.savez(temporary, texts=texts, **arrays)
    temporary.replace(path)


def _fingerprint(seeds: range, size: int, texts: int) -> str:
    digest = hashlib.sha256(repr((seeds, size, texts)).encode())
    for source in sorted((Path(__file__).parent.parent / "scenes").rglob("*.py")):
        digest.update(source.read_bytes())
    digest.update(Path(__file__).read_bytes())
    return digest.hexdigest()[:16]
