"""The task that docs/user-guide.md tells in pictures, done as it says; its pictures are made here.

They go to test-results/guide, or to the folder that GUIDE_DIR names: `GUIDE_DIR=docs/images pytest <this file>`.
"""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import expect

from tests.browser.person import Meet, Person
from tests.running import ROOT
from tests.scenario import Api

FOLDER = Path(os.environ.get("GUIDE_DIR") or ROOT / "test-results" / "guide")
GUIDE = ROOT / "docs" / "user-guide.md"
STEPS = ("start", "search", "mark", "refine", "next", "map", "figures", "check")
_MAP_MS = 120_000
_SLOW_MS = 60_000


def _keeps(person: Person, step: str) -> None:
    person.has_all_pictures()
    picture = Image.open(BytesIO(person.page.screenshot()))
    FOLDER.mkdir(parents=True, exist_ok=True)
    picture.convert("RGB").save(FOLDER / f"guide-{step}.webp", quality=62, method=6)


def test_every_boat_in_ink_is_found(meet: Meet) -> None:
    person = meet(viewport={"width": 1200, "height": 760}, reduced_motion="reduce")
    page = person.page
    person.visit()
    expect(page.locator("#examples img")).to_have_count(24, timeout=_SLOW_MS)
    _keeps(person, "start")
    person.search("a boat")
    _keeps(person, "search")
    shown = [person.id_of(i) for i in range(20)]
    ink = Api(person.url).having(shown, lambda metadata: metadata["style"] == "ink")
    right = [i for i, item in enumerate(shown) if item in ink][:3]
    wrong = [i for i, item in enumerate(shown) if item not in ink][:3]
    person.mark_right(*right)
    person.mark_wrong(*wrong)
    _keeps(person, "mark")
    page.click("#refine")
    expect(page.locator(".round")).to_have_count(2, timeout=_SLOW_MS)
    person.waits()
    assert 0 < person.total < 1_200
    _keeps(person, "refine")
    page.click("#tab-next")
    expect(page.locator(".cell[data-note]").first).to_be_visible(timeout=_SLOW_MS)
    _keeps(person, "next")
    page.click("#tab-map")
    page.locator("#groups .group").first.click(timeout=_MAP_MS)
    expect(page.locator("#map-canvas")).to_have_attribute("data-drawn", "true")
    _keeps(person, "map")
    page.keyboard.press("Escape")
    page.click("#tab-figures")
    expect(page.locator("#figures .figure").first).to_be_visible(timeout=_SLOW_MS)
    _keeps(person, "figures")
    page.click("#tab-check")
    person.sees_pictures()
    page.click("#check-rest")
    expect(page.locator("#check-body .meter")).to_have_count(2, timeout=_SLOW_MS)
    _keeps(person, "check")


def test_the_guide_shows_each_step() -> None:
    words = GUIDE.read_text(encoding="utf-8")
    for step in STEPS:
        assert f"images/guide-{step}.webp" in words
        kept = ROOT / "docs" / "images" / f"guide-{step}.webp"
        assert kept.stat().st_size < 150_000
