"""Random codes, boxes and labels for the engine's tests."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from clip_branches.engine import Box

BLOCK = 16  # small blocks, so that a few rows make several
EDGES = (1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 5 * BLOCK + 3)


@st.composite
def code_tables(draw: st.DrawFn) -> np.ndarray:
    """Codes (n, 32) of several characters: uniform, few values, duplicates, constant dimensions, extremes."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.sampled_from(EDGES))
    codes = generator.integers(0, 256, (n, 32), dtype=np.uint8)
    kind = draw(st.sampled_from(("uniform", "few", "duplicates", "constant", "extremes")))
    if kind == "few":
        codes //= 64
    elif kind == "duplicates":
        codes = codes[generator.integers(0, max(1, n // 4), n)]
    elif kind == "constant":
        codes[:, : draw(st.integers(1, 32))] = draw(st.integers(0, 255))
    elif kind == "extremes":
        codes = np.where(codes > 127, 255, 0).astype(np.uint8)
    return codes


@st.composite
def box_lists(draw: st.DrawFn, most: int = 6) -> list[Box]:
    """Boxes over 0 to 5 features, some empty (low > high), some open, some of one value."""
    boxes = []
    for _ in range(draw(st.integers(0, most))):
        features = draw(st.lists(st.integers(0, 31), max_size=5, unique=True))
        bound = st.one_of(st.integers(0, 255), st.sampled_from((0, 1, 63, 64, 127, 128, 254, 255)))
        pairs = [(draw(bound), draw(bound)) for _ in features]
        if not draw(st.booleans()):
            pairs = [(min(pair), max(pair)) for pair in pairs]
        boxes.append(Box(features, [low for low, _ in pairs], [high for _, high in pairs]))
    return boxes


def clumps(n: int, seed: int = 0, classes: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Codes (n, 32) in clumps and the clump of each row."""
    generator = np.random.default_rng(seed)
    centres = generator.normal(128, 30, (classes, 32))
    labels = generator.integers(0, classes, n)
    codes = np.clip(centres[labels] + generator.normal(0, 18, (n, 32)), 0, 255).astype(np.uint8)
    return codes, labels
