"""Quality of the feedback models with a simulated user: python -m benchmarks.feedback [--size small|full]

Every model searches the same concepts of the same catalogues with the same labels; figures are over all images that
nobody labelled. Restrict it by --catalogues, --models, --users and --concepts. Catalogues are made once and kept in
--cache. Writes a table (feedback.md), all means (feedback.json), every round (records.csv.gz) and a plot to --output.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.quality import report
from benchmarks.quality.catalogues import ROOT, Absent
from benchmarks.quality.models import MODELS, SMALL_MODELS
from benchmarks.quality.plot import draw
from benchmarks.quality.simulate import Search, run
from benchmarks.quality.sources import CATALOGUES
from benchmarks.quality.users import FULL, SMALL, User

_DATA = ROOT / "data" / "benchmarks"
_FEW, _LARGE = 4, 20_000  # concepts of a catalogue in the small size; fewer of one with so many images


def main() -> None:
    options = _parser().parse_args()
    started = time.monotonic()
    small = options.size == "small"
    users = [user for user in (SMALL if small else FULL) if _wanted(user, options.users)]
    names = _chosen(options.catalogues, list(CATALOGUES), "--catalogues")
    asked = options.models or ",".join(SMALL_MODELS if small else MODELS)
    models = _chosen(asked, list(MODELS), "--models")
    cache = options.cache.resolve()
    absent: dict[str, str] = {}
    searches: list[Search] = []
    paths: dict[str, Path] = {}
    for name in names:
        try:
            catalogue = CATALOGUES[name](cache, small)
        except Absent as reason:
            absent[name] = str(reason)
            continue
        paths[name] = catalogue.path
        concepts = range(len(catalogue.concepts))
        few = _FEW if len(catalogue.codes) < _LARGE else _FEW // 3
        most = options.concepts or (few if small else 0)
        if most and most < len(concepts):
            # Spread over the list, which holds one kind of concept after another.
            concepts = np.unique(np.linspace(0, len(concepts) - 1, most).round().astype(int)).tolist()
        searches += [Search(name, c, user, d) for user in users for c in concepts for d in range(options.draws)]
    for name, why in absent.items():
        print(f"{name}: not measured, {why}", file=sys.stderr)
    records = pd.DataFrame(run(searches, models, paths, options.processes))
    if records.empty:
        sys.exit("Nothing was measured: no catalogue, user or model is left of what was asked for.")
    settings = {
        "size": options.size, "draws": options.draws, "users": [user.name for user in users], "models": models,
        "catalogues": names, "concepts": options.concepts, "cores": os.cpu_count(),
    }  # fmt: skip
    print(report.write(records, absent, settings, options.output))
    draw(records, options.output / "feedback.png")
    print(f"{len(records)} rounds in {time.monotonic() - started:.0f} s; written to {options.output}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=("small", "full"), default="small")
    parser.add_argument("--catalogues", default=",".join(CATALOGUES), help="of %(default)s")
    parser.add_argument("--models", default="", help=f"of {', '.join(MODELS)}")
    parser.add_argument(
        "--users", default="", help='parts of their names, such as "10 given,10 labels"; all by default'
    )
    parser.add_argument("--concepts", type=int, default=0, help="at most so many a catalogue (0: the size's own)")
    parser.add_argument("--draws", type=int, default=1, help="draws of labels for every concept and user")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--cache", type=Path, default=_DATA)
    parser.add_argument("--output", type=Path, default=_DATA / "results")
    return parser


def _chosen(text: str, known: list[str], option: str) -> list[str]:
    names = [part.strip() for part in text.split(",") if part.strip()]
    unknown = [name for name in names if name not in known]
    if unknown:
        sys.exit(f"{option} must be of: {'; '.join(known)}. Got {', '.join(unknown)} instead.")
    return names


def _wanted(user: User, parts: str) -> bool:
    wanted = [part.strip() for part in parts.split(",") if part.strip()]
    return not wanted or any(user.name.startswith(part) for part in wanted)


if __name__ == "__main__":
    main()
