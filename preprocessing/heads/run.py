"""The job of ``train-head``: a head, its quantiser, and a report that says what 32 bytes cost."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from clip_branches.encoding._files import write_json
from clip_branches.encoding.quantiser import make_quantiser
from clip_branches.errors import InvalidInput
from clip_branches.files import write_whole
from preprocessing.heads.checkpoint import Progress
from preprocessing.heads.config import HeadConfig
from preprocessing.heads.measure import Figures, measure
from preprocessing.heads.pairs import Pairs
from preprocessing.heads.report import describe
from preprocessing.heads.training import split, train

_CHECKPOINT = "checkpoint"


def train_head(
    pairs: Pairs,
    config: HeadConfig,
    output: Path,
    *,
    folds: int = 0,
    device: torch.device | None = None,
    say: Callable[[str], object] = lambda _: None,
) -> dict[str, Any]:
    """Train a head on ``pairs`` and write it, its quantiser and its report into the folder ``output``.

    The report's figures are of pairs that no training saw: a share of them set aside, or with ``folds`` all of them in
    turn, each by a head trained on the others; the head that is written is then trained on all. A run that was stopped
    goes on where it stopped.
    """
    if folds == 1 or folds < 0 or folds > len(pairs):
        raise InvalidInput(f"The 'folds' must be 0 or 2 to the number of pairs, {len(pairs)}. Got {folds} instead.")
    started = time.monotonic()
    work = output / _CHECKPOINT
    generator = np.random.default_rng(config.seed)
    parts: list[tuple[int, Figures, Figures]] = []
    everything = np.arange(len(pairs))

    def trained(rows: np.ndarray, name: str) -> tuple[Any, Progress]:
        learn, choose = split(len(rows), config.validation, np.random.default_rng(config.seed))
        train_pairs, validation = pairs.take(rows[learn]), pairs.take(rows[choose])
        return train(
            train_pairs,
            validation,
            config,
            device=device,
            work=work / name,
            after_epoch=lambda progress: say(_line(name, progress, config)),
        )

    for number, (rest, unseen) in enumerate(_test_parts(len(pairs), config, folds, generator)):
        last = not folds
        head, progress = trained(rest, "head" if last else f"fold-{number}")
        known, test = pairs.take(rest), pairs.take(unseen)
        parts.append((len(unseen), measure(known, test, head), measure(known, test, head, gallery=known)))
        fitted_on = known
    if folds or not parts:
        head, progress = trained(everything, "head")
        fitted_on = pairs
    head.trained_on(pairs.fingerprint).save(output)
    make_quantiser("affine").fit(head.project_images(fitted_on.images)).save(output / "quantiser.json")
    report = {
        "pairs": len(pairs),
        "dimensions": [int(pairs.images.shape[1]), head.output_dim],
        "model": pairs.model,
        "folds": folds,
        "tested": sum(count for count, _, _ in parts),
        "epochs": progress.epoch,
        "best_epoch": progress.best_epoch,
        "validation": round(progress.score, 4),
        "seconds": round(time.monotonic() - started, 1),
        "unseen": _mean([(count, figures) for count, figures, _ in parts]),
        "all": _mean([(count, figures) for count, _, figures in parts]),
        "config": config.model_dump(),
        "history": progress.history,
    }
    write_json(output / "report.json", report)
    write_whole(output / "report.md", describe(report).encode())
    shutil.rmtree(work, ignore_errors=True)
    return report


def _test_parts(
    count: int, config: HeadConfig, folds: int, generator: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    if folds:
        order = generator.permutation(count)
        for unseen in np.array_split(order, folds):
            yield np.setdiff1d(np.arange(count), unseen), np.sort(unseen)
    elif config.test:
        yield split(count, config.test, generator)


def _mean(parts: list[tuple[int, Figures]]) -> Figures:
    """Figures over all parts, each weighted by its number of pairs."""
    if not parts:
        return {}
    total = sum(count for count, _ in parts)
    first = parts[0][1]
    return {
        method: {
            direction: {
                k: round(sum(count * figures[method][direction][k] for count, figures in parts) / total, 4) for k in at
            }
            for direction, at in directions.items()
        }
        for method, directions in first.items()
    }


def _line(name: str, progress: Progress, config: HeadConfig) -> str:
    last = progress.history[-1]
    return (
        f"{name}: epoch {progress.epoch} of at most {config.epochs}, loss {last['loss']:.4f}, validation recall "
        f"{last['validation']:.3f}, best {progress.score:.3f} after epoch {progress.best_epoch}"
    )
