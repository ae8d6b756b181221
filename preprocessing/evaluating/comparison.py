"""Figures of several models side by side: as a table, as JSON and as a plot."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clip_branches.files import replacing, write_whole

# {model: {measure: figure}}; a model may lack a measure
Figures = Mapping[str, Mapping[str, float]]

FIGURES_FILE = "figures.json"
TABLE_FILE = "figures.md"
PLOT_FILE = "figures.png"


def comparison_table(figures: Figures) -> str:
    """A row a measure, a column a model; of two models also what the second has more, with its sign. Markdown."""
    models = list(figures)
    head = [*models, "difference"] if len(models) == 2 else models
    rows = [["", *head]]
    for measure in _measures(figures):
        values = [figures[model].get(measure) for model in models]
        cells = ["-" if value is None else f"{value:.4f}" for value in values]
        if len(models) == 2:
            first, second = values
            cells.append("-" if first is None or second is None else f"{second - first:+.4f}")
        rows.append([measure, *cells])
    wide = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, wide, strict=True)) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "|".join(" --- " for _ in wide) + "|", *lines[1:]])


def keep_comparison(folder: Path, title: str, figures: Figures, told: Mapping[str, Any]) -> None:
    """Write the figures into ``folder`` as JSON (with what is ``told`` of them), Markdown and a plot."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {**told, "figures": {model: dict(values) for model, values in figures.items()}}
    write_whole(folder / FIGURES_FILE, (json.dumps(content, indent=2) + "\n").encode())
    write_whole(folder / TABLE_FILE, f"# {title}\n\n{comparison_table(figures)}\n".encode())
    _plot(folder / PLOT_FILE, title, figures)


def _measures(figures: Figures) -> list[str]:
    return list(dict.fromkeys(measure for values in figures.values() for measure in values))


def _plot(path: Path, title: str, figures: Figures) -> None:
    """A group of bars for each measure, a bar for each model."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    measures = _measures(figures)
    thick = 0.8 / len(figures)
    figure, axes = pyplot.subplots(figsize=(8, 1.2 + 0.45 * len(measures) * max(1.0, len(figures) / 2)))
    for number, (model, values) in enumerate(figures.items()):
        places = [place + number * thick for place, measure in enumerate(measures) if measure in values]
        drawn = [values[measure] for measure in measures if measure in values]
        bars = axes.barh(places, drawn, height=thick * 0.9, label=model)
        axes.bar_label(bars, fmt="%.3f", fontsize=7, padding=2)
    axes.set_yticks([place + thick * (len(figures) - 1) / 2 for place in range(len(measures))], measures)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.08)
    axes.grid(axis="x", alpha=0.3)
    axes.set_title(title, fontsize=10)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.06), ncol=2, fontsize=8)
    figure.tight_layout()
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=110, format="png")
    pyplot.close(figure)
