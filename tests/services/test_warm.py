"""A service that says it is ready has compiled what it needs: no search waits for a compiler, the first no more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.services.conftest import NAME

_SEARCHES = """
import importlib, pkgutil, sys
from pathlib import Path
from clip_branches.engine import kernels
from clip_branches.settings import SearchSettings
from search_service.app import create_app
from tests.services.conftest import wait_until_ready

def compiled():
    names = [found.name for found in pkgutil.iter_modules(kernels.__path__)]
    modules = [importlib.import_module(f"{kernels.__name__}.{name}") for name in names]
    known = {id(one): one for module in modules for one in vars(module).values() if hasattr(one, "nopython_signatures")}
    return {f"{one.__module__}.{one.__name__}{types}" for one in known.values() for types in one.nopython_signatures}

app = create_app(SearchSettings(data_dir=Path(sys.argv[1]), models_dir=Path(sys.argv[2])))
wait_until_ready(app)
before = compiled()
client = app.test_client()
found = client.post(f"/v1/catalogues/{sys.argv[3]}/search", json={"text": "a boat"}).json["hits"]
ids = [hit["id"] for hit in found]
for model in ("auto", "linear", "branch", "ensemble"):
    for describe in (False, True):
        labels = {"positive": ids[:4], "negative": ids[-4:]}
        body = {"text": "a boat", "model": model, "describe": describe, **labels}
        response = client.post(f"/v1/catalogues/{sys.argv[3]}/search", json=body)
        assert response.status_code == 200, response.text
app.extensions["search"].stop()
print(len(before), *sorted(compiled() - before), sep="\\n")
"""


@pytest.mark.slow
def test_nothing_is_compiled_for_a_search(own_data: Path, tiny_models: Path) -> None:
    command = [sys.executable, "-c", _SEARCHES, str(own_data), str(tiny_models), NAME]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    before, *later = [line for line in done.stdout.splitlines() if not line.startswith("{")]
    assert int(before) > 20  # what there is was looked at
    assert later == []
