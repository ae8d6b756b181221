"""The demo catalogue, built by the project's own pipeline, with what its captions say and what they never say."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.quality.catalogues import ROOT, Bools, Parts, unit
from clip_branches.catalogue import Catalogue
from clip_branches.encoding import Encoder
from clip_branches.engine import BoxIndex
from preprocessing.scenes.vocabulary import COLORS, HIDDEN, KINDS, SETTING_PHRASES

_PAIRS = 12  # of colour and kind, and of kind and setting
_LEAST = 20  # images of a pair

Concepts = list[tuple[str, str, Bools]]  # name, query, truth


def captioned(cache: Path) -> tuple[Callable[[], Parts], str]:
    """Kinds, colours, settings and pairs of them; a query is what one would type. (maker, key)"""
    return _prepared(cache, _captioned)


def hidden(cache: Path) -> tuple[Callable[[], Parts], str]:
    """Drawing styles and the like, which no caption names: the query is about some kind of object. (maker, key)"""
    return _prepared(cache, _hidden)


def _prepared(cache: Path, concepts: Callable[[pd.DataFrame], Concepts]) -> tuple[Callable[[], Parts], str]:
    home = (ROOT / "data").resolve()
    data = home if cache.is_relative_to(home) else cache
    command = [sys.executable, "-m", "preprocessing", "demo", "--data-dir", str(data)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"The demo catalogue was not built: {done.stderr[-2000:]}")
    folder = data / "catalogues" / "demo"
    return lambda: _parts(folder, concepts), (folder / "manifest.json").read_text()


def _parts(folder: Path, concepts: Callable[[pd.DataFrame], Concepts]) -> Parts:
    catalogue = Catalogue.open(folder, verify=False)
    encoder = Encoder.load(
        catalogue.encoder.model, models_dir=ROOT / "assets" / "models",
        head=catalogue.encoder.head_path, quantiser=catalogue.encoder.quantiser_path,
    )  # fmt: skip
    codes = np.vstack([BoxIndex.open(s.index_path).codes() for s in catalogue.segments])
    table = pd.concat([s.table().to_pandas() for s in catalogue.segments], ignore_index=True)
    embeddings = np.vstack([np.asarray(s.embeddings, np.float32) for s in catalogue.segments])
    names, texts, truths = zip(*concepts(table), strict=True)
    full = encoder.embed_texts(list(texts))
    reduced, queries = encoder.project_images(embeddings), encoder.project_texts(full)
    return Parts(
        reduced, unit(embeddings), names, np.stack(truths), queries, full,
        quantiser=encoder.quantiser, codes=codes,
    )  # fmt: skip


def _captioned(table: pd.DataFrame) -> Concepts:
    kinds = {kind: _any(table, "kind", kind) for kind in KINDS}
    colours = {colour: _any(table, "color", colour) for colour in COLORS}
    settings = {setting: (table["setting"] == setting).to_numpy() for setting in SETTING_PHRASES}
    found = [(kind, f"a {kind}", truth) for kind, truth in kinds.items()]
    found += [(colour, f"something {colour}", truth) for colour, truth in colours.items()]
    found += [(setting, SETTING_PHRASES[setting][0], truth) for setting, truth in settings.items()]
    coloured = [
        (f"{colour} {kind}", f"a {colour} {kind}", _both(table, kind, colour)) for kind in KINDS for colour in COLORS
    ]
    placed = [
        (f"{kind}, {place}", f"a {kind} {SETTING_PHRASES[place][0]}", kinds[kind] & settings[place])
        for kind in KINDS
        for place in settings
    ]
    generator = np.random.default_rng(0)
    for pairs in (coloured, placed):
        large = [pair for pair in pairs if pair[2].sum() >= _LEAST]
        found += [large[i] for i in np.sort(generator.choice(len(large), min(_PAIRS, len(large)), replace=False))]
    return found


def _hidden(table: pd.DataFrame) -> Concepts:
    found: Concepts = []
    for attribute, values in HIDDEN.items():
        for value in values:
            kind = KINDS[len(found) % len(KINDS)]
            found.append((f"{attribute} {value}", f"a {kind}", (table[attribute] == value).to_numpy()))
    return found


def _any(table: pd.DataFrame, column: str, value: str) -> Bools:
    truth: Bools = np.any([table[f"{place}{column}"] == value for place in ("", "second_", "third_")], axis=0)
    return truth


def _both(table: pd.DataFrame, kind: str, colour: str) -> Bools:
    places = ("", "second_", "third_")
    truth: Bools = np.any([(table[f"{p}kind"] == kind) & (table[f"{p}color"] == colour) for p in places], axis=0)
    return truth
