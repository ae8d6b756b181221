"""The page of saved searches at three widths and in both themes: axe on every state, and nothing that does not fit."""

from __future__ import annotations

import json

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.person import CELL, PHONE, Meet
from tests.browser.saving import saved_by_api
from tests.running import Running

pytestmark = pytest.mark.usefixtures("nothing_saved")
TABLET = {"viewport": {"width": 820, "height": 1180}, "has_touch": True}
DEVICES = {"desk": {}, "tablet": TABLET, "phone": PHONE}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("device", DEVICES)
def test_axe_finds_nothing_in_any_state(meet: Meet, services: Running, theme: str, device: str) -> None:
    person = meet(**DEVICES[device], color_scheme=theme)
    page = person.page

    def clean(state: str) -> None:
        person.rests()
        found = Axe().run(page)
        assert found.violations_count == 0, f"{state}: {json.dumps(found.response['violations'], indent=1)[:3000]}"
        person.width_is_kept()

    person.open(f"{services.url}/saved")
    clean("empty")
    saved, _ = saved_by_api(services, "a red boat"), saved_by_api(services, "a house in the snow")
    person.open(f"{services.url}/saved")
    clean("list")
    person.page.locator(".card").last.click()
    expect(page.locator(CELL).first).to_be_visible()
    clean("one")
    page.get_by_role("button", name="Run again").click()
    expect(page.locator(".ran")).to_be_visible()
    clean("run again")
    page.get_by_role("button", name="Save as a file").click()
    expect(page.locator("#files")).to_be_visible()
    clean("files")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Name and notes").click()
    expect(page.locator("#words")).to_be_visible()
    clean("name and notes")
    page.keyboard.press("Escape")
    person.cell(0).click()
    expect(page.locator("#large")).to_be_visible()
    clean("large")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Delete").click()
    expect(page.locator("#told")).to_be_visible()
    clean("deleted")
    page.click("#told-undo")
    expect(page.locator(".one-name")).to_have_text(saved["name"])
    if device == "desk":
        page.get_by_role("button", name="Combine").click()
        expect(page.locator("#combiner")).to_be_visible()
        clean("combine")
        page.keyboard.press("Escape")
    person.visit(q="a red boat")
    person.sees_pictures()
    page.click("#keep")
    expect(page.locator("#keep-panel")).to_be_visible()
    clean("panel")
