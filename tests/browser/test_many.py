"""100,000 results: all of them are there, the page holds only those in sight, and scrolling does no more."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.person import Person
from tests.browser.tracing import Trace

COUNT = 100_000


@pytest.fixture
def crowd(person: Person) -> Person:
    person.visit(catalogue="many", q="anything at all")
    person.sees_pictures()
    assert person.total == COUNT
    return person


def test_the_last_of_very_many_is_one_key_away(crowd: Person) -> None:
    crowd.page.keyboard.press("ArrowRight")
    crowd.page.keyboard.press("End")
    expect(crowd.cell(COUNT - 1)).to_be_focused()
    crowd.id_of(COUNT - 1)
    expect(crowd.cell(COUNT - 1)).to_have_attribute("aria-label", f"Picture {COUNT:,}, {_caption(crowd)}, not marked")
    assert crowd.page.locator(".cell").count() < 200
    crowd.page.keyboard.press("Home")
    expect(crowd.cell(0)).to_be_focused()


def test_anywhere_in_between_is_there_at_once(crowd: Person) -> None:
    scroll = "(part) => { const box = document.querySelector('#scroller'); box.scrollTop = box.scrollHeight * part; }"
    for part in (0.5, 0.123, 0.877):
        crowd.page.evaluate(scroll, part)
        columns = int(crowd.page.get_attribute("#grid", "aria-colcount") or 0)
        index = int(COUNT * part / columns) * columns + columns * 2
        expect(crowd.cell(index).locator("img")).to_have_js_property("complete", True)
        crowd.id_of(index)
        assert crowd.page.locator(".cell").count() < 200


def test_scrolling_changes_only_the_rows_that_come_and_go(crowd: Person) -> None:
    """However far one scrolls, the page holds a window of the grid, and a frame makes the rows that come into sight."""
    columns = int(crowd.page.get_attribute("#grid", "aria-colcount") or 0)
    seen = crowd.page.evaluate(
        """async () => {
          const [box, grid] = [document.querySelector("#scroller"), document.querySelector("#grid")];
          const row = (grid.clientHeight + 8) / Number(grid.getAttribute("aria-rowcount"));
          let made = 0;
          const observer = new MutationObserver((changes) => {
            for (const node of changes.flatMap(({ addedNodes }) => [...addedNodes])) {
              made += 1 + node.querySelectorAll("*").length;
            }
          });
          observer.observe(grid, { childList: true });
          const frame = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
          const seen = [];
          for (const start of [0, 40_000 * 20, box.scrollHeight / 2]) {
            box.scrollTop = start;
            await frame();
            for (let i = 0; i < 20; i++) {
              made = 0;
              box.scrollTop += row;
              await frame();
              seen.push({ made, held: grid.querySelectorAll("*").length, page: document.querySelectorAll("*").length });
            }
          }
          observer.disconnect();
          return seen;
        }"""
    )
    a_cell = 12  # elements of a picture: itself, its image, mark and words
    rows = crowd.page.evaluate("() => document.querySelectorAll('#grid > .row').length") + 1
    assert max(step["made"] for step in seen) <= 2 * (columns * a_cell + 1)  # two rows begin at the most
    assert max(step["held"] for step in seen) <= (rows + 1) * (columns * a_cell + 1)
    assert max(step["page"] for step in seen) < 2_500


def test_scrolling_never_asks_for_the_layout_that_it_has_just_changed(crowd: Person) -> None:
    """The browser works out where things are once a frame, and no script makes it do so again."""
    crowd.has_all_pictures()
    with Trace(crowd.page) as trace:
        for speed in (600, 3_000, 30_000):
            trace.scrolls(speed)
        crowd.has_all_pictures()  # where it came to rest, too
    assert len(trace.named("Layout")) > 10
    assert trace.thrashing() == []


def test_labels_far_apart_are_refined_together(crowd: Person) -> None:
    crowd.mark_right(0)
    crowd.page.keyboard.press("End")
    crowd.id_of(COUNT - 1)
    crowd.mark_wrong(COUNT - 1)
    crowd.has_labels(1, 1)
    crowd.refine()
    assert 0 < crowd.total <= COUNT


def _caption(person: Person) -> str:
    return f"picture {person.id_of(COUNT - 1)}"
