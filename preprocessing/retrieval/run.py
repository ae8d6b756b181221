"""The job of ``train-retrieval``: a model folder, its log, and what it was good for before and after."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from clip_branches.encoding.fingerprint import local_model_folder
from clip_branches.encoding.saving import architecture_of, save_model
from clip_branches.errors import ConfigurationError, InvalidInput
from clip_branches.files import write_whole
from preprocessing.evaluating.embedding import embed_files, embed_texts
from preprocessing.evaluating.labelled import Labelled
from preprocessing.retrieval.captions import CaptionSets, caption_sets, pseudo_captions
from preprocessing.retrieval.config import ImageConfig, Method, TextConfig
from preprocessing.retrieval.loop import LOG_FILE, Trainee, run_training
from preprocessing.retrieval.testing import PRECISION, RECALL, RetrievalTest
from preprocessing.towers import Towers, load_towers

REPORT_FILE = "retrieval.json"
_WORK = "training"
# The weights that are best for what the method is after are kept.
WANTED: dict[Method, tuple[str, ...]] = {"mcip": (PRECISION, RECALL), "gpr-ft": (PRECISION,), "re-a": (RECALL,)}


def train_retrieval(
    data: Labelled,
    method: Method,
    config: ImageConfig | TextConfig,
    output: Path,
    *,
    model: str,
    models_dir: Path,
    caption_list: list[str] | None = None,
    device: str = "cpu",
    precision: str = "fp32",
    workers: int = 2,
    say: Callable[[str], object] = lambda _: None,
) -> dict[str, Any]:
    """Train ``model`` by ``method`` on ``data`` and write it into the folder ``output``; the report is returned.

    Whole classes are kept back to choose the weights. A run that was stopped goes on from its last checkpoint. Raises
    ConfigurationError or InvalidInput, before anything is written, for data that the method cannot use.
    """
    began = time.monotonic()
    folder = local_model_folder(model, models_dir)
    if folder is not None and folder.resolve() == output.resolve():
        raise ConfigurationError(f"The 'output' must be another folder than that of the model. Got {output} for both.")
    known, held = split_classes(data, config.validation, config.seed)
    _check(known, method, caption_list)
    towers = load_towers(model, models_dir, device, precision)
    architecture = architecture_of(model, models_dir, towers.encoder)
    say(f"{len(known):,} images of {len(known.names):,} classes; {len(held):,} of {len(held.names):,} others to test")
    test = RetrievalTest(
        towers, held, trained="texts" if method == "re-a" else "images", wanted=WANTED[method], workers=workers
    )
    trainee, captions = _trainee(towers, known, method, config, caption_list, test, workers)
    progress = run_training(
        trainee,
        epochs=config.epochs,
        tests_per_epoch=config.tests_per_epoch,
        images=len(known),
        identity=_identity(data, method, config, model, caption_list),
        work=output / _WORK,
        say=say,
    )
    towers.encoder.model.eval()
    save_model(towers.encoder, architecture, output)
    report = {
        "method": method,
        "model": model,
        "images": len(known),
        "classes": len(known.names),
        "captions": 0 if captions is None else captions.count,
        "held_back": {"images": len(held), "classes": held.names},
        "before": progress.history[0],
        "after": progress.history[progress.best_epoch],
        "seconds": round(time.monotonic() - began, 1),
        "config": config.model_dump(),
    }
    write_whole(output / REPORT_FILE, (json.dumps(report, indent=2) + "\n").encode())
    write_whole(output / LOG_FILE, (output / _WORK / LOG_FILE).read_bytes())
    shutil.rmtree(output / _WORK, ignore_errors=True)
    return report


def split_classes(data: Labelled, share: float, seed: int) -> tuple[Labelled, Labelled]:
    """The images to train on, and those of a ``share`` of the classes that is kept back whole (at least 2, or none).

    Classes that were never trained on are what a search meets; GPR1200 asks for them, too.
    """
    names = data.names
    count = min(max(2, round(share * len(names))), len(names) - 2) if share else 0
    chosen = np.random.default_rng([seed, 2]).permutation(len(names))[: max(count, 0)]
    held = np.isin(data.labels, chosen)
    return data.take(np.flatnonzero(~held)), data.take(np.flatnonzero(held))


def _check(known: Labelled, method: Method, caption_list: list[str] | None) -> None:
    if len(known) < 2 or len(known.names) < 2:
        raise InvalidInput(
            f"A training for retrieval needs images of at least two classes, beside those that are kept back. Got "
            f"{len(known)} of {len(known.names)}."
        )
    captioned = sum(bool(captions) for captions in known.captions)
    if method == "mcip" and not captioned and not caption_list:
        raise ConfigurationError(
            "The method mcip needs captions: in a table, in a .txt beside each image, or a list of them to choose "
            "pseudo-captions from (--caption-list). Without any, gpr-ft trains on classes alone."
        )
    if method == "re-a" and captioned < 2:
        raise ConfigurationError(
            f"The method re-a needs images with captions of their own. Got {captioned} of {len(known)}."
        )


def _trainee(
    towers: Towers,
    known: Labelled,
    method: Method,
    config: ImageConfig | TextConfig,
    caption_list: list[str] | None,
    test: RetrievalTest,
    workers: int,
) -> tuple[Trainee, CaptionSets | None]:
    from preprocessing.retrieval.image_tower import ImageTower
    from preprocessing.retrieval.loading import TrainingImages
    from preprocessing.retrieval.text_tower import TextTower

    if isinstance(config, TextConfig):
        vectors = embed_files(towers, known.folder, known.files, "images", workers=workers)
        captions = _own_captions(known, towers)
        return TextTower(towers, vectors, captions, test, config), captions
    found = _captions(towers, known, config, caption_list, workers) if method == "mcip" else None
    size = towers.encoder.model.visual.preprocess_cfg["size"]
    images = TrainingImages(known, (size, size) if isinstance(size, int) else tuple(size), config, workers)
    return ImageTower(towers, images, known.labels, found, test, config), found


def _own_captions(known: Labelled, towers: Towers) -> CaptionSets:
    texts = list(dict.fromkeys(caption for captions in known.captions for caption in captions))
    nobody = [np.empty(0, dtype=np.int64)] * len(known)
    vectors = np.empty((0, towers.encoder.embedding_dim), dtype=np.float32)
    return caption_sets(known.captions, texts, vectors, nobody, len(texts))


def _captions(
    towers: Towers, known: Labelled, config: ImageConfig, caption_list: list[str] | None, workers: int
) -> CaptionSets:
    """Own captions, and pseudo-captions by the vectors of the model as it is now."""
    own = dict.fromkeys(caption for captions in known.captions for caption in captions)
    texts = list(dict.fromkeys([*own, *(caption_list or ())]))
    vectors = embed_texts(towers, texts, "captions")
    pseudo: list[npt.NDArray[np.int64]] = [np.empty(0, dtype=np.int64)] * len(known)
    if caption_list:
        place = {text: row for row, text in enumerate(texts)}
        listed = np.array([place[text] for text in caption_list], dtype=np.int64)
        images = embed_files(towers, known.folder, known.files, "images", workers=workers)
        near = pseudo_captions(images, vectors[listed], config.pseudo_nearest, config.pseudo_above)
        pseudo = [listed[rows] for rows in near]
    found = caption_sets(known.captions, texts, vectors, pseudo, config.captions_most)
    if not found.count:
        raise ConfigurationError(
            f"No caption of the list has a cosine above pseudo_above ({config.pseudo_above}) with any image. Lower it "
            "in --config, or give other captions."
        )
    return found


def _identity(
    data: Labelled, method: Method, config: ImageConfig | TextConfig, model: str, caption_list: list[str] | None
) -> str:
    """Digest of all that decides a training."""
    parts = [method, config.model_dump_json(), model, data.identity(), *(caption_list or ())]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def before_and_after(report: dict[str, Any]) -> str:
    """What the classes that were kept back say, in a line."""
    names = [name for name in (PRECISION, RECALL) if name in report["before"]]
    parts = [f"{name} {report['before'][name]:.4f} before, {report['after'][name]:.4f} after" for name in names]
    return "; ".join(parts) or "no classes were kept back to measure"
