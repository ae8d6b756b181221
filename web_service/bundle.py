"""JavaScript modules put together: one file for what a page needs at once, one for each part loaded on demand.

The sources stay small modules; a browser would have to ask for each of some forty of them, a request each. Only the
forms of import and export that the sources use are known (see ``_IMPORT`` and ``_EXPORT``); any other is refused when
the service starts, so that nothing is ever silently left out.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

from clip_branches.errors import ConfigurationError

_IMPORT = re.compile(r'^import \{ ([^}]+) \} from "(\.[^"]+)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const) ([\w$]+))", re.MULTILINE)
_ON_DEMAND = re.compile(r'\bimport\("(\.[^"]+)"\)')
_OTHER_FORM = re.compile(r"^(?:import|export)\b.*$", re.MULTILINE)
# Modules that have run, by name: a part loaded later finds those of the page in it, and each runs once.
_REGISTRY = 'const modules = (globalThis[Symbol.for("clip-branches.modules")] ??= {});\n'


def bundles(modules: Mapping[str, str], entries: tuple[str, ...]) -> dict[str, str]:
    """The script of each entry and of each module that is imported on demand, by the module's own name.

    ``modules`` are all sources by their paths below one folder. A part on demand leaves out what every entry that
    leads to it has loaded before. Raises ConfigurationError for a form of import or export that is not known, a
    module that is not there and modules that import each other.
    """
    needs = {name: _needs(name, modules) for name in modules}
    try:
        order = list(TopologicalSorter(needs).static_order())
    except CycleError as error:
        raise ConfigurationError(f"Modules import each other in a circle: {' > '.join(error.args[1])}.") from error
    later = {name: {_path(name, to) for to in _ON_DEMAND.findall(text)} for name, text in modules.items()}
    missing = sorted(set().union(*later.values()) - set(modules))
    if missing:
        raise ConfigurationError(f"{missing[0]!r} is imported on demand, but there is no such module.")

    present: dict[str, set[str]] = {}  # part on demand -> what is there before it, whichever page it is loaded by
    for entry in entries:
        before = _closure({entry}, needs)
        reached = _closure({entry}, {name: needs[name] | later[name] for name in modules})
        for part in set().union(*(later[name] for name in reached)):
            present[part] = present.get(part, before) & before
    made = {entry: _closure({entry}, needs) for entry in entries}
    made |= {part: _closure({part}, needs) - before for part, before in present.items()}
    return {
        bundle: _REGISTRY
        + "".join(_wrapped(name, modules[name], bundle) for name in order if name in wanted)
        + _handed_on(bundle, modules[bundle])
        for bundle, wanted in made.items()
    }


def _path(name: str, relative: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), relative))


def _needs(name: str, modules: Mapping[str, str]) -> set[str]:
    found = {_path(name, relative) for _, relative in _IMPORT.findall(modules[name])}
    missing = sorted(found - set(modules))
    if missing:
        raise ConfigurationError(f"{name!r} imports {missing[0]!r}, but there is no such module.")
    return found


def _closure(names: set[str], needs: Mapping[str, set[str]]) -> set[str]:
    """The names and all that they need."""
    found, left = set(names), set(names)
    while left:
        left = set().union(*(needs[name] for name in left)) - found
        found |= left
    return found


def _wrapped(name: str, text: str, bundle: str) -> str:
    """A module as a function that runs once and returns what the module exports."""

    def taken(match: re.Match[str]) -> str:
        return f"const {{ {match[1].replace(' as ', ': ')} }} = modules[{_path(name, match[2])!r}];"

    def on_demand(match: re.Match[str]) -> str:
        relative = posixpath.relpath(_path(name, match[1]), posixpath.dirname(bundle))
        return f'import("./{relative}")'

    body = _EXPORT.sub("", _IMPORT.sub(taken, _ON_DEMAND.sub(on_demand, text)))
    unknown = _OTHER_FORM.search(body)
    if unknown:
        raise ConfigurationError(
            f'{name!r} says {unknown[0]!r}: write import {{ names }} from "./file.js"; on one line, and export '
            "before function, class or const."
        )
    exported = ", ".join(_EXPORT.findall(text))
    return f"modules[{name!r}] ??= (() => {{\n{body}return {{ {exported} }};\n}})();\n"


def _handed_on(name: str, text: str) -> str:
    """What the bundle exports: all that its own module does."""
    return "".join(f"export const {one} = modules[{name!r}].{one};\n" for one in _EXPORT.findall(text))
