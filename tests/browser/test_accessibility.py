"""Everything by keyboard alone, names for screen readers, and axe on every state in both themes."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.person import PHONE, Meet, Person

State = Callable[[Person], None]


def test_a_whole_search_by_keyboard_alone(person: Person) -> None:
    press, page = person.page.keyboard.press, person.page
    person.visit()
    press("/")
    page.keyboard.type("a red boat")
    press("Enter")
    person.sees_pictures()
    for key in ("ArrowRight", "p", "ArrowRight", "p", "ArrowRight", "p", "ArrowDown", "n"):
        press(key)
    person.has_labels(3, 1)
    press("Enter")
    expect(page.locator(".round")).to_have_count(2)
    person.waits()
    refined = person.total
    press("0")
    expect(page.locator(".round[data-round='0']")).to_have_attribute("aria-current", "step")
    press("1")
    expect(page.locator(".round[data-round='1']")).to_have_attribute("aria-current", "step")
    assert person.total == refined
    # To the tabs and through them.
    page.locator("#tab-answer").focus()
    press("ArrowRight")
    expect(page.locator("#tab-in")).to_have_attribute("aria-selected", "true")
    press("ArrowRight")
    expect(page.locator("#tab-out")).to_have_attribute("aria-selected", "true")
    press("ArrowRight")
    expect(page.locator("#tab-next")).to_have_attribute("aria-selected", "true")
    press("ArrowRight")
    expect(page.locator("#tab-check")).to_have_attribute("aria-selected", "true")
    press("ArrowRight")
    expect(page.locator("#tab-map")).to_have_attribute("aria-selected", "true")
    press("ArrowRight")
    expect(page.locator("#tab-figures")).to_have_attribute("aria-selected", "true")
    press("ArrowRight")
    expect(page.locator("#tab-answer")).to_be_focused()
    # A mark is taken back in the tray; the focus stays in it.
    page.locator("#rights .thumb").first.focus()
    press("Enter")
    person.has_labels(2, 1)
    expect(page.locator("#rights .thumb").first).to_be_focused()


def test_tab_reaches_each_part_once(person: Person) -> None:
    person.visit(q="a red boat")
    person.sees_pictures()
    person.mark_right(0)
    # With its caption a picture may take another shape: the grid is laid out anew, and only then to be walked through.
    expect(person.cell(0)).to_have_attribute("aria-label", re.compile(r"^Picture 1, .+, marked right$"))
    person.page.locator(".skip").focus()
    reached = ["skip"]
    for _ in range(40):
        person.page.keyboard.press("Tab")
        focused = (
            "() => document.activeElement.id || document.activeElement.className || document.activeElement.tagName"
        )
        reached.append(person.page.evaluate(focused))
        if reached[-1] == "refine":
            break
    for wanted in ("skip", "query", "image-button", "theme", "round", "captions", "cell", "thumb", "undo", "refine"):
        assert reached.count(wanted) == 1, (wanted, reached)


def test_the_grid_speaks(person: Person) -> None:
    person.visit(q="a red boat")
    person.sees_pictures()
    grid = person.page.get_by_role("grid", name="Answer")
    expect(grid).to_have_attribute("aria-rowcount", re.compile(r"^\d+$"))
    expect(person.page.get_by_role("gridcell").first).to_have_attribute(
        "aria-label", re.compile(r"^Picture 1, .+, not marked$")
    )
    expect(person.page.locator(".cell[tabindex='0']")).to_have_count(1)
    for role, name in (("search", ""), ("main", ""), ("navigation", "Rounds"), ("contentinfo", "Marked pictures")):
        expect(person.page.get_by_role(role, name=name)).to_have_count(1)  # type: ignore[arg-type]
    expect(person.page.locator("#live")).to_have_text(re.compile(r"^Text: [\d,]+ images, closest first\.$"))


def _first_visit(person: Person) -> None:
    person.visit()
    expect(person.page.locator("#mosaic img").first).to_be_visible()


def _text(person: Person) -> None:
    person.visit(q="a red boat")
    person.sees_pictures()


def _labelled(person: Person) -> None:
    _text(person)
    person.mark_right(0, 2)
    person.mark_wrong(1)


def _refined(person: Person) -> None:
    _labelled(person)
    person.refine()


def _captions(person: Person) -> None:
    _refined(person)
    person.page.click("#captions")
    expect(person.cell(0).locator(".caption")).to_be_visible()


def _selected(person: Person) -> None:
    _text(person)
    person.page.keyboard.press("a")
    expect(person.page.locator("#selection")).to_be_visible()


def _looking_closer(person: Person) -> None:
    _text(person)
    person.cell(0).focus()
    person.page.keyboard.press("Space")
    expect(person.page.locator("#lens-facts")).to_contain_text("style")


def _keys(person: Person) -> None:
    _text(person)
    person.page.keyboard.press("?")
    expect(person.page.locator("#keys")).to_be_visible()


def _problem(person: Person) -> None:
    person.visit(catalogue="nowhere", q="x")
    expect(person.page.locator("#problem")).to_be_visible()


def _filtered(person: Person) -> None:
    _text(person)
    person.page.click("#add-and")
    person.page.keyboard.type("snow")
    person.page.keyboard.press("Enter")
    expect(person.page.locator("#chips .chip")).to_have_count(1)
    person.page.click("#filter-button")
    person.page.locator("#filters input[type=checkbox]").first.check()
    expect(person.page.locator("#shown")).to_be_visible()


def _saving(person: Person) -> None:
    _refined(person)
    person.page.click("#keep")
    expect(person.page.locator("#keep-panel .file")).to_have_count(7)


def _explained(person: Person) -> None:
    """Boxes, one of them open and another off, the cut, and a closer look that says why."""
    _refined(person)
    person.page.locator("#boxes summary").first.click()
    expect(person.page.locator("#boxes .box-sample img").first).to_be_visible()
    person.page.click("#cut summary")
    expect(person.page.locator("#cut-words")).to_contain_text("right")
    person.page.locator("#boxes .box-switch").last.click()
    expect(person.page.locator("#boxes-all")).to_be_visible()
    person.waits()
    person.cell(0).focus()
    person.page.keyboard.press("Space")
    expect(person.page.locator("#lens-why")).to_contain_text("place 1 of")


def _to_label_next(person: Person) -> None:
    _refined(person)
    person.page.click("#tab-next")
    expect(person.page.locator(".cell[data-note]").first).to_be_visible()


def _checking(person: Person) -> None:
    _refined(person)
    person.page.click("#tab-check")
    person.sees_pictures()
    person.page.click("#check-rest")
    expect(person.page.locator("#check-body .meter")).to_have_count(2)


def _map(person: Person) -> None:
    _refined(person)
    person.page.click("#tab-map")
    person.page.locator("#groups .group").first.click(timeout=120_000)  # a map is computed when first asked for
    expect(person.page.locator("#selection")).to_be_visible()


def _figures(person: Person) -> None:
    _refined(person)
    person.page.click("#tab-figures")
    expect(person.page.locator("#figures .figure").first).to_be_visible()


_STATES: list[State] = [
    _first_visit, _text, _labelled, _refined, _captions, _selected, _looking_closer, _keys, _problem,
    _filtered, _saving, _explained, _to_label_next, _checking, _map, _figures,
]  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("state", _STATES, ids=lambda state: state.__name__.strip("_"))
def test_axe_finds_nothing(meet: Meet, state: State, scheme: str) -> None:
    person = meet(color_scheme=scheme, reduced_motion="reduce")
    state(person)
    _has_no_violation(person)


def test_axe_finds_nothing_on_a_phone(meet: Meet) -> None:
    person = meet(**PHONE, reduced_motion="reduce")
    _first_visit(person)
    _has_no_violation(person)
    _refined(person)
    person.page.click("#panel-button")
    _has_no_violation(person)
    person.page.click("#panel-button")
    person.page.click("#tray-handle")
    _has_no_violation(person)
    person.page.click("#tray-handle")
    for tab, part in (("map", "#groups .group"), ("figures", "#figures .figure")):
        person.page.click(f"#tab-{tab}")
        expect(person.page.locator(part).first).to_be_visible(timeout=120_000)
        _has_no_violation(person)
        person.width_is_kept()


def _has_no_violation(person: Person) -> None:
    person.rests()
    found = Axe().run(person.page).response["violations"]
    assert [(rule["id"], rule["nodes"][0]["html"][:200]) for rule in found] == []
