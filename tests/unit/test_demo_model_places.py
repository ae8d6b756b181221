"""Where the training believes objects to stand is where they are drawn."""

from __future__ import annotations

import numpy as np

from preprocessing.demo_model.places import NOTHING, object_cells
from preprocessing.scenes import COLORS, KINDS, render, sample_scene, with_changes


def test_cells_are_where_the_picture_changes_with_the_object() -> None:
    ratios = []
    for seed in range(30):
        scene = sample_scene(seed)
        used = (scene.color, scene.second_color, scene.third_color)
        other = with_changes(scene, color=next(color for color in COLORS if color not in used))
        pictures = [np.asarray(render(one, 128), dtype=np.int64) for one in (scene, other)]
        change = np.abs(pictures[0] - pictures[1]).sum(axis=2)
        cells = object_cells(scene, 16)
        inside = np.kron(cells[..., 0] == KINDS.index(scene.kind), np.ones((8, 8))) > 0
        ratios.append(change[inside].mean() / (change[~inside].mean() + 1e-6))
    assert min(ratios) > 2.0
    assert np.median(ratios) > 8.0


def test_cells_name_kind_and_colour_or_nothing() -> None:
    for seed in range(20):
        scene = sample_scene(seed)
        cells = object_cells(scene, 6)
        shown = {(scene.kind, scene.color), (scene.second_kind, scene.second_color)}
        shown |= {(scene.third_kind, scene.third_color)}
        named = {tuple(pair) for pair in cells.reshape(-1, 2)} - {(NOTHING, NOTHING)}
        assert {(KINDS[kind], COLORS[color]) for kind, color in named} <= shown
        assert named
