"""How good a demo model is, on scenes it never saw: words to images, images to images, and what no caption mentions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from preprocessing.demo_model.facts import SETTING_WORDS, Query, SceneFacts, with_article
from preprocessing.scenes import COLORS, HIDDEN, KINDS, SETTINGS
from preprocessing.scenes.vocabulary import COLOR_WORDS, KIND_WORDS, SETTING_PHRASES, plural

Array = npt.NDArray[np.float32]
EncodeTexts = Callable[[Sequence[str]], Array]

TOP = 10


def measure(images: Array, encode_texts: EncodeTexts, facts: SceneFacts, *, thorough: bool = True) -> dict[str, Any]:
    """All figures of a model.

    Parameters
    ----------
    images : float32 (n, 32), the vectors that the images' codes stand for.
    encode_texts : texts to unit vectors (m, 32).
    facts : what the n scenes show.
    thorough : False leaves out the hidden attributes, which take longest.
    """
    one, two = one_attribute_queries(), two_attribute_queries()
    figures: dict[str, Any] = {"images": len(images)}
    for name, queries in (("one_attribute", one), ("two_attributes", two)):
        groups = {group: text_precision(images, encode_texts, facts, members) for group, members in queries.items()}
        every = [value for values in groups.values() for value in values.values()]
        figures[name] = round(float(np.mean(every)), 4) if every else 0.0
        figures[f"{name}_by_group"] = {group: _summary(values) for group, values in groups.items()}
    shared_kind = facts.kinds.astype(np.float32) @ facts.kinds.T.astype(np.float32) > 0
    figures["image_to_image"] = image_precision(images, shared_kind)
    same_main = facts.main_kind[:, None] == facts.main_kind[None, :]
    figures["image_to_image_main_kind"] = image_precision(images, same_main)
    figures["image_to_image_chance"] = round(float(shared_kind.mean()), 4)
    figures["distinct_codes"] = round(len(np.unique(images, axis=0)) / len(images), 4)
    if thorough:
        figures["hidden"] = hidden_figures(images, facts)
    return figures


def one_attribute_queries() -> dict[str, list[Query]]:
    """Every kind, colour and setting, in several words each."""
    kinds = [
        Query(text, kind=number)
        for number, kind in enumerate(KINDS)
        for word in KIND_WORDS[kind]
        for text in (word, with_article(word), f"a photo of {with_article(word)}", plural(word))
    ]
    colors = [
        Query(text, color=number)
        for number, color in enumerate(COLORS)
        for word in COLOR_WORDS[color]
        for text in (word, f"something {word}", with_article(f"{word} object"))
    ]
    settings = [
        Query(text, setting=number)
        for number, setting in enumerate(SETTINGS)
        for text in (*SETTING_PHRASES[setting], *SETTING_WORDS[setting])
    ]
    return {"kind": kinds, "colour": colors, "setting": settings}


def two_attribute_queries() -> dict[str, list[Query]]:
    """Colour + kind, kind + setting and kind + kind, in the plainest words."""
    colored = [
        Query(with_article(f"{color} {kind}"), kind=k, color=c)
        for k, kind in enumerate(KINDS)
        for c, color in enumerate(COLORS)
    ]
    placed = [
        Query(f"{with_article(kind)} {SETTING_PHRASES[setting][0]}", kind=k, setting=s)
        for k, kind in enumerate(KINDS)
        for s, setting in enumerate(SETTINGS)
    ]
    pairs = [
        Query(f"{with_article(first)} and {with_article(second)}", kind=a, second=b)
        for a, first in enumerate(KINDS)
        for b, second in enumerate(KINDS[a + 1 :], start=a + 1)
    ]
    return {"colour + kind": colored, "kind + setting": placed, "kind + kind": pairs}


def text_precision(
    images: Array, encode_texts: EncodeTexts, facts: SceneFacts, queries: Sequence[Query]
) -> dict[str, float]:
    """Precision of the first ten images for each query that at least ten images match."""
    truth = {query.text: query.matches(facts) for query in queries}
    asked = [text for text, matches in truth.items() if matches.sum() >= TOP]
    if not asked:
        return {}
    scores = encode_texts(asked) @ images.T
    best = np.argsort(-scores, axis=1, kind="stable")[:, :TOP]
    return {text: float(truth[text][row].mean()) for text, row in zip(asked, best, strict=True)}


def image_precision(images: Array, related: npt.NDArray[np.bool_], asked: int = 1_000) -> float:
    """Mean precision of the ten nearest other images, over the first ``asked`` images as queries."""
    scores = images[:asked] @ images.T
    scores[np.arange(len(scores)), np.arange(len(scores))] = -np.inf
    best = np.argsort(-scores, axis=1, kind="stable")[:, :TOP]
    return round(float(np.take_along_axis(related[:asked], best, axis=1).mean()), 4)


def hidden_figures(images: Array, facts: SceneFacts) -> dict[str, dict[str, Any]]:
    """For each hidden attribute: accuracy of a linear probe, and F1 of each value from ten positive labels."""
    return {
        name: {
            "probe_accuracy": probe_accuracy(images, facts.hidden[:, place]),
            "few_shot_f1": {
                value: few_shot_f1(images, facts.hidden[:, place] == number) for number, value in enumerate(values)
            },
        }
        for place, (name, values) in enumerate(HIDDEN.items())
    }


def probe_accuracy(images: Array, labels: npt.NDArray[np.int64]) -> float:
    """Accuracy on the second half of a logistic regression that was fitted on the first half."""
    from sklearn.linear_model import LogisticRegression

    half = len(images) // 2
    # Coordinates of 32-d unit vectors are near 0.2: scaled up, the regulariser does not decide.
    model = LogisticRegression(C=10.0, max_iter=2_000).fit(images[:half] * 5.0, labels[:half])
    return round(float(model.score(images[half:] * 5.0, labels[half:])), 4)


def few_shot_f1(images: Array, truth: npt.NDArray[np.bool_], draws: int = 5, labels: int = 10) -> dict[str, float]:
    """F1 over all images from ``labels`` positives, as many negatives and 1,000 random images that nobody labelled.

    The scorer is a ridge discriminant, (S + r I)^-1 (mean of positives - mean of the rest), with S the covariance of
    the unlabelled and r half of its mean variance; its cut lies halfway between the two means ("f1") or where it is
    best ("best_cut").
    """
    found = []
    for draw in range(draws):
        generator = np.random.default_rng(draw)
        positive = generator.choice(np.flatnonzero(truth), labels, replace=False)
        negative = generator.choice(np.flatnonzero(~truth), labels, replace=False)
        random = generator.choice(len(images), min(1_000, len(images)), replace=False)
        rest = np.concatenate([images[negative], images[random]])
        spread = np.cov(images[random].T)
        spread += 0.5 * np.trace(spread) / len(spread) * np.eye(len(spread))
        weights = np.linalg.solve(spread, images[positive].mean(axis=0) - rest.mean(axis=0))
        scores = images @ weights
        middle = 0.5 * (scores[positive].mean() + (rest @ weights).mean())
        cuts = np.append(np.quantile(scores, np.linspace(0.02, 0.98, 97)), middle)
        values = [_f1(scores >= cut, truth) for cut in cuts]
        found.append((values[-1], max(values)))
    middle_f1, best_f1 = np.mean(found, axis=0)
    return {"f1": round(float(middle_f1), 4), "best_cut": round(float(best_f1), 4)}


def _f1(accepted: npt.NDArray[np.bool_], truth: npt.NDArray[np.bool_]) -> float:
    return float(2 * (accepted & truth).sum() / max(accepted.sum() + truth.sum(), 1))


def _summary(values: dict[str, float]) -> dict[str, Any]:
    if not values:
        return {"queries": 0}
    worst = sorted(values, key=values.__getitem__)[:5]
    return {
        "queries": len(values),
        "precision_at_10": round(float(np.mean(list(values.values()))), 4),
        "worst": {text: values[text] for text in worst},
    }
