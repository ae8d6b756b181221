"""Collections: saved searches combined by and, or, not, and what they are made of changed."""

from __future__ import annotations

import re
from typing import Any

import pytest
import requests
from playwright.sync_api import expect

from tests.browser.person import CELL, Meet, Person
from tests.browser.saving import saved_by_api
from tests.running import Running

pytestmark = pytest.mark.usefixtures("nothing_saved")


def test_searches_are_combined_into_a_collection(person: Person, services: Running) -> None:
    boats, houses = saved_by_api(services, "a red boat"), saved_by_api(services, "a house in the snow")
    person.expects_failures = True  # deleting what is in use is refused below
    person.open(f"{services.url}/saved?id={boats['id']}")
    page = person.page
    page.get_by_role("button", name="Combine").click()
    one, other = {"search": boats["id"]}, {"search": houses["id"]}
    meant: tuple[dict[str, Any], ...] = ({"and": [one, other]}, {"or": [one, other]}, {"and": [one, {"not": other}]})
    totals = {}
    for how, expression in zip(("and", "or", "not"), meant, strict=True):
        page.get_by_label("How search 2 is joined").select_option(how)
        counted = requests.post(
            f"{services.url}/api/saved/collections/count", json={"expression": expression}, timeout=30
        )
        totals[how] = counted.json()["total"]
        expect(page.locator("#combiner-count")).to_have_text(re.compile(rf"^{totals[how]:,} image"))
    assert totals["or"] == boats["total"] + houses["total"] - totals["and"]
    assert totals["not"] == boats["total"] - totals["and"]
    page.locator("#combiner").get_by_label("Name").fill("Boats alone")
    page.get_by_role("button", name="Save the collection").click()
    expect(page.locator(".one-name")).to_have_text("Boats alone")
    expect(page.locator(".one-words")).to_have_text("“a red boat” but not in “a house in the snow”")
    expect(page.locator(".one-facts")).to_contain_text(f"{totals['not']:,} image")
    # What it is made of stays until it is gone itself.
    page.locator(".card", has_text="a red boat").last.click()
    expect(page.locator(".one-facts")).to_contain_text("part of “Boats alone”")
    page.get_by_role("button", name="Delete").click()
    expect(page.locator("#problem")).to_contain_text("is part of “Boats alone”")


def _collection(services: Running, expression: dict[str, Any]) -> dict[str, Any]:
    body = {"name": "Both", "expression": expression}
    made = requests.post(f"{services.url}/api/saved/collections", json=body, timeout=30)
    assert made.status_code == 201, made.text
    return dict(made.json())


def test_what_a_collection_is_made_of_is_changed(person: Person, services: Running) -> None:
    boats, houses, trees = (saved_by_api(services, text) for text in ("a red boat", "a house in the snow", "a tree"))
    both = {"and": [{"search": boats["id"]}, {"search": houses["id"]}]}
    made = _collection(services, both)
    person.open(f"{services.url}/saved?id={made['id']}")
    page = person.page
    page.get_by_role("button", name="Change what is in it").click()
    expect(page.locator("#combiner-name")).to_have_value("Both")
    expect(page.locator("#combiner-note")).to_be_hidden()
    expect(page.get_by_label("How search 2 is joined")).to_have_value("and")
    page.get_by_label("How search 2 is joined").select_option("or")
    page.get_by_role("button", name="Add another").click()
    page.get_by_label("How search 3 is joined").select_option("not")
    expect(page.get_by_label("Search 3", exact=True)).to_have_value(trees["id"])
    page.get_by_role("button", name="Save the collection").click()
    words = "“a red boat” or in “a house in the snow” but not in “a tree”"
    expect(page.locator(".one-words")).to_have_text(words)
    now = requests.get(f"{services.url}/api/saved/collections/{made['id']}", timeout=30).json()
    either = {"or": [{"search": boats["id"]}, {"search": houses["id"]}]}
    assert now["expression"] == {"and": [either, {"not": {"search": trees["id"]}}]}
    assert now["version"] == 2
    expect(page.locator(".one-facts")).to_contain_text(f"{now['total']:,} image")
    page.reload()
    expect(page.locator(".one-words")).to_have_text(words)
    if now["total"]:
        expect(page.locator(CELL).first).to_be_visible()


def test_who_changes_it_late_is_told_and_loses_nothing(person: Person, meet: Meet, services: Running) -> None:
    boats, houses = saved_by_api(services, "a red boat"), saved_by_api(services, "a house in the snow")
    made = _collection(services, {"and": [{"search": boats["id"]}, {"search": houses["id"]}]})
    late = meet()
    late.expects_failures = True
    for one, how in ((person, "or"), (late, "not")):
        one.open(f"{services.url}/saved?id={made['id']}")
        one.page.get_by_role("button", name="Change what is in it").click()
        one.page.get_by_label("How search 2 is joined").select_option(how)
    person.page.get_by_role("button", name="Save the collection").click()
    expect(person.page.locator(".one-words")).to_have_text("“a red boat” or in “a house in the snow”")
    late.page.get_by_role("button", name="Save the collection").click()
    expect(late.page.locator("#combiner-problem")).to_contain_text("Save again to put yours in its place")
    late.page.get_by_role("button", name="Save the collection").click()
    expect(late.page.locator(".one-words")).to_have_text("“a red boat” but not in “a house in the snow”")


def test_an_expression_that_steps_cannot_show_says_so(person: Person, services: Running) -> None:
    boats, houses, trees = (saved_by_api(services, text) for text in ("a red boat", "a house in the snow", "a tree"))
    either = {"or": [{"search": houses["id"]}, {"search": trees["id"]}]}
    made = _collection(services, {"and": [{"search": boats["id"]}, either]})
    person.open(f"{services.url}/saved?id={made['id']}")
    person.page.get_by_role("button", name="Change what is in it").click()
    expect(person.page.locator("#combiner-note")).to_contain_text("was not made here")
    person.page.keyboard.press("Escape")
    still = requests.get(f"{services.url}/api/saved/collections/{made['id']}", timeout=30).json()
    assert still["expression"] == made["expression"]
