"""The demo's own source: drawn once, found again by its count and seed."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

from clip_branches.errors import ConfigurationError
from clip_branches.files import write_whole
from preprocessing.interrupt import Stopped
from preprocessing.progress import Progress
from preprocessing.recipe import EmbeddingSection, Recipe
from preprocessing.report import Summary
from preprocessing.sources.options import FolderSource

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

    Only a folder that this function made is ever emptied; ConfigurationError for one that holds anything else.
    """
    from preprocessing.stages.demo import write_demo_source

    started = time.monotonic()
    wanted = {"count": count, "seed": seed}
    made = _read_note(folder)
    if made == {**wanted, "whole": True}:
        return Summary("demo", count, 0, count, time.monotonic() - started)
    if made is None and folder.exists() and any(folder.iterdir()):
        raise ConfigurationError(f"The folder {folder} must be empty or made by this command. Move it away first.")
    if made is not None and made != {**wanted, "whole": False}:
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    _write_note(folder, {**wanted, "whole": False})
    try:
        with Progress("demo", count) as progress:
            write_demo_source(folder, count=count, seed=seed, workers=workers, progress=progress.update)
    except KeyboardInterrupt as error:
        raise Stopped("Stopped while the scenes were drawn; the same command draws them.") from error
    _write_note(folder, {**wanted, "whole": True})
    return Summary("demo", count, count, 0, time.monotonic() - started)


def demo_recipe(folder: Path, model: str) -> Recipe:
    """How the demo catalogue is made of the source in ``folder``."""
    folder = folder.resolve()
    return Recipe(
        title=TITLE,
        examples=list(EXAMPLES),
        source=FolderSource(path=folder, captions=folder / "captions.parquet"),
        embedding=EmbeddingSection(model=model),
    )


def _read_note(folder: Path) -> dict[str, int | bool] | None:
    try:
        made = json.loads((folder / _MADE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return made if isinstance(made, dict) else None


def _write_note(folder: Path, note: dict[str, int | bool]) -> None:
    write_whole(folder / _MADE, (json.dumps(note) + "\n").encode())
