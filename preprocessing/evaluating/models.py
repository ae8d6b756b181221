"""A model measured on a folder with classes and captions: images by an image, classes, images by words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from clip_branches.errors import ConfigurationError
from preprocessing.evaluating.embedding import embed_files, embed_texts
from preprocessing.evaluating.labelled import Labelled
from preprocessing.evaluating.measures import (
    NEIGHBOURS,
    caption_pairs,
    knn_accuracy,
    mean_average_precision,
    text_recall,
    zero_shot_accuracy,
)
from preprocessing.towers import Towers, load_towers

Array = npt.NDArray[np.float32]
PRECISION = "image to image, mAP"

# Seven that OpenAI found to be as good as its eighty (notebook "Prompt Engineering for ImageNet" of CLIP).
TEMPLATES = (
    "itap of a {}.",
    "a bad photo of the {}.",
    "a origami {}.",
    "a photo of the large {}.",
    "a {} in a video game.",
    "art of the {}.",
    "a photo of the small {}.",
)


def evaluate_model(
    model: str,
    models_dir: Path,
    data: Labelled,
    class_names: Mapping[str, str],
    templates: Sequence[str] = TEMPLATES,
    *,
    also: Mapping[str, npt.NDArray[np.int64]] | None = None,
    device: str = "cpu",
    precision: str = "fp32",
    workers: int = 2,
) -> dict[str, float]:
    """The figures of ``model`` on ``data``, shares from 0 to 1 rounded to four places.

    Mean average precision over all images (the protocol of GPR1200) and over the rows of each part of ``also``; k-NN
    classification; zero-shot classification by ``class_names`` (left out where there are none); recall of the captions
    (left out where there are none).
    """
    towers = load_towers(model, models_dir, device, precision)
    images = embed_files(towers, data.folder, data.files, model, workers=workers)
    labels = data.labels
    found = {PRECISION: mean_average_precision(images, labels)}
    for name, rows in (also or {}).items():
        if len(rows):
            found[f"{PRECISION}, {name}"] = mean_average_precision(images[rows], labels[rows])
    found[f"{NEIGHBOURS}-NN classification"] = knn_accuracy(images, labels)
    if class_names:
        names = [class_names[one] for one in data.names]
        found["zero-shot classification"] = zero_shot_accuracy(images, class_vectors(towers, names, templates), labels)
    texts, pairs = caption_pairs(data)
    if texts:
        recalls = text_recall(images, embed_texts(towers, texts, "captions"), pairs)
        found |= {f"text to image, {name}": value for name, value in recalls.items()}
    return {name: round(value, 4) for name, value in found.items()}


def class_vectors(towers: Towers, names: Sequence[str], templates: Sequence[str]) -> Array:
    """A unit vector (c, d) for each name: the mean of its texts' unit vectors (Radford et al. 2021, section 3.1.4)."""
    texts = [template.replace("{}", name) for name in names for template in templates]
    vectors = embed_texts(towers, texts, "classes").reshape(len(names), len(templates), -1).mean(axis=1)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def read_class_names(path: Path | None, classes: Sequence[str]) -> dict[str, str]:
    """What each class is called in a text; empty where classes are numbers and ``path``, a JSON object, is not given.

    Without a file a class is called as it is, "_" and "-" as spaces. Raises ConfigurationError for a file that lacks
    some of the ``classes``.
    """
    if path is None:
        if all(one.isdigit() for one in classes):
            return {}
        return {one: " ".join(one.replace("_", " ").replace("-", " ").split()) or one for one in classes}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        names = {str(one): str(name) for one, name in content.items()}
    except (OSError, ValueError, AttributeError) as error:
        raise ConfigurationError(f"{path} must be a JSON object of class and name. Got: {error}") from error
    missing = [one for one in classes if one not in names]
    if missing:
        raise ConfigurationError(
            f"{path} must name every class. {len(missing):,} of {len(classes):,} are not there, such as {missing[0]!r}."
        )
    return names


def checked_templates(templates: Sequence[str]) -> tuple[str, ...]:
    """The ``templates``, or CLIP's where there are none; ConfigurationError for one without {}."""
    wrong = [template for template in templates if "{}" not in template]
    if wrong:
        raise ConfigurationError(f"A template must have a {{}} for the name of the class. Got {wrong[0]!r} instead.")
    return tuple(templates) or TEMPLATES
