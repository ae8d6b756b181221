"""What the tests of saved searches share: saving as a person does, saving by the API, and a clean shelf afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from playwright.sync_api import expect

from tests.browser.person import CELL, Person
from tests.running import Running


@pytest.fixture
def nothing_saved(services: Running) -> Iterator[None]:
    """The services are shared by all tests: what one has saved is gone for the next."""
    yield
    listing = requests.get(f"{services.url}/api/saved", timeout=30).json()
    for kind in ("collections", "searches"):
        for entry in listing[kind]:
            address = f"{services.url}/api/saved/{kind}/{entry['id']}"
            requests.delete(address, json={"version": entry["version"]}, timeout=30)


def save(person: Person, name: str, notes: str = "") -> None:
    """Saves what is shown and goes to where it is kept."""
    person.page.click("#keep")
    panel = person.page.locator("#keep-panel")
    panel.get_by_label("Name").fill(name)
    panel.get_by_label("Notes").fill(notes)
    panel.get_by_role("button", name="Save the search").click()
    panel.get_by_role("link", name="Look at it").click()
    expect(person.page.locator(".one-name")).to_have_text(name)
    expect(person.page.locator(CELL).first).to_be_visible()


def saved_by_api(services: Running, text: str, catalogue: str = "demo") -> dict[str, Any]:
    """A saved search that somebody else made; with labels, so that a model answers."""
    at = f"{services.url}/api/catalogues/{catalogue}/search"
    ids = [hit["id"] for hit in requests.post(at, json={"text": text}, timeout=30).json()["hits"]]
    body = {"text": text, "positive": ids[:4], "negative": ids[-4:]}
    answer = requests.post(at, json=body, timeout=30).json()
    body = {"name": text, "catalogue": catalogue, "result_set": answer["result_set"], "address": f"?q={text}"}
    saved = requests.post(f"{services.url}/api/saved/searches", json=body, timeout=30)
    assert saved.status_code == 201, saved.text
    return dict(saved.json())
