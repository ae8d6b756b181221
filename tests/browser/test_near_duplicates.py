"""Pictures that the catalogue knows to be alike: said on each, and marked at once or one by one."""

from __future__ import annotations

import requests
from playwright.sync_api import expect

from tests.browser.person import Person

_SLOW_MS = 30_000


def test_one_mark_speaks_for_a_group_or_for_one_alone(person: Person) -> None:
    person.visit(catalogue="many", q="anything at all", where="alike:group 7")
    person.sees_pictures()
    expect(person.page.locator("#shown-words")).to_have_text("3 of 100,000 shown: alike = group 7")
    first = person.cell(0)
    expect(first.locator(".alike")).to_have_text("3 alike", timeout=_SLOW_MS)
    expect(first).to_have_attribute("aria-label", "Picture 1, " + _caption(person) + ", 3 alike, not marked")
    first.click()
    assert person.labels == (3, 0)
    assert person.tray_ids("rights") == {person.id_of(index) for index in range(3)}
    person.page.keyboard.press("z")
    assert person.labels == (0, 0)
    person.page.click("#together")
    first.click()
    assert person.labels == (1, 0)
    person.page.click("#together")
    first.focus()
    person.page.keyboard.press("n")
    assert person.labels == (0, 3)


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
