"""A service dies in the middle: the page says so, keeps everything, and goes on by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.person import CELL, Meet, Person
from tests.running import Running

_RECOVERY_MS = 180_000  # a restarted service opens its catalogues and compiles nothing, but on a busy machine


@pytest.fixture(scope="module")
def fragile(demo_data: Path) -> Iterator[Running]:
    """Services of these tests' own, so that killing them disturbs nobody; each test leaves all three running."""
    with Running.over(demo_data) as running:
        yield running


@pytest.fixture
def watcher(meet: Meet, fragile: Running) -> Person:
    fragile.wait_until_ready()
    person = meet(url=fragile.url)
    person.expects_failures = True
    person.visit(q="a red boat")
    person.sees_pictures()
    return person


def test_search_killed_in_the_middle_of_the_work(watcher: Person, fragile: Running) -> None:
    bar = watcher.page.locator("#connection")
    watcher.mark_right(0, 1, 2)
    watcher.mark_wrong(9)
    labelled = watcher.tray_ids("rights"), watcher.tray_ids("wrongs")
    fragile.kill("search")

    watcher.page.click("#refine")
    expect(bar).to_be_visible()
    expect(bar).to_contain_text("The search service does not answer")
    expect(bar).to_contain_text("Your labels are kept")
    # The grid and the labels stay, and labelling goes on.
    expect(watcher.page.locator(f"{CELL}[data-image=there]").first).to_be_visible()
    watcher.has_labels(3, 1)
    watcher.mark_right(4)
    watcher.has_labels(4, 1)

    fragile.start("search")
    # Refine is still wanted: it happens without another click.
    expect(watcher.page.locator(".round")).to_have_count(2, timeout=_RECOVERY_MS)
    expect(bar).to_be_hidden()
    watcher.waits()
    answer = watcher.ask(
        text="a red boat", limit=120, model="auto", positive=sorted(labelled[0]), negative=sorted(labelled[1])
    )
    assert watcher.total == answer["total"]
    watcher.has_labels(4, 1)  # the label given while waiting is there, not refined yet
    # Pages of answers given before the crash are still to be had.
    watcher.go_to_round(0)
    watcher.scrolls_to_the_end()
    watcher.id_of(watcher.total - 1)


def test_a_reload_while_the_search_is_away_keeps_the_labels(watcher: Person, fragile: Running) -> None:
    watcher.mark_right(0, 1)
    expect(watcher.page).to_have_url(re.compile(r"[#&]d=P[0-9a-z]+\.[0-9a-z]+$"))
    fragile.kill("search")
    watcher.page.reload()
    expect(watcher.page.locator("#connection")).to_be_visible()
    fragile.start("search")
    expect(watcher.page.locator(CELL).first).to_be_visible(timeout=_RECOVERY_MS)
    expect(watcher.page.locator("#connection")).to_be_hidden()
    watcher.has_labels(2, 0)


def test_an_idle_page_notices_and_recovers(watcher: Person, fragile: Running) -> None:
    fragile.kill("search")
    expect(watcher.page.locator("#connection")).to_be_visible(timeout=_RECOVERY_MS)
    fragile.start("search")
    expect(watcher.page.locator("#connection")).to_be_hidden(timeout=_RECOVERY_MS)
    watcher.search("a blue car")


def test_pictures_come_back_with_the_data_service(watcher: Person, fragile: Running) -> None:
    fragile.kill("data")
    watcher.scrolls_to_the_end()
    expect(watcher.page.locator(f"{CELL}[data-image=missing]").first).to_be_visible()
    expect(watcher.page.locator("#connection")).to_contain_text("The data service does not answer")
    fragile.start("data")
    expect(watcher.page.locator("#connection")).to_be_hidden(timeout=_RECOVERY_MS)
    expect(watcher.page.locator(f"{CELL}[data-image=missing]")).to_have_count(0)


def test_the_map_stays_while_the_search_is_away(watcher: Person, fragile: Running) -> None:
    """Groups can be marked and undone, another view waits for its answer, and nothing has to be begun again."""
    page, bar = watcher.page, watcher.page.locator("#connection")
    page.click("#tab-map")
    group = page.locator("#groups .group").first
    expect(group).to_be_visible(timeout=_RECOVERY_MS)
    groups = page.locator("#groups .group").count()
    fragile.kill("search")
    group.click()
    expect(page.locator("#selection")).to_be_visible()
    page.keyboard.press("p")
    expect(page.locator("#selection")).to_be_hidden()
    right, _ = watcher.labels
    assert right > 0
    page.click("#tab-figures")  # not known yet: it is asked for until it comes
    expect(bar).to_contain_text("The search service does not answer")
    page.click("#tab-map")
    expect(page.locator("#groups .group")).to_have_count(groups)
    page.keyboard.press("z")
    watcher.has_labels(0, 0)
    page.click("#tab-figures")
    fragile.start("search")
    expect(bar).to_be_hidden(timeout=_RECOVERY_MS)
    expect(page.locator("#figures .figure").first).to_be_visible(timeout=_RECOVERY_MS)
    # A map that was never asked for comes after a restart, too: the answer is made anew.
    watcher.search("a blue car")
    page.click("#tab-map")
    expect(page.locator("#groups .group").first).to_be_visible(timeout=_RECOVERY_MS)
