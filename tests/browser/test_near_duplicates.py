"""Pictures that the catalogue knows to be alike: said on each, and marked at once or one by one."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.person import PHONE, Meet, Person

_SLOW_MS = 30_000


def test_one_mark_speaks_for_a_group_or_for_one_alone(person: Person) -> None:
    person.visit(catalogue="many", q="anything at all", where="alike:group 7")
    person.sees_pictures()
    expect(person.page.locator("#shown-words")).to_have_text("3 of 100,000 shown: alike = group 7")
    first = person.cell(0)
    expect(first.locator(".alike")).to_have_text("3 alike", timeout=_SLOW_MS)
    expect(first).to_have_attribute("aria-label", "Picture 1, " + _caption(person) + ", 3 alike, not marked")
    first.click()
    person.has_labels(3, 0)
    assert person.tray_ids("rights") == {person.id_of(index) for index in range(3)}
    person.page.keyboard.press("z")
    person.has_labels(0, 0)
    person.page.click("#together")
    first.click()
    person.has_labels(1, 0)
    person.page.click("#together")
    first.focus()
    person.page.keyboard.press("n")
    person.has_labels(0, 3)


def test_to_mark_one_alone_is_remembered(person: Person) -> None:
    person.visit(catalogue="many", q="anything at all", where="alike:group 7")
    together = person.page.locator("#together")
    expect(together).to_have_attribute("aria-pressed", "true", timeout=_SLOW_MS)
    together.click()
    person.page.reload()
    expect(together).to_be_visible(timeout=_SLOW_MS)
    expect(together).to_have_attribute("aria-pressed", "false")
    person.cell(0).click()
    person.has_labels(1, 0)
    together.click()
    person.page.reload()
    expect(together).to_have_attribute("aria-pressed", "true", timeout=_SLOW_MS)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("device", ["desk", "phone"])
def test_axe_finds_nothing_where_pictures_are_alike(meet: Meet, theme: Any, device: str) -> None:
    person = meet(**(PHONE if device == "phone" else {}), color_scheme=theme, reduced_motion="reduce")
    person.visit(catalogue="many", q="anything at all", where="alike:group 7")
    expect(person.cell(0).locator(".alike")).to_have_text("3 alike", timeout=_SLOW_MS)
    person.mark_right(0)
    person.page.click("#captions")
    person.rests()
    found = Axe().run(person.page).response["violations"]
    assert [(rule["id"], rule["nodes"][0]["html"][:200]) for rule in found] == []
    person.width_is_kept()


def test_the_api_tells_groups_in_and_outside_the_answer(person: Person) -> None:
    answer = person.ask("many", text="anything at all", limit=1)
    url = f"{person.url}/api/catalogues/many/results/{answer['result_set']}"
    part = requests.get(f"{url}?where=alike:group 7&limit=9", timeout=30).json()
    ids = sorted(hit["id"] for hit in part["hits"])
    alone = requests.get(f"{url}?where=alike:&limit=1", timeout=30).json()["hits"][0]["id"]
    told = requests.get(f"{url}/alike?ids={ids[1]},{alone}", timeout=30).json()
    assert [sorted(group) for group in told["groups"]] == [ids]
    assert requests.get(f"{url}/alike?ids=one", timeout=30).status_code == 400


def _caption(person: Person) -> str:
    return f"picture {person.id_of(0)}"
