"""Quality of feedback models on small catalogues with a simulated user: AP and F1 at the model's own cut.

    python -m benchmarks.feedback_small [--catalogues digits,coco,scenes,hidden] [--models auto,linear] [--repeats 3]

The user types a query, sees the top 60 not yet labelled, labels some right and some wrong, refines, and labels again.
Baselines on the same codes run beside: text alone, Rocchio, logistic regression, RBF SVM, random forest, ExtraTrees.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.svm import SVC

from clip_branches.encoding.quantiser import Quantiser
from clip_branches.engine import MODEL_NAMES, fit_feedback

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
SEEN = 60
UNLABELLED = 1_000


@dataclass
class Task:
    """One search: the whole catalogue's codes, who is relevant, and the query's vector."""

    name: str
    codes: np.ndarray
    relevant: np.ndarray
    anchor: np.ndarray
    quantiser: Quantiser


Scores = tuple[np.ndarray, float]  # of the whole catalogue, and the model's own cut
Fit = Callable[[Task, np.ndarray, np.ndarray, np.ndarray], Scores]


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def _tasks(name: str, vectors: np.ndarray, truths: dict[str, np.ndarray], anchors: dict[str, np.ndarray]) -> list[Task]:
    quantiser = Quantiser().fit(vectors.astype(np.float32))
    codes = quantiser.encode(vectors.astype(np.float32))
    return [Task(f"{name}/{key}", codes, truth, _unit(anchors[key]), quantiser) for key, truth in truths.items()]


def digits(generator: np.random.Generator) -> list[Task]:
    """Handwritten digits; a query stands near the class mean, as far off as text usually is."""
    pixels, labels = load_digits(return_X_y=True)
    vectors = _unit(PCA(32, random_state=0).fit_transform(pixels))
    truths, anchors = {}, {}
    for digit in range(10):
        truths[str(digit)] = labels == digit
        mean = vectors[labels == digit].mean(axis=0)
        anchors[str(digit)] = mean + generator.normal(0, np.linalg.norm(mean) / np.sqrt(32), 32)
    return _tasks("digits", vectors, truths, anchors)


def coco(generator: np.random.Generator) -> list[Task]:
    """Real CLIP vectors of 500 photos; a concept is a noun in at least 8 captions, its query their captions' mean."""
    path = SHARED / "clip_vitb16_coco500.npz"
    if not path.exists():
        print("coco: skipped, no", path)
        return []
    data = np.load(path, allow_pickle=False)
    pca = PCA(32, random_state=0).fit(data["image_emb"])
    vectors = _unit(pca.transform(data["image_emb"]))
    texts = (data["text_emb"] - data["text_emb"].mean(axis=0)) @ pca.components_.T
    words = [{w.strip(".,") for caption in row for w in str(caption).lower().split()} for row in data["captions"]]
    nouns = "man woman people dog cat horse train bus table food pizza street tennis water baseball bear skateboard"
    nouns += " bathroom kitchen bed snow giraffe zebra elephant plate boat motorcycle grass field beach sign car phone"
    truths, anchors = {}, {}
    for noun in nouns.split():
        truth = np.array([noun in found or noun + "s" in found for found in words])
        if truth.sum() >= 8:
            truths[noun] = truth
            anchors[noun] = texts[truth][:5].mean(axis=0)
    return _tasks("coco", vectors, truths, anchors)


def _scenes(
    generator: np.random.Generator, n: int = 6_000
) -> tuple[np.ndarray, dict[str, np.ndarray], list[np.ndarray]]:
    """Scenes with independent attributes, some loud (captioned), some quiet (hidden), seen through a bent map."""
    sizes = {"kind": 24, "colour": 10, "setting": 8, "style": 5, "light": 4, "frame": 3, "tilt": 4, "pattern": 5}
    loudness = {
        "kind": 1.0,
        "colour": 0.8,
        "setting": 0.8,
        "style": 0.6,
        "light": 0.5,
        "frame": 0.4,
        "tilt": 0.4,
        "pattern": 0.3,
    }
    hidden = np.zeros((n, 128))
    labels, means = {}, []
    for key, size in sizes.items():
        values = generator.integers(0, size, n)
        directions = generator.normal(0, 1 / np.sqrt(128), (size, 128)) * loudness[key]
        hidden += directions[values]
        labels[key] = values
        means.append(directions)
    hidden += generator.normal(0, 0.5 / np.sqrt(128), hidden.shape)
    bend = generator.normal(0, 1, (128, 128)) / np.sqrt(128)
    bent = hidden + 0.7 * np.tanh(3 * hidden @ bend) / 3
    pca = PCA(32, random_state=0).fit(bent)
    return _unit(pca.transform(bent)), labels, [d @ pca.components_.T for d in means]


def scenes(generator: np.random.Generator) -> list[Task]:
    """Captioned attributes of scenes, alone and in pairs."""
    vectors, labels, _ = _scenes(generator)
    truths, anchors = {}, {}
    for kind in range(6):
        truths[f"kind{kind}"] = labels["kind"] == kind
        truths[f"colour{kind}"] = labels["colour"] == kind
        truths[f"kind{kind}+colour"] = (labels["kind"] == kind) & (labels["colour"] < 2)
    for key, truth in truths.items():
        mean = vectors[truth].mean(axis=0)
        anchors[key] = mean + generator.normal(0, 0.7 * np.linalg.norm(mean) / np.sqrt(32), 32)
    return _tasks("scenes", vectors, truths, anchors)


def hidden(generator: np.random.Generator) -> list[Task]:
    """Attributes that no words reach: the query names some object, or nothing in particular."""
    vectors, labels, _ = _scenes(generator)
    truths, anchors = {}, {}
    for attribute in ("style", "light", "frame"):
        for value in range(3):
            for query in ("kind", "neutral"):
                key = f"{attribute}{value}/{query}"
                truths[key] = labels[attribute] == value
                about = vectors[labels["kind"] == generator.integers(24)].mean(axis=0) if query == "kind" else 0
                anchors[key] = about + generator.normal(0, 0.05, 32)
    return _tasks("hidden", vectors, truths, anchors)


def text(task: Task, right: np.ndarray, wrong: np.ndarray, rest: np.ndarray) -> Scores:
    scores = task.quantiser.decode(task.codes) @ task.anchor
    return scores, np.inf


def engine(name: str) -> Fit:
    def fit(task: Task, right: np.ndarray, wrong: np.ndarray, rest: np.ndarray) -> Scores:
        model = fit_feedback(
            name, anchor=task.anchor, positive=task.codes[right], negative=task.codes[wrong],
            unlabelled=task.codes[rest], quantiser=task.quantiser, random_state=0,
        )  # fmt: skip
        if hasattr(model, "votes"):
            votes = model.votes(task.codes)
            return votes + 1 / (1 + np.exp(-model.ranker_.decision_function(task.codes).astype(float))), model.need_
        if hasattr(model, "boxes_"):
            return model.predict(task.codes) + 1 / (
                1 + np.exp(-model.ranker_.decision_function(task.codes).astype(float))
            ), 1.0
        return model.decision_function(task.codes).astype(np.float64), float(model.threshold_)

    return fit


def peer(make: Callable[[], object], scored: str) -> Fit:
    def fit(task: Task, right: np.ndarray, wrong: np.ndarray, rest: np.ndarray) -> Scores:
        rows = np.concatenate([right, wrong, rest[:100]])
        labels = np.repeat([1, 0], [len(right), len(rows) - len(right)])
        vectors = task.quantiser.decode(task.codes).astype(np.float64)
        vectors /= vectors.std()
        model = make().fit(vectors[rows], labels)
        if scored == "decision_function":
            return model.decision_function(vectors), 0.0
        return model.predict_proba(vectors)[:, 1], 0.5

    return fit


def rocchio(task: Task, right: np.ndarray, wrong: np.ndarray, rest: np.ndarray) -> Scores:
    x = task.quantiser.decode(task.codes)
    direction = task.anchor + 0.75 * x[right].mean(axis=0) - (0.25 * x[wrong].mean(axis=0) if len(wrong) else 0)
    return x @ direction, np.inf


PEERS: dict[str, Fit] = {
    "text": text,
    "rocchio": rocchio,
    "logistic": peer(lambda: LogisticRegression(C=1.0, class_weight="balanced"), "decision_function"),
    "svm": peer(lambda: SVC(C=10, class_weight="balanced"), "decision_function"),
    "forest": peer(lambda: RandomForestClassifier(25, class_weight="balanced", random_state=0), "predict_proba"),
    "extra": peer(lambda: ExtraTreesClassifier(100, class_weight="balanced", random_state=0), "predict_proba"),
}
CATALOGUES = {"digits": digits, "coco": coco, "scenes": scenes, "hidden": hidden}


def simulate(task: Task, fit: Fit, labels: int, rounds: int, seed: int) -> Iterator[dict[str, float]]:
    """Rounds of a user who marks ``labels`` right and ``labels`` wrong images in all; yields each round's figures."""
    generator = np.random.default_rng(seed)
    ranking = text(task, *[np.zeros(0, int)] * 3)[0]
    right, wrong = np.zeros(0, int), np.zeros(0, int)
    for number in range(rounds):
        seen = [i for i in np.argsort(-ranking, kind="stable") if i not in set(right) | set(wrong)]
        share = labels // rounds + (number < labels % rounds)
        right = np.concatenate([right, _pick(seen, task.relevant, share, generator, least=not len(right))])
        wrong = np.concatenate([wrong, _pick(seen, ~task.relevant, share, generator)])
        rest = generator.permutation(np.setdiff1d(np.arange(len(task.codes)), np.union1d(right, wrong)))[:UNLABELLED]
        started = time.perf_counter()
        scores, cut = fit(task, right, wrong, rest)
        seconds = time.perf_counter() - started
        ranking = scores
        left = np.setdiff1d(np.arange(len(task.codes)), np.union1d(right, wrong))
        yield {
            "ap": average_precision_score(task.relevant[left], scores[left]),
            "text_ap": average_precision_score(task.relevant[left], text(task, right, wrong, rest)[0][left]),
            "f1": _f1(task.relevant, scores >= cut),
            "best_f1": _best_f1(task.relevant, scores),
            "size": (scores >= cut).sum() / task.relevant.sum(),
            "ms": 1e3 * seconds,
        }


def _pick(
    seen: list[int], wanted: np.ndarray, count: int, generator: np.random.Generator, least: bool = False
) -> np.ndarray:
    found = [i for i in seen[:SEEN] if wanted[i]]
    if least and not found:
        found = [i for i in seen if wanted[i]][:1]
    return generator.permutation(np.array(found, int))[:count]


def _f1(relevant: np.ndarray, accepted: np.ndarray) -> float:
    return 2 * (relevant & accepted).sum() / max(1, relevant.sum() + accepted.sum())


def _best_f1(relevant: np.ndarray, scores: np.ndarray) -> float:
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(relevant[order])
    return float((2 * hits / (np.arange(1, len(scores) + 1) + relevant.sum())).max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--catalogues", default=",".join(CATALOGUES))
    parser.add_argument("--models", default="text,auto,logistic")
    parser.add_argument("--labels", default="5,10")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=2)
    options = parser.parse_args()
    fits = {**PEERS, **{name: engine(name) for name in MODEL_NAMES}}
    print("catalogue labels model         AP  text worse    F1  best   size     ms")
    for name in options.catalogues.split(","):
        tasks = CATALOGUES[name](np.random.default_rng(1))
        for labels in map(int, options.labels.split(",")):
            for model in options.models.split(","):
                runs = [
                    list(simulate(task, fits[model], labels, options.rounds, seed))[-1]
                    for task in tasks for seed in range(options.repeats)
                ]  # fmt: skip
                mean = {key: np.mean([run[key] for run in runs]) for key in runs[0]}
                worse = np.mean([run["ap"] < run["text_ap"] - 1e-9 for run in runs])
                size = np.median([run["size"] for run in runs])
                print(
                    f"{name:8} {labels:>3}+{labels:<2} {model:10} {mean['ap']:5.3f} {mean['text_ap']:5.3f} "
                    f"{worse:5.2f} {mean['f1']:5.3f} {mean['best_f1']:5.3f} {size:6.2f} {mean['ms']:6.1f}"
                )


if __name__ == "__main__":
    main()
