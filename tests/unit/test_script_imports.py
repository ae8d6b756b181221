"""The page's modules put together: each runs once, after what it needs; what cannot be put together is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from clip_branches.errors import ConfigurationError
from tests.running import ROOT
from web_service.bundle import bundles
from web_service.static_files import ENTRIES

FOLDER = ROOT / "web_service" / "static"
MODULES = {path.relative_to(FOLDER).as_posix(): path.read_text("utf-8") for path in sorted(FOLDER.glob("js/**/*.js"))}


def _modules_of(bundle: str) -> list[str]:
    return re.findall(r"^modules\['([^']+)'\] \?\?=", bundle, re.MULTILINE)


def test_every_module_is_in_a_bundle_after_what_it_needs() -> None:
    made = bundles(MODULES, ENTRIES)
    assert {name for bundle in made.values() for name in _modules_of(bundle)} == set(MODULES)
    for entry, bundle in made.items():
        held = _modules_of(bundle)
        assert len(set(held)) == len(held)
        assert held[-1] == entry
        for place, name in enumerate(held):
            wanted = re.findall(r'from "(\.[^"]+)"', MODULES[name])
            needs = {(Path("/") / name).parent.joinpath(one).resolve().relative_to("/").as_posix() for one in wanted}
            present = set(held[:place]) | (set() if entry in ENTRIES else set(_modules_of(made["js/main.js"])))
            assert needs <= present, name
        assert not re.search(r"^(?:import|export) \{", bundle, re.MULTILINE)


def test_a_part_on_demand_brings_only_what_is_not_there_yet() -> None:
    made = bundles(
        {
            "js/main.js": 'import { a } from "./a.js";\nconst open = () => import("./tools/part.js");\n',
            "js/saved/main.js": 'import { a as b } from "../a.js";\n',
            "js/a.js": "export const a = 1;\n",
            "js/b.js": 'import { a } from "./a.js";\nexport function b() {}\nexport class C {}\n',
            "js/tools/part.js": 'import { b } from "../b.js";\nexport async function part() {}\n',
        },
        ("js/main.js", "js/saved/main.js"),
    )
    assert {name: _modules_of(text) for name, text in made.items()} == {
        "js/main.js": ["js/a.js", "js/main.js"],
        "js/saved/main.js": ["js/a.js", "js/saved/main.js"],
        "js/tools/part.js": ["js/b.js", "js/tools/part.js"],
    }
    assert "const { a: b } = modules['js/a.js'];" in made["js/saved/main.js"]
    assert "return { b, C };" in made["js/tools/part.js"]
    assert made["js/tools/part.js"].endswith("export const part = modules['js/tools/part.js'].part;\n")
    assert 'import("./tools/part.js")' in made["js/main.js"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('import { a } from "./none.js";\n', "there is no such module"),
        ('import { b } from "./main.js";\n', "in a circle"),
        ('const later = () => import("./none.js");\n', "there is no such module"),
        ('import * as all from "./a.js";\n', "import { names }"),
        ("export default 1;\n", "export before function, class or const"),
        ("export let a = 1;\n", "export before function, class or const"),
    ],
)
def test_what_cannot_be_put_together_is_refused(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        bundles({"js/main.js": text, "js/a.js": "export const a = 1;\n"}, ("js/main.js",))
