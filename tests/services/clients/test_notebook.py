"""The notebook runs from top to bottom on the demo platform."""

from __future__ import annotations

import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.running import ROOT, Running


def test_the_notebook_runs(services: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIP_BRANCHES_URL", services.url)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    path = Path(shutil.copy(ROOT / "notebooks" / "labels.ipynb", tmp_path))
    notebook = nbformat.read(path, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "the notebook is kept without outputs"
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    said = " ".join(cell.outputs[0]["data"]["text/plain"] for cell in notebook.cells if cell.get("outputs"))
    precision = float(said.split(" images, ")[1].split("%")[0])
    assert precision >= 80, said
    assert (tmp_path / "ink.csv").stat().st_size > 1_000
