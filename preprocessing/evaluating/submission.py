"""The two files that CIRR's evaluation server takes, written and checked against its limits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from clip_branches.errors import InvalidInput
from clip_branches.files import write_whole
from preprocessing.evaluating.cirr import Cirr, CirrRanking

LARGEST_BYTES: Final = 5 * 1024 * 1024
NAMES: Final = {"recall": 50, "recall_subset": 3}


def write_submissions(data: Cirr, ranking: CirrRanking, folder: Path) -> dict[str, Path]:
    """Write ``recall.json`` and ``recall_subset.json`` to ``folder``; InvalidInput where the server would refuse."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for metric, lists in (("recall", ranking.first), ("recall_subset", ranking.subset)):
        ranked = {str(pair.pairid): names for pair, names in zip(data.pairs, lists, strict=True)}
        content = {"version": "rc2", "metric": metric, **ranked}
        check_submission(content, data)
        files[metric] = folder / f"{metric}.json"
        write_whole(files[metric], _bytes(content))
    return files


def check_submission(content: dict[str, Any], data: Cirr) -> None:
    """Raise InvalidInput, naming the pair, for what the server would refuse or count as wrong.

    A version other than rc2, an unknown metric, a pair missing or surplus, a number of names other than 50 (recall) or
    3 (recall_subset), a name given twice, unknown, the reference itself or, in the subset, outside its group, and more
    than 5 MB.
    """
    if content.get("version") != "rc2" or content.get("metric") not in NAMES:
        raise InvalidInput(
            "A submission must have the version 'rc2' and the metric 'recall' or 'recall_subset'. "
            f"Got {content.get('version')!r} and {content.get('metric')!r} instead."
        )
    metric = str(content["metric"])
    pairs = {str(pair.pairid): pair for pair in data.pairs}
    given = set(content) - {"version", "metric"}
    if given != set(pairs):
        missing, surplus = sorted(set(pairs) - given)[:5], sorted(given - set(pairs))[:5]
        raise InvalidInput(f"A submission must hold every pair once. Missing: {missing}; surplus: {surplus}.")
    for pairid, pair in pairs.items():
        names = content[pairid]
        allowed = set(data.images) if metric == "recall" else set(pair.members)
        if not isinstance(names, list) or len(names) != NAMES[metric] or len(set(names)) != len(names):
            raise InvalidInput(f"Pair {pairid} must have {NAMES[metric]} different names. Got {_short(names)}.")
        if pair.reference in names:
            raise InvalidInput(f"The names of pair {pairid} must not hold its reference {pair.reference!r}.")
        unknown = sorted(set(names) - allowed)
        if unknown:
            where = "the split" if metric == "recall" else "its group"
            raise InvalidInput(f"The names of pair {pairid} must be of {where}. Got {_short(unknown)}.")
    size = len(_bytes(content))
    if size > LARGEST_BYTES:
        raise InvalidInput(f"A submission must be at most {LARGEST_BYTES:,} bytes. Got {size:,} instead.")


def _bytes(content: dict[str, Any]) -> bytes:
    return json.dumps(content, separators=(",", ":"), sort_keys=True).encode()


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < 120 else f"{text[:117]}..."
