"""The README's table of settings names every setting that there is, with its default, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from clip_branches.settings import DataSettings, SearchSettings, ServiceSettings, WebSettings

ROOT = Path(__file__).resolve().parents[2]
SERVICES: tuple[type[ServiceSettings], ...] = (SearchSettings, DataSettings, WebSettings)
ROW = re.compile(r"^\| `(?P<key>\w+)` \| (?P<services>[a-z, ]+) \| (?P<default>[^|]+) \|", re.MULTILINE)


def documented() -> dict[tuple[str, str], str]:
    """(service, key) -> default, as the README says."""
    table = {}
    for row in ROW.finditer((ROOT / "README.md").read_text(encoding="utf-8")):
        services = [part.strip() for part in row["services"].split(",")]
        defaults = [part.strip().strip("`") for part in row["default"].split(",")]
        for number, service in enumerate(services):
            table[service, row["key"]] = defaults[number if len(defaults) > 1 else 0]
    return table


def test_every_setting_is_in_the_readme_with_its_default() -> None:
    expected = {
        (settings.service, key): str(field.default)
        for settings in SERVICES
        for key, field in settings.model_fields.items()
    }
    assert documented() == expected
