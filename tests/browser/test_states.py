"""A picture of every state of the page, at three widths, in both themes: to be looked at, and kept for the docs.

They go to test-results/pictures, or to the folder that PICTURES_DIR names.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.person import PHONE, Meet, Person
from tests.running import ROOT

FOLDER = Path(os.environ.get("PICTURES_DIR") or ROOT / "test-results" / "pictures")
QUERY = "a boat at the beach"
VIEWS: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1440, "height": 900}},
    "desktop-dark": {"viewport": {"width": 1440, "height": 900}, "color_scheme": "dark"},
    "tablet-dark": {"viewport": {"width": 820, "height": 1180}, "color_scheme": "dark"},
    "phone": {**PHONE, "device_scale_factor": 2},
}
State = Callable[[Person], None]


def first_visit(person: Person) -> None:
    person.visit()
    expect(person.page.locator("#examples img")).to_have_count(24)


def searching(person: Person) -> None:
    """The search never answers: grey cells stand for the pictures to come."""
    person.page.route("**/search", lambda route: None)
    person.visit(q=QUERY)
    expect(person.page.locator("#progress")).to_be_visible()
    expect(person.page.locator(".cell").first).to_be_visible()


def text_answer(person: Person) -> None:
    person.visit(q=QUERY)
    person.sees_pictures()


def labelled(person: Person) -> None:
    text_answer(person)
    person.mark_right(0, 1)
    person.mark_wrong(2)
    expect(person.page.locator("#hint")).to_have_text("Refine to see every image like these.")


def refined(person: Person) -> None:
    labelled(person)
    person.refine()
    person.page.evaluate("() => { document.querySelector('#scroller').scrollTop = 0; }")


def opened_from_a_link(person: Person) -> None:
    refined(person)
    person.outlasts(500)  # nothing is remembered any more
    address = person.address
    person.page.evaluate("() => localStorage.clear()")
    person.page.goto("about:blank")
    person.page.goto(address)
    expect(person.page.locator("#resume")).to_contain_text("Opened from a link")
    person.sees_pictures()


def very_many(person: Person) -> None:
    person.visit(catalogue="many", q="anything at all")
    person.sees_pictures()


_STATES: list[State] = [first_visit, searching, text_answer, labelled, refined, opened_from_a_link, very_many]


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("state", _STATES, ids=lambda state: state.__name__)
def test_state_has_a_picture(meet: Meet, state: State, view: str) -> None:
    person = meet(**VIEWS[view])
    state(person)
    if state is not searching:
        # Images fade in; a picture of a page half shown says nothing.
        person.has_all_pictures()
        person.rests()
    person.width_is_kept()
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{state.__name__.replace('_', '-')}-{view}.png"
    person.page.screenshot(path=path)
    with Image.open(path) as picture:
        assert len(picture.convert("P").getcolors() or []) > 20
