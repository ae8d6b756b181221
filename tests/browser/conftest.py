"""A real Chromium before the real services, and a person who uses the page."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Playwright, expect

from tests.browser.person import PHONE, Meet, Person
from tests.browser.saving import nothing_saved
from tests.browser.slowed import PATIENCE
from tests.running import Running

_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
__all__ = ["nothing_saved"]  # a fixture of saving.py, for every test here
_CONDITION_MS = 30_000  # what a person waits for comes in a moment; on a busy machine of two processors much later
_TEST_S = 300
_NAMES = ("chromium", "chromium-browser", "google-chrome")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    expect.set_options(timeout=_CONDITION_MS * PATIENCE)
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            # What is started once for all of them has limits of its own, and is not the first one's to pay for.
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(_TEST_S * PATIENCE, func_only=True))


def _chromium(playwright: Playwright) -> str | None:
    """Path of a Chromium: the one that is named, the system's, or Playwright's own."""
    candidates = [os.environ.get("CHROMIUM_PATH"), *(shutil.which(name) for name in _NAMES)]
    candidates.append(playwright.chromium.executable_path)
    return next((path for path in candidates if path and Path(path).exists()), None)


@pytest.fixture(scope="session")
def browser_type_launch_args(playwright: Playwright) -> dict[str, Any]:
    path = _chromium(playwright)
    if path is None:
        pytest.skip("no Chromium: set CHROMIUM_PATH, install the system's package, or `playwright install chromium`")
    return {"executable_path": path, "args": _ARGUMENTS}


@pytest.fixture
def meet(browser: Browser, services: Running) -> Iterator[Meet]:
    """``meet(...)``: a person with a browser of their own; options are those of ``browser.new_context``.

    At the end of the test nobody's page may have logged an error or asked anything of another origin.
    """
    people: list[Person] = []
    contexts: list[BrowserContext] = []

    def _meet(*, url: str = services.url, **options: Any) -> Person:
        context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})
        context.set_default_timeout(_CONDITION_MS * PATIENCE)
        contexts.append(context)
        people.append(Person(context.new_page(), url))
        return people[-1]

    try:
        yield _meet
        for person in people:
            person.has_seen_no_fault()
    finally:
        for context in contexts:
            context.close()


@pytest.fixture
def person(meet: Meet) -> Person:
    """Somebody at a desk."""
    return meet()


@pytest.fixture
def phone(meet: Meet) -> Person:
    """Somebody with a phone."""
    return meet(**PHONE)


@pytest.fixture
def refined(person: Person) -> Person:
    """After a first round: three marked right, two wrong."""
    person.visit(q="a red boat")
    person.sees_pictures()
    person.mark_right(0, 1, 2)
    person.mark_wrong(10, 14)
    person.refine()
    return person
