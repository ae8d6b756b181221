"""100,000 results: all of them are there, the page holds only those in sight, and it stays quick."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.person import Person

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


def test_scrolling_does_little_work_a_frame(crowd: Person) -> None:
    """Script time of a frame while scrolling a row at a time; a frame at 60 a second has 16 ms."""
    spent = crowd.page.evaluate(
        """async () => {
          const box = document.querySelector("#scroller");
          const times = [];
          for (let i = 0; i < 60; i++) {
            box.scrollTop += 180;
            await new Promise((resolve) => requestAnimationFrame(resolve));
            const start = performance.now();
            await new Promise((resolve) => queueMicrotask(resolve));
            box.getBoundingClientRect();
            times.push(performance.now() - start);
          }
          return times.sort((a, b) => a - b)[Math.floor(times.length / 2)];
        }"""
    )
    assert spent < 16


def test_labels_far_apart_are_refined_together(crowd: Person) -> None:
    crowd.mark_right(0)
    crowd.page.keyboard.press("End")
    crowd.id_of(COUNT - 1)
    crowd.mark_wrong(COUNT - 1)
    assert crowd.labels == (1, 1)
    crowd.refine()
    assert 0 < crowd.total <= COUNT


def _caption(person: Person) -> str:
    return f"picture {person.id_of(COUNT - 1)}"
