"""What a byte a dimension costs: the ten nearest by codes against the ten nearest by the 32-d floats behind them.

    python -m benchmarks.codes

Real vectors where they are at hand: CLIP's of 500 COCO photos and captions behind a paired head and behind principal
axes, and of 2,148 object names behind principal axes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from clip_branches.encoding import Head
from clip_branches.encoding.paired import fit_paired
from clip_branches.encoding.quantiser import make_quantiser

_DATA = Path(__file__).parents[1].parent / "shared" / "data"
_KINDS = ("affine", "uniform", "equi-depth")
_NEAREST = 10
Vectors = np.ndarray


def main() -> None:
    print(
        "| vectors | rotation | quantiser | bits used | error, x 1000 | text to image | image to image | by one line |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, head, images, texts in _sets():
        for seed in (None, 0):
            turned = head if seed is None else head.rotated(seed)
            vectors, queries = turned.project_images(images), turned.project_texts(texts)
            for kind in _KINDS:
                figures = _measure(kind, vectors, queries)
                cells = f"{figures[0]:.1f} | {figures[1]:.2f} | " + " | ".join(f"{value:.3f}" for value in figures[2:])
                print(f"| {name} | {'none' if seed is None else 'random'} | {kind} | {cells} |")


def _measure(kind: str, vectors: Vectors, queries: Vectors) -> tuple[float, ...]:
    quantiser = make_quantiser(kind).fit(vectors)
    codes = quantiser.encode(vectors)
    decoded = quantiser.decode(codes)
    by_line = quantiser.low_ + quantiser.step_ * codes
    error = 1_000 * float(np.sqrt(np.mean((decoded - vectors) ** 2)))
    return (
        _entropy(codes),
        error,
        _kept(queries, vectors, queries, decoded),
        _kept(vectors, vectors, decoded, decoded, itself=True),
        _kept(queries, vectors, queries, by_line),
    )


def _kept(exact: Vectors, images: Vectors, asked: Vectors, coded: Vectors, *, itself: bool = False) -> float:
    wanted, found = _nearest(exact @ images.T, itself), _nearest(asked @ coded.T, itself)
    return float(np.mean([len(set(a) & set(b)) / _NEAREST for a, b in zip(wanted, found, strict=True)]))


def _nearest(scores: Vectors, itself: bool) -> Vectors:
    if itself:
        np.fill_diagonal(scores, -np.inf)
    return np.argsort(-scores, axis=1, kind="stable")[:, :_NEAREST]


def _entropy(codes: Vectors) -> float:
    """The mean entropy of a dimension's codes, in bits."""
    shares = [np.bincount(column, minlength=256) / len(column) for column in codes.T]
    return float(np.mean([-(part[part > 0] * np.log2(part[part > 0])).sum() for part in shares]))


def _sets() -> Iterator[tuple[str, Head, Vectors, Vectors]]:
    coco, names = _DATA / "clip_vitb16_coco500.npz", _DATA / "clip_vitb32_text_vocab.npz"
    if coco.exists():
        file = np.load(coco, allow_pickle=False)
        images, texts = file["image_emb"], file["text_emb"]
        yield "COCO photos, paired head", fit_paired(images, texts), images, texts
        yield "COCO photos, principal axes", Head.fit_linear(images, texts), images, texts
    if names.exists():
        vectors = np.load(names, allow_pickle=False)["emb"].astype(np.float32)
        yield "object names, principal axes", Head.fit_linear(vectors, vectors), vectors, vectors[::4]
    if not (coco.exists() or names.exists()):
        print(f"Real vectors are needed: neither {coco} nor {names} is there.")


if __name__ == "__main__":
    main()
