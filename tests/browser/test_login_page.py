"""The login page in a real browser: in with a key, back to what was asked for, and out; languages, themes, phone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.person import PHONE, Meet, Person
from tests.running import Running
from tests.unit.test_access_keys import access, made


@pytest.fixture(scope="module")
def keys() -> dict[str, str]:
    return {}


@pytest.fixture(scope="module")
def guarded(demo_data: Path, tmp_path_factory: pytest.TempPathFactory, keys: dict[str, str]) -> Iterator[Running]:
    """The services over the same catalogues, asking for keys."""
    data_dir = tmp_path_factory.mktemp("guarded")
    for name in ("catalogues", "sources"):
        (data_dir / name).symlink_to(demo_data / name)
    for name in ("ada", "bob"):
        keys[name] = made(data_dir, name, "--scopes", "read,label")
    with Running.over(data_dir, {"WEB_ACCESS": "keys"}) as running:
        yield running


def enter(person: Person, key: str) -> None:
    person.page.fill("input[name=key]", key)
    person.page.click("#login-form button")


def test_in_with_a_key_and_back_to_what_was_asked_for(meet: Meet, guarded: Running, keys: dict[str, str]) -> None:
    ada = meet(url=guarded.url)
    ada.expects_failures = True  # the browser reports the 401 of the wrong key
    page = ada.page
    page.goto(f"{guarded.url}/?q=a+red+boat&catalogue=demo")
    asked = ".%2F%3Fq%3Da%2Bred%2Bboat%26catalogue%3Ddemo"
    expect(page).to_have_url(f"{guarded.url}/login?next={asked}")
    expect(page.locator("input[name=key]")).to_be_focused()
    enter(ada, "cb_wrong")
    expect(page.get_by_role("alert")).to_contain_text("This key does not work")
    enter(ada, keys["ada"])
    expect(page).to_have_url(f"{guarded.url}/?q=a+red+boat&catalogue=demo")
    ada.sees_pictures()
    # Marks, rounds and a saved search: all that is sent with the session carries the page's token.
    ada.mark_right(0, 1, 2)
    ada.mark_wrong(10, 14)
    ada.refine()
    address = ada.address
    page.goto(f"{guarded.url}/saved")
    expect(page.locator("h1")).to_be_visible()
    page.click("#leave")
    expect(page).to_have_url(f"{guarded.url}/login")
    # Rounds and labels, which are behind the "#", come through the login.
    page.goto("about:blank")
    page.goto(address)
    enter(ada, keys["ada"])
    expect(page.locator(".round")).to_have_count(2)
    ada.waits()
    ada.has_labels(3, 2)


def test_a_session_that_ended_meanwhile_leads_to_the_login(meet: Meet, guarded: Running, keys: dict[str, str]) -> None:
    guest = made(guarded.data_dir, "guest", "--scopes", "read,label")
    person = meet(url=guarded.url)
    person.expects_failures = True
    person.page.goto(f"{guarded.url}/?q=a+red+boat")
    enter(person, guest)
    person.sees_pictures()
    access(guarded.data_dir, "revoke", "guest")
    person.page.fill("#query", "a boat")  # asked for as it is typed
    expect(person.page.locator("#login-form")).to_be_visible()
    expect(person.page).to_have_url(re.compile(r"/login\?next="))


@pytest.mark.parametrize("look", ["light", "dark", "phone"])
def test_it_reads_well_everywhere(meet: Meet, guarded: Running, look: str, tmp_path: Path) -> None:
    options = PHONE if look == "phone" else {"color_scheme": look}
    person = meet(url=guarded.url, **options)
    page = person.page
    page.goto(f"{guarded.url}/login")
    person.rests()
    page.screenshot(path=tmp_path / f"{look}.png")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.select_option("#language", "de")
    expect(page.locator("h1")).to_have_text("Anmelden")
    page.click("#theme")
    expect(page.locator("html")).to_have_attribute("data-theme", "light" if look == "dark" else "dark")
    page.screenshot(path=tmp_path / f"{look}-de.png")
