"""The figures as markdown and JSON, with the goals beside them."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.quality.figures import compare, labels_to_beat_text, summarise
from benchmarks.quality.models import RIVALS

_WORSE, _CUT = 0.02, 0.05  # goals: share of queries worse than text; F1 lost by the model's own cut


def write(records: pd.DataFrame, absent: dict[str, str], settings: dict[str, Any], folder: Path) -> str:
    """Write feedback.md, feedback.json and records.csv.gz into ``folder``; returns the markdown."""
    folder.mkdir(parents=True, exist_ok=True)
    summary = summarise(records)
    beats = labels_to_beat_text(records)
    comparisons = {
        "auto against the best of its rivals": compare(records, "auto", list(RIVALS)),
        "auto against text": compare(records, "auto", ["text"]),
        "branch against the published branch": compare(records, "branch", ["published branch"]),
        "ensemble against the published ensemble": compare(records, "ensemble", ["published ensemble"]),
    }
    lines = ["# Quality of feedback", "", _about(records, settings), ""]
    lines += [f"* {name}: not measured, {why}." for name, why in absent.items()]
    lines += ["", "## Average precision, mean over queries", ""]
    for name in summary["catalogue"].unique():
        lines += [f"### {name}", "", *_ap_table(summary[summary["catalogue"] == name]), ""]
    lines += ["## At the model's own cut", "", *_cut_table(summary), ""]
    lines += ["## Labels to beat text alone", "", *_beats_table(beats), ""]
    for title, table in comparisons.items():
        if len(table):
            lines += [f"## Paired: {title}", "", *_pairs_table(table), ""]
    lines += ["## Goals of the default model", "", *_goals(summary, comparisons["auto against the best of its rivals"])]
    text = "\n".join(lines) + "\n"
    (folder / "feedback.md").write_text(text, encoding="utf-8")
    content = {
        "settings": settings,
        "absent": absent,
        "summary": json.loads(summary.to_json(orient="records")),
        "labels_to_beat_text": json.loads(beats.to_json(orient="records")),
        "paired": {title: json.loads(table.to_json(orient="records")) for title, table in comparisons.items()},
    }
    (folder / "feedback.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    records.to_csv(folder / "records.csv.gz", index=False, float_format="%.6g")
    return text


def _about(records: pd.DataFrame, settings: dict[str, Any]) -> str:
    catalogues = ", ".join(
        f"{name} ({part['concept'].nunique()} queries)" for name, part in records.groupby("catalogue", sort=False)
    )
    return f"{catalogues}; {settings['draws']} draw(s) of labels each; {platform.machine()}, {settings['cores']} cores."


def _setting(row: Any) -> str:
    return f"{row['user']}" if row["round"] == 1 else f"{row['user']}, round {row['round']}"


def _ap_table(summary: pd.DataFrame) -> list[str]:
    summary = summary.assign(setting=summary.apply(_setting, axis=1))
    wide = summary.pivot_table(index="model", columns="setting", values="ap", sort=False)
    return _markdown(["model", *wide.columns], ([name, *(_number(v) for v in row)] for name, row in wide.iterrows()))


def _cut_table(summary: pd.DataFrame) -> list[str]:
    """Means over all users and rounds of a catalogue."""
    columns = "p60 recall precision f1 best_f1 worse clearly_worse ap_answer train_ms".split()
    means = summary.groupby(["catalogue", "model"], sort=False)[columns].mean().reset_index()
    head = ["catalogue", "model", "P@60", "recall", "precision", "F1", "best F1", "worse than text", "by over 0.01",
            "AP of the answer alone", "train, ms of CPU"]  # fmt: skip
    return _markdown(
        head,
        (
            [row["catalogue"], row["model"], *(_number(row[c]) for c in columns[:-1]), f"{row['train_ms']:.1f}"]
            for _, row in means.iterrows()
        ),
    )


def _beats_table(beats: pd.DataFrame) -> list[str]:
    means = beats.groupby(["catalogue", "model"], sort=False)[["labels", "never"]].mean().reset_index()
    return _markdown(
        ["catalogue", "model", "labels", "never"],
        ([r["catalogue"], r["model"], f"{r['labels']:.1f}", _number(r["never"])] for _, r in means.iterrows()),
    )


def _pairs_table(table: pd.DataFrame) -> list[str]:
    return _markdown(
        ["catalogue", "user", "against", "difference in AP", "95 % interval", "queries"],
        (
            [r["catalogue"], _setting(r), r["rival"], f"{r['difference']:+.3f}", f"{r['low']:+.3f} to {r['high']:+.3f}",
             str(r["queries"])]
            for _, r in table.iterrows()
        ),
    )  # fmt: skip


def _goals(summary: pd.DataFrame, against: pd.DataFrame) -> list[str]:
    lines = []
    auto = summary[summary["model"] == "auto"]
    for name, part in auto.groupby("catalogue", sort=False):
        rows = against[against["catalogue"] == name]
        given = rows[rows["user"].isin([f"{n} given" for n in (5, 10, 20)])]
        behind = [f"{_setting(r)} {r['difference']:+.3f} ({r['rival']})" for _, r in given.iterrows()]
        worse = part.loc[part["worse"].idxmax()]
        clearly = part.loc[part["clearly_worse"].idxmax()]
        lost = part["best_f1"] - part["f1"]
        where = part.loc[lost.idxmax()]
        lines += [
            f"* {name}: AP against the best rival: {'; '.join(behind) or 'not measured'}.",
            f"  Worse than text, at worst: {worse['worse']:.1%} ({_setting(worse)}), by over 0.01 "
            f"{clearly['clearly_worse']:.1%}; goal {_WORSE:.0%}.",
            f"  F1 lost by its own cut: mean {lost.mean():.3f}, at worst {lost.max():.3f} ({_setting(where)}); "
            f"goal {_CUT}.",
        ]
    return lines


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [
        "| " + " | ".join(str(c) for c in head) + " |",
        "|" + " --- |" * len(head),
        *("| " + " | ".join(str(c) for c in row) + " |" for row in rows),
    ]


def _number(value: float) -> str:
    return "-" if pd.isna(value) else f"{value:.3f}"
