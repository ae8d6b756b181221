"""From the records of all rounds to one line a catalogue, user, round and model, with paired bootstrap intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

CLEARLY = 0.01  # AP by which a query must fall below text to count as clearly worse
# Less is no other order: where the text's order is kept, scores rounded to float32 exchange a few near ties.
_ROUNDING = 5e-4
_DRAWS = 2_000
SETTING = ["catalogue", "user", "round"]


def summarise(records: pd.DataFrame) -> pd.DataFrame:
    """Means over queries; worse: share below text alone by more than rounding; clearly_worse: by more than 0.01 AP."""
    records = records.assign(
        worse=(records["ap"] < records["text_ap"] - _ROUNDING).astype(float),
        clearly_worse=(records["ap"] < records["text_ap"] - CLEARLY).astype(float),
    )
    columns = "labels ap ap_answer text_ap p60 recall precision f1 best_f1 worse clearly_worse".split()
    for column in columns:
        if column not in records:
            records[column] = np.nan
    grouped = records.groupby([*SETTING, "model"], sort=False)
    table = grouped[columns].mean()
    table["train_ms"] = 1e3 * grouped["seconds"].median()
    table["searches"] = grouped.size()
    return table.reset_index()


def compare(records: pd.DataFrame, model: str, rivals: list[str]) -> pd.DataFrame:
    """``model`` against the best of ``rivals`` by mean AP in every setting: difference and its 95 % interval.

    Queries are drawn again with replacement, a query's draws and rounds together, both models on the same ones.
    """
    by_query = records.groupby([*SETTING, "model", "concept"], sort=False)["ap"].mean()
    found = []
    for setting, part in by_query.groupby(level=SETTING, sort=False):
        table = part.unstack("model").dropna()
        present = [name for name in rivals if name in table]
        if model not in table or not present or table.empty:
            continue
        best = table[present].mean().idxmax()
        difference = (table[model] - table[best]).to_numpy()
        low, high = bootstrap(difference)
        found.append((*setting, best, difference.mean(), low, high, len(difference)))
    return pd.DataFrame(found, columns=[*SETTING, "rival", "difference", "low", "high", "queries"])


def labels_to_beat_text(records: pd.DataFrame) -> pd.DataFrame:
    """Labels after which a search is first better than text alone: mean of those that are, and the share that never is.

    Over the users who label a few in every round.
    """
    mixed = records[records["kind"] == "mixed"]
    better = mixed[mixed["ap"] > mixed["text_ap"] + 1e-9]
    keys = ["catalogue", "user", "model", "concept", "draw"]
    first = better.groupby(keys, sort=False)["labels"].min()
    every = mixed.groupby(keys, sort=False).size()
    reached = first.reindex(every.index)
    grouped = reached.groupby(level=["catalogue", "user", "model"], sort=False)
    return pd.DataFrame({"labels": grouped.mean(), "never": grouped.apply(lambda x: x.isna().mean())}).reset_index()


def bootstrap(differences: NDArray[np.float64]) -> tuple[float, float]:
    """95 % interval of the mean of paired differences (n,), by percentiles."""
    generator = np.random.default_rng(0)
    drawn = generator.integers(0, len(differences), (_DRAWS, len(differences)))
    low, high = np.quantile(differences[drawn].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)
