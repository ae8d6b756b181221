"""Rounds against AP, recall, precision and F1: one row of plots a catalogue."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import pandas as pd

from benchmarks.quality.figures import summarise

_SHOWN = {"ap": "average precision", "recall": "recall", "precision": "precision", "f1": "F1"}
_STYLES = {
    "auto": ("#0b6e4f", "-", 2.6),
    "ensemble": ("#1f77b4", "-", 2.0),
    "branch": ("#17a2b8", "-", 2.0),
    "published ensemble": ("#c0392b", "--", 1.6),
    "published branch": ("#e67e22", "--", 1.6),
    "text": ("#222222", ":", 1.8),
}


def draw(records: pd.DataFrame, path: Path) -> None:
    """Write the plot of the user with most rounds and no slips (of 10 labels a round where there is one)."""
    mpl.use("Agg")
    from matplotlib import pyplot

    rounds = records[records["kind"] == "mixed"]
    users = [user for user in rounds["user"].unique() if "wrong" not in user]
    if not users:
        return
    user = "10 labels" if "10 labels" in users else users[0]
    summary = summarise(rounds[rounds["user"] == user])
    names = summary["catalogue"].unique()
    figure, axes = pyplot.subplots(len(names), 4, figsize=(15, 3 * len(names)), squeeze=False, sharex=True)
    for row, name in zip(axes, names, strict=True):
        for plot, (figure_of, title) in zip(row, _SHOWN.items(), strict=True):
            for model, part in summary[summary["catalogue"] == name].groupby("model", sort=False):
                if part[figure_of].isna().all():
                    continue
                colour, line, width = _STYLES.get(str(model), ("#999999", "-", 0.9))
                plot.plot(part["round"], part[figure_of], line, color=colour, linewidth=width, label=model)
                if str(model) not in _STYLES:
                    plot.annotate(str(model), (part["round"].iloc[-1], part[figure_of].iloc[-1]), fontsize=6)
            plot.set_ylim(0, 1.02)
            plot.set_title(f"{name}: {title}", fontsize=9)
            plot.grid(alpha=0.3)
    for plot in axes[-1]:
        plot.set_xlabel(f"round ({user} each)")
        plot.xaxis.get_major_locator().set_params(integer=True)
    handles, titles = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, titles, loc="lower center", ncol=8, fontsize=8)
    figure.tight_layout(rect=(0, 0.4 / (3 * len(names)), 1, 1))
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
