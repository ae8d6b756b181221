"""Phone, tablet and desk; light and dark; fingers; reduced motion."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import FloatRect, Locator, expect

from tests.browser.person import PHONE, Meet, Person


def test_taps_on_a_phone(phone: Person) -> None:
    phone.visit(q="a red boat")
    phone.sees_pictures()
    phone.cell(0).tap()
    expect(phone.cell(0)).to_have_attribute("data-state", "right")
    _taps_twice(phone, 1)
    expect(phone.cell(1)).to_have_attribute("data-state", "wrong")
    phone.page.click("#undo")  # one gesture, one step
    expect(phone.cell(1)).to_have_attribute("data-state", "none")
    phone.cell(0).tap()
    expect(phone.cell(0)).to_have_attribute("data-state", "none")


def _box(of: Locator) -> FloatRect:
    box = of.bounding_box()
    assert box is not None
    return box


def _finger(phone: Person, index: int) -> list[dict[str, float]]:
    box = _box(phone.cell(index))
    return [{"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}]


def _taps_twice(phone: Person, index: int) -> None:
    """Two taps a tenth of a second apart, by the clock of the finger, however long the page takes to hear of them."""
    client = phone.page.context.new_cdp_session(phone.page)
    finger, now = _finger(phone, index), time.time()
    for k, moment in enumerate((0.0, 0.03, 0.1, 0.13)):
        kind, points = ("touchEnd", []) if k % 2 else ("touchStart", finger)
        told = {"type": kind, "touchPoints": points, "timestamp": now + moment}
        client.send("Input.dispatchTouchEvent", told)


def test_a_long_press_looks_closer(phone: Person) -> None:
    phone.visit(q="a red boat")
    phone.sees_pictures()
    finger = _finger(phone, 2)
    client = phone.page.context.new_cdp_session(phone.page)
    client.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": finger})
    expect(phone.page.locator("#lens")).to_be_visible()
    client.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    phone.has_labels(0, 0)
    phone.page.click("#lens-labels [data-label=p]")
    phone.page.click("#lens-close")
    expect(phone.cell(2)).to_have_attribute("data-state", "right")


def test_a_phone_shows_two_columns_and_a_sheet(phone: Person) -> None:
    phone.visit(q="a red boat")
    phone.sees_pictures()
    expect(phone.page.locator("#grid")).to_have_attribute("aria-colcount", "2")
    phone.cell(0).tap()
    phone.page.tap("#refine")
    expect(phone.page.locator(".round")).to_have_count(2)
    phone.waits()
    thumb = phone.page.locator("#rights .thumb").first
    expect(thumb).to_be_hidden()
    phone.page.tap("#tray-handle")
    expect(thumb).to_be_visible()
    thumb.tap()
    phone.has_labels(0, 0)
    phone.page.tap("#tray-handle")
    phone.page.tap("#panel-button")
    expect(phone.page.locator("#boxes .box").first).to_be_visible()
    phone.width_is_kept()


@pytest.mark.parametrize("width", [360, 390, 820, 1200, 1280, 1440, 2200])
def test_nothing_is_wider_than_the_screen(meet: Meet, width: int) -> None:
    person = meet(viewport={"width": width, "height": 900})
    person.visit()
    person.width_is_kept()
    person.search("a red boat")
    person.mark_right(0)
    person.mark_wrong(1)
    person.refine()
    person.width_is_kept()
    # The page cuts off what is too wide: where nothing scrolls sideways, each tool must lie within it.
    tools = ["#refine", *(["#captions", "#order", "#size"] if width > 600 else [])]
    for tool in tools:
        box = _box(person.page.locator(tool))
        assert box["x"] + box["width"] <= width, tool
    # None of them is left alone on a line of its own.
    if width > 600:
        middles = [(box["y"] + box["height"] / 2) for box in map(_box, map(person.page.locator, tools[1:]))]
        assert max(middles) - min(middles) < 3


def test_targets_are_large_enough(meet: Meet) -> None:
    for options in (PHONE, {}):
        person = meet(**options)
        person.visit(q="a red boat")
        person.sees_pictures()
        small = person.page.evaluate(
            """() => [...document.querySelectorAll("button, select, input:not([type=file]), a, summary")]
              .filter((element) => element.checkVisibility({ visibilityProperty: true }))
              .filter((element) => !element.closest(".unseen, .skip"))
              .map((element) => [element.id || element.className, element.getBoundingClientRect()])
              .filter(([, box]) => box.width > 1 && (box.width < 24 || box.height < 24))
              .map(([name, box]) => `${name} ${box.width}x${box.height}`)"""
        )
        assert [name for name in small if name != "query"] == []


def test_dark_follows_the_system_and_the_switch(meet: Meet) -> None:
    person = meet(color_scheme="dark")
    person.visit()
    ground = person.page.locator("body")
    expect(ground).to_have_css("background-color", "rgb(20, 21, 23)")
    person.page.click("#theme")
    expect(ground).to_have_css("background-color", "rgb(255, 255, 255)")
    person.page.reload()
    expect(ground).to_have_css("background-color", "rgb(255, 255, 255)")
    expect(person.page.locator("#theme")).to_have_attribute("aria-label", re.compile("dark"))


def test_reduced_motion_is_respected(meet: Meet) -> None:
    person = meet(reduced_motion="reduce")
    person.visit(q="a red boat")
    person.sees_pictures()
    moving = "() => document.getAnimations().length"
    assert person.page.evaluate(moving) == 0
    expect(person.cell(0).locator("img")).to_have_css("transition-duration", re.compile("^0s"))
