"""The catalogues by name: the demo's scenes, real CLIP vectors of photos, CIFAR-10, handwritten digits."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from benchmarks.quality import cifar, demo
from benchmarks.quality.catalogues import Catalogue, Parts, load, shared, unit
from clip_branches.encoding.head import Head

_LEAST = 8  # images whose captions name a concept
_CAPTIONS = 5  # whose mean stands for the text of a concept


def _digits(cache: Path, quick: bool = False) -> Catalogue:
    """1,797 handwritten digits; a query stands near the mean of its class, as far off as text usually is."""

    def make() -> Parts:
        pixels, labels = load_digits(return_X_y=True)
        pca = PCA(32, random_state=0).fit(pixels)
        reduced = unit(pca.transform(pixels))
        generator = np.random.default_rng(1)
        relevant = np.stack([labels == digit for digit in range(10)])
        means = np.stack([reduced[truth].mean(axis=0) for truth in relevant])
        lengths = np.linalg.norm(means, axis=1, keepdims=True)
        queries = unit(means + generator.normal(0, 1, means.shape) * lengths / np.sqrt(32))
        full = unit(queries @ pca.components_)
        return Parts(reduced, unit(pixels - pca.mean_), [f"digit {d}" for d in range(10)], relevant, queries, full)

    return load("digits", make, "", cache)


def _coco(cache: Path, quick: bool = False) -> Catalogue:
    """500 photos with real CLIP ViT-B/16 vectors; a concept is a noun in the captions of at least 8 of them.

    The nouns are the vocabulary of object names; a query is the mean vector of up to five captions with the noun.
    """
    path, vocabulary = shared("clip_vitb16_coco500.npz"), shared("clip_vitb32_text_vocab.npz")

    def make() -> Parts:
        data = np.load(path, allow_pickle=False)
        names = sorted({str(n).lower() for n in np.load(vocabulary, allow_pickle=False)["name"] if str(n).isalpha()})
        spoken = [{_singular(w) for caption in row for w in _words(str(caption))} for row in data["captions"]]
        embedded = [{_singular(w) for w in _words(str(caption))} for caption in data["caption_embedded"]]
        head = Head.fit_linear(data["image_emb"], data["text_emb"])
        titles, truths, queries, full = [], [], [], []
        for noun in names:
            truth = np.array([_singular(noun) in words for words in spoken])
            named = np.flatnonzero([_singular(noun) in words for words in embedded])[:_CAPTIONS]
            if _LEAST <= truth.sum() <= len(truth) // 2 and len(named):
                mean = unit(data["text_emb"][named].mean(axis=0))
                titles.append(noun)
                truths.append(truth)
                queries.append(head.project_texts(mean[None])[0])
                full.append(mean)
        reduced = head.project_images(data["image_emb"])
        return Parts(reduced, data["image_emb"], titles, np.stack(truths), np.stack(queries), np.stack(full))

    return load("coco", make, _digest(path), cache)


def _cifar(cache: Path, quick: bool = False) -> Catalogue:
    """60,000 photos mapped into CLIP text space (see ``cifar``); truth is counted on those the encoder never saw."""
    path, vocabulary = shared("cifar10_jpeg.npz"), shared("clip_vitb32_text_vocab.npz")

    def make() -> Parts:
        photos, labels, test, names = cifar.read_photos(path)
        text = cifar.class_vectors(vocabulary)
        generator = np.random.default_rng(0)
        train = np.sort(generator.choice(np.flatnonzero(~test), cifar.TRAINED_ON, replace=False))
        vectors = cifar.embed(photos, labels, text, train)
        head = Head.fit_linear(vectors, text)
        is_class = np.stack([labels == i for i in range(10)])
        trained = np.zeros(len(labels), bool)
        trained[train] = True
        return Parts(
            head.project_images(vectors), vectors, names, is_class & ~trained, head.project_texts(text), text,
            ignored=is_class & trained,
        )  # fmt: skip

    dear = "its encoder is not trained yet, which the full size does" if quick else ""
    return load("cifar", make, _digest(path) + _digest(Path(cifar.__file__)), cache, dear)


def _demo(cache: Path, quick: bool = False) -> Catalogue:
    return load("demo", *demo.captioned(cache), cache)


def _demo_hidden(cache: Path, quick: bool = False) -> Catalogue:
    return load("demo hidden", *demo.hidden(cache), cache)


def _words(caption: str) -> list[str]:
    return [word.strip(".,!?\"'()") for word in caption.lower().split()]


def _singular(word: str) -> str:
    irregular = {"men": "man", "women": "woman", "people": "person", "children": "child", "knives": "knife"}
    if word in irregular:
        return irregular[word]
    for ending in ("ches", "shes", "xes", "sses", "oes"):
        if word.endswith(ending):
            return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# Of the cache folder, and whether it must be quick.
CATALOGUES: dict[str, Callable[..., Catalogue]] = {
    "demo": _demo,
    "demo-hidden": _demo_hidden,
    "coco": _coco,
    "cifar": _cifar,
    "digits": _digits,
}
