"""The report of ``train-head`` as Markdown."""

from __future__ import annotations

from typing import Any

from preprocessing.heads.measure import KS, Figures

_NAMES = {"floats": "embeddings, {inputs}-d floats", "pca": "principal axes, {outputs}-d", "head": "head, {outputs}-d"}


def describe(report: dict[str, Any]) -> str:
    """``report`` of :func:`train_head` for a person."""
    inputs, outputs = report["dimensions"]
    lines = [
        f"# A head from {inputs} to {outputs} dimensions",
        "",
        f"Trained on {report['pairs']:,} pairs{_of(report['model'])} in {report['seconds']:.0f} s: the weights after "
        f"epoch {report['best_epoch']} of {report['epochs']} had the best recall on pairs kept for that, "
        f"{report['validation']:.3f}.",
        "",
    ]
    if report["tested"]:
        how = f"each by a head trained on the other folds ({report['folds']})" if report["folds"] else "set aside"
        lines += [f"Recall of {report['tested']:,} pairs that no training saw, {how}.", ""]
        lines += ["## Among pairs that were not seen either", "", *_table(report["unseen"], inputs, outputs)]
        lines += ["## Among all pairs, those of the training too", "", *_table(report["all"], inputs, outputs)]
    return "\n".join(lines)


def _of(model: str | None) -> str:
    return f" of {model}" if model else ""


def _table(figures: Figures, inputs: int, outputs: int) -> list[str]:
    head = [f"text to image R@{k}" for k in KS] + [f"image to text R@{k}" for k in KS]
    rows = ["| | " + " | ".join(head) + " |", "| --- |" + " --- |" * len(head)]
    for method, directions in figures.items():
        name = _NAMES.get(method, f"{method}, {outputs} bytes").format(inputs=inputs, outputs=outputs)
        values = [directions[side][str(k)] for side in ("text_to_image", "image_to_text") for k in KS]
        rows.append(f"| {name} | " + " | ".join(f"{value:.3f}" for value in values) + " |")
    return [*rows, ""]
