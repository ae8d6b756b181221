"""What scenes look like: determinism, every drawing in every style, and hidden attributes that can be seen."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from clip_branches.errors import InvalidInput
from preprocessing.scenes import COLORS, HIDDEN, KINDS, SETTINGS, STYLES, Scene, render, sample_scene
from preprocessing.scenes import with_changes as changed
from preprocessing.scenes.backdrops import HEIGHT, SCALE, VARIANTS, WIDTH
from preprocessing.scenes.layout import place
from preprocessing.scenes.palette import OBJECT_COLORS
from preprocessing.scenes.sprites import sprite


def calm(seed: int, **changes: object) -> Scene:
    """A scene with the first, unadorned value of every hidden attribute."""
    return changed(sample_scene(seed), **({name: values[0] for name, values in HIDDEN.items()} | changes))


def seen(scene: Scene) -> npt.NDArray[np.float64]:
    """The scene as a model sees it, at 64 px."""
    return np.asarray(render(scene, 64), dtype=np.float64)


@pytest.mark.parametrize("size", [16, 64, 128, 200])
def test_size_and_mode(size: int) -> None:
    picture = render(sample_scene(1), size)
    assert (picture.size, picture.mode) == ((size, size), "RGB")


@pytest.mark.parametrize("size", [0, 15, 4096])
def test_a_size_that_cannot_be_drawn_is_refused(size: int) -> None:
    with pytest.raises(InvalidInput, match="between 16 and 2048"):
        render(sample_scene(1), size)


def test_a_scene_is_always_the_same_picture() -> None:
    scenes = [sample_scene(seed) for seed in range(12)]
    first = [render(scene).tobytes() for scene in scenes]
    again = [render(scene).tobytes() for scene in reversed(scenes)]
    assert first == again[::-1]
    assert len(set(first)) == len(first)


@pytest.mark.parametrize("style", STYLES)
def test_every_kind_is_drawn_in_every_style_and_kinds_differ(style: str) -> None:
    pictures = [sprite(kind, "red", style=style, pattern="plain", pixels=60) for kind in KINDS]
    shapes = []
    for picture in pictures:
        assert max(picture.size) == 60
        canvas = Image.new("L", (60, 60))
        canvas.paste(picture.getchannel("A"), ((60 - picture.width) // 2, 60 - picture.height))
        shapes.append(np.asarray(canvas) > 127)
        assert shapes[-1].mean() > 0.08
    for i, one in enumerate(shapes):
        for other in shapes[:i]:
            assert (one & other).sum() / (one | other).sum() < 0.92


@pytest.mark.parametrize("setting", SETTINGS)
def test_every_setting_is_painted_in_every_style(setting: str) -> None:
    pictures = [seen(calm(3, setting=setting, style=style)) for style in STYLES]
    assert all(picture.std() > 8 for picture in pictures)


@pytest.mark.parametrize("name", HIDDEN)
def test_a_changed_hidden_attribute_alone_is_visible(name: str) -> None:
    for seed in range(6):
        pictures = [seen(calm(seed, **{name: value})) for value in HIDDEN[name]]
        for i, one in enumerate(pictures):
            for other in pictures[:i]:
                differing = (np.abs(one - other).max(axis=2) > 16).mean()
                assert differing > 0.012, (seed, HIDDEN[name])


@pytest.mark.parametrize("lighting", HIDDEN["lighting"])
@pytest.mark.parametrize("style", STYLES)
def test_a_colour_stays_nearest_to_its_name(style: str, lighting: str) -> None:
    # Chroma, as light and board change brightness: the difference of the channels from their mean.
    def chroma(rgb: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        tint = rgb - rgb.mean()
        return tint / max(float(np.abs(tint).max()), 30.0)

    vivid = ("red", "yellow", "green", "blue")
    table = {color: chroma(np.array(OBJECT_COLORS[color], dtype=np.float64)) for color in vivid}
    for color in vivid:
        scene = calm(5, kind="apple", color=color, count=1, size="large", second_kind=None, third_kind=None)
        scene = changed(scene, style=style, lighting=lighting, setting="room")
        item = place(scene, _generator(scene))[0]
        x, y = round(item.x), round(item.y - item.size * 0.45)
        patch = np.asarray(render(scene), dtype=np.float64)[y - 4 : y + 5, x - 4 : x + 5].reshape(-1, 3)
        found = chroma(np.median(patch, axis=0))
        assert min(table, key=lambda name: float(np.linalg.norm(table[name] - found))) == color


def _generator(scene: Scene) -> np.random.Generator:
    """The generator in the state in which ``render`` lays out the scene."""
    rng = np.random.default_rng([scene.seed, 13])
    for bound in (VARIANTS, (WIDTH - HEIGHT) * SCALE + 1, 2, 4):
        rng.integers(bound)
    rng.random(2)
    return rng


def test_objects_are_in_the_picture_and_large_enough() -> None:
    for seed in range(400):
        scene = sample_scene(seed)
        placed = place(scene, np.random.default_rng(seed))
        assert len(placed) == scene.count + (scene.second_kind is not None) + (scene.third_kind is not None)
        for item in placed:
            assert item.size >= 26
            assert 8 <= item.x <= 120
            assert 20 <= item.y <= 116


def test_positions_and_sizes_are_what_they_say() -> None:
    scene = calm(0, count=1, second_kind=None, third_kind=None)
    at = {p: place(changed(scene, position=p), np.random.default_rng(0))[0].x for p in ("left", "centre", "right")}
    assert at["left"] + 10 < at["centre"] < at["right"] - 10
    large, small = (place(changed(scene, size=size), np.random.default_rng(0))[0].size for size in ("large", "small"))
    assert large > 1.3 * small


def test_a_pattern_is_drawn_in_two_tones() -> None:
    for color in COLORS:
        plain = np.asarray(sprite("apple", color, style="flat", pattern="plain", pixels=60), dtype=float)
        for pattern in HIDDEN["pattern"][1:]:
            other = np.asarray(sprite("apple", color, style="flat", pattern=pattern, pixels=60), dtype=float)
            assert (np.abs(plain - other).max(axis=2) > 25).mean() > 0.1
