"""Figures of the methods of composition as a table, for a terminal and for the model's card."""

from __future__ import annotations

from typing import Any

FIGURES_FILE = "composing.json"
RECALLS = (1, 5, 10)


def composing_table(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    names = [f"R@{limit}" for limit in RECALLS] + ["Rs@1"]
    head = " | ".join(f"{name} {space}" for space in ("floats", "codes") for name in names)
    lines = [f"| method | {head} |", "| --- |" + " --- |" * (2 * len(names))]
    for method, floats in figures["floats"].items():
        codes = figures["codes"][method]
        balances = [one["balance"] for one in (floats, codes) if "balance" in one]
        label = f"{method} ({', '.join(map(str, balances))})" if balances else method
        cells = " | ".join(f"{100 * one[name]:.1f}" for one in (floats, codes) for name in names)
        lines.append(f"| {label} | {cells} |")
    return "\n".join(lines)
