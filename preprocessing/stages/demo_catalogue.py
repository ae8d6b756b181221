"""The demo's own source: drawn once, found again by its count and seed."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

from clip_branches.catalogue.storage import write_whole
from preprocessing.interrupt import Stopped
from preprocessing.progress import Progress
from preprocessing.report import Summary
from preprocessing.workplace import Recipe

TITLE = "Illustrated scenes"
EXAMPLES = (
    "a red boat at the beach",
    "a cat in a meadow",
    "a yellow umbrella",
    "three blue balloons",
    "a rocket in space",
    "a green tree in the mountains",
)
_MADE = "made.json"


def make_demo_source(folder: Path, *, count: int, seed: int, workers: int) -> Summary:
    """Draw ``count`` scenes into ``folder``, unless those very scenes are there already.

    Only a folder that this function made is ever emptied.
    """
    from preprocessing.stages.demo import write_demo_source

    started = time.monotonic()
    wanted = {"count": count, "seed": seed}
    made = _read_made(folder)
    if made == wanted:
        return Summary("demo", count, 0, count, time.monotonic() - started)
    if made is not None:
        shutil.rmtree(folder)
    try:
        with Progress("demo", count) as progress:
            write_demo_source(folder, count=count, seed=seed, workers=workers, progress=progress.update)
    except KeyboardInterrupt as error:
        raise Stopped(f"Stopped while drawing {count:,} scenes; the same command draws them again.") from error
    write_whole(folder / _MADE, (json.dumps(wanted) + "\n").encode())
    return Summary("demo", count, count, 0, time.monotonic() - started)


def demo_recipe(folder: Path, model: str) -> Recipe:
    """How the demo catalogue is made of the source in ``folder``."""
    return Recipe(
        source=folder.resolve(),
        captions=folder.resolve() / "captions.parquet",
        title=TITLE,
        model=model,
        examples=list(EXAMPLES),
    )


def _read_made(folder: Path) -> dict[str, int] | None:
    try:
        made = json.loads((folder / _MADE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return made if isinstance(made, dict) else None
