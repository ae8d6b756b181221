"""Marking pictures with the mouse and the keyboard, and what the tray keeps of it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.person import Person


@pytest.fixture
def searching(person: Person) -> Person:
    person.visit(q="a red boat")
    person.sees_pictures()
    return person


def test_clicks_go_round_right_wrong_and_none(searching: Person) -> None:
    cell = searching.cell(2)
    for state, labels in (("right", (1, 0)), ("wrong", (0, 1)), ("none", (0, 0))):
        cell.click()
        expect(cell).to_have_attribute("data-state", state)
        searching.has_labels(*labels)


def test_a_mark_is_a_shape_as_well_as_a_colour(searching: Person) -> None:
    searching.mark_right(0)
    searching.mark_wrong(1)
    tick, cross = (searching.cell(i).locator(".mark .icon:visible use") for i in (0, 1))
    expect(tick).to_have_attribute("href", "#i-tick")
    expect(cross).to_have_attribute("href", "#i-cross")
    expect(searching.cell(0)).to_have_attribute("aria-label", re.compile(r"^Picture 1, .+, marked right$"))
    expect(searching.cell(1)).to_have_attribute("aria-label", re.compile(r"^Picture 2, .+, marked wrong$"))


def test_buttons_on_the_picture_mark_at_once(searching: Person) -> None:
    searching.cell(3).hover()
    searching.cell(3).locator("[data-action=wrong]").click()
    expect(searching.cell(3)).to_have_attribute("data-state", "wrong")
    searching.cell(3).locator("[data-action=right]").click()
    expect(searching.cell(3)).to_have_attribute("data-state", "right")
    searching.cell(3).locator("[data-action=right]").click()
    expect(searching.cell(3)).to_have_attribute("data-state", "none")


def test_keys_mark_and_move(searching: Person) -> None:
    press = searching.page.keyboard.press
    press("ArrowRight")  # the first arrow shows where the focus is
    expect(searching.cell(0)).to_be_focused()
    press("p")
    press("ArrowRight")
    press("n")
    expect(searching.cell(0)).to_have_attribute("data-state", "right")
    expect(searching.cell(1)).to_have_attribute("data-state", "wrong")
    press("u")
    expect(searching.cell(1)).to_have_attribute("data-state", "none")
    press("ArrowDown")
    columns = int(searching.page.get_attribute("#grid", "aria-colcount") or 0)
    expect(searching.cell(1 + columns)).to_be_focused()


def test_undo_and_redo_take_every_step(searching: Person) -> None:
    searching.mark_right(0, 1)
    searching.mark_wrong(2)
    for labels in ((3, 0), (2, 0), (1, 0), (0, 0)):
        searching.page.keyboard.press("z")
        searching.has_labels(*labels)
    expect(searching.page.locator("#undo")).to_be_disabled()
    for labels in ((1, 0), (2, 0), (3, 0), (2, 1)):
        searching.page.keyboard.press("y")
        searching.has_labels(*labels)
    searching.page.click("#undo")
    searching.has_labels(3, 0)


def test_a_range_is_marked_at_once_and_undone_at_once(searching: Person) -> None:
    press = searching.page.keyboard.press
    press("ArrowRight")
    for _ in range(3):
        press("Shift+ArrowRight")
    expect(searching.page.locator("#selection")).to_contain_text("4 selected")
    expect(searching.cell(3)).to_have_attribute("aria-selected", "true")
    press("p")
    searching.has_labels(4, 0)
    expect(searching.page.locator("#selection")).to_be_hidden()
    press("z")
    searching.has_labels(0, 0)


def test_everything_on_screen_and_a_range_by_mouse(searching: Person) -> None:
    searching.page.keyboard.press("a")
    expect(searching.page.locator("#selection")).to_be_visible()
    selected = searching.page.locator(".cell[aria-selected=true]").count()
    assert selected >= 12
    searching.page.locator("#selection").get_by_text("Wrong").click()
    searching.has_labels(0, selected)
    searching.page.keyboard.press("z")
    searching.has_labels(0, 0)
    searching.cell(1).click()
    searching.cell(6).click(modifiers=["Shift"])
    expect(searching.page.locator("#selection")).to_contain_text("6 selected")
    searching.page.keyboard.press("Escape")
    expect(searching.page.locator("#selection")).to_be_hidden()


def test_the_tray_keeps_marked_pictures_and_gives_them_back(searching: Person) -> None:
    searching.mark_right(0, 5)
    searching.mark_wrong(1)
    assert searching.tray_ids("rights") == {searching.id_of(0), searching.id_of(5)}
    assert searching.tray_ids("wrongs") == {searching.id_of(1)}
    searching.page.locator(f"#rights > li[data-id='{searching.id_of(5)}'] button").click()
    expect(searching.cell(5)).to_have_attribute("data-state", "none")
    searching.has_labels(1, 1)


def test_only_wrong_marks_ask_for_a_right_one(searching: Person) -> None:
    searching.mark_wrong(0)
    expect(searching.page.locator("#hint")).to_contain_text("at least one picture right")
    expect(searching.page.locator("#refine")).to_have_attribute("aria-disabled", "true")
    searching.page.keyboard.press("r")
    expect(searching.page.locator("#live")).to_contain_text("at least one picture right")  # said instead
    expect(searching.page.locator(".round")).to_have_count(1)


def test_looking_closer_marks_and_moves_without_leaving(searching: Person) -> None:
    press = searching.page.keyboard.press
    press("ArrowRight")
    press("Space")
    lens = searching.page.locator("#lens")
    expect(lens).to_be_visible()
    expect(searching.page.locator("#lens-image")).to_have_attribute("alt", re.compile(".+"))
    expect(searching.page.locator("#lens-facts")).to_contain_text("style")
    press("p")
    press("ArrowRight")
    expect(searching.page.locator("#lens-place")).to_have_text(re.compile("^2 of "))
    press("n")
    # Its neighbours stand below it with their marks, each a click away.
    neighbours = searching.page.locator("#lens-strip li")
    expect(neighbours).to_have_count(9)
    for index, state in enumerate(("right", "wrong", "none")):
        expect(neighbours.nth(index)).to_have_attribute("data-state", state)
    expect(neighbours.nth(1).locator("button")).to_have_attribute("aria-current", "true")
    neighbours.nth(4).locator("button").click()
    expect(searching.page.locator("#lens-place")).to_have_text(re.compile("^5 of "))
    neighbours.nth(1).locator("button").click()
    expect(searching.page.locator("#lens-place")).to_have_text(re.compile("^2 of "))
    press("Escape")
    expect(lens).to_be_hidden()
    expect(searching.cell(1)).to_be_focused()
    searching.has_labels(1, 1)


def test_labels_are_announced(searching: Person) -> None:
    searching.mark_right(0)
    expect(searching.page.locator("#live")).to_have_text("Marked right. 1 right, 0 wrong.")


def test_all_keys_are_listed(searching: Person) -> None:
    searching.page.keyboard.press("?")
    keys = searching.page.locator("#keys")
    expect(keys).to_be_visible()
    for key in ("P", "N", "U", "Shift", "A", "Space", "Enter", "R", "Z", "Y", "1", "9", "/", "?"):
        expect(keys.locator("kbd").get_by_text(key, exact=True).first).to_be_visible()
    searching.page.keyboard.press("Escape")
    expect(keys).to_be_hidden()
    searching.page.keyboard.press("/")
    expect(searching.page.locator("#query")).to_be_focused()
