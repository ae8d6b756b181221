"""Looking at an answer otherwise: a map to encircle on, a grid where alike stands with alike, and figures."""

from __future__ import annotations

import re
from typing import Any

import pytest
import requests
from playwright.sync_api import Route, expect

from tests.browser.person import PHONE, Meet, Person, number

_MAP_MS = 120_000  # a map is computed when it is first asked for
_SIGHT = "() => document.querySelector('#map-canvas').toDataURL()"


@pytest.fixture
def searching(person: Person) -> Person:
    person.visit(q="a red boat")
    person.sees_pictures()
    return person


def _answer(person: Person, part: str, **request: Any) -> dict[str, Any]:
    result_set = person.ask(text="a red boat", model="auto", limit=120, **request)["result_set"]
    answer = requests.get(f"{person.url}/api/catalogues/demo/results/{result_set}{part}", timeout=60)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def _opens_the_map(person: Person) -> None:
    person.page.click("#tab-map")
    expect(person.page.locator("#groups .group").first).to_be_visible(timeout=_MAP_MS)


def _sight(person: Person) -> str:
    """The map as it is drawn, once all of its pictures are there."""
    expect(person.page.locator("#map-canvas")).to_have_attribute("data-drawn", "true")
    seen: str = person.page.evaluate(f"({_SIGHT})()")
    return seen


def test_a_group_of_the_map_is_marked_by_keyboard_alone(searching: Person) -> None:
    page = searching.page
    page.locator("#tab-answer").focus()
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    expect(page.locator("#tab-figures")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#map-words")).to_contain_text("All 1,200 pictures.", timeout=_MAP_MS)
    points = _answer(searching, "/map")
    assert len(set(points["ids"])) == searching.total == points["total"]
    sizes = [number(text) for text in page.locator("#groups .note").all_inner_texts()]
    assert sizes == [points["group"].count(group) for group in range(points["groups"])]
    group = page.locator("#groups .group").last
    group.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#selection")).to_contain_text(f"{sizes[-1]:,} selected")
    page.keyboard.press("p")
    searching.has_labels(sizes[-1], 0)
    expect(page.locator("#selection")).to_be_hidden()
    page.keyboard.press("z")
    searching.has_labels(0, 0)
    # Nothing is chosen: a key marks no picture that is not to be seen.
    page.keyboard.press("p")
    searching.has_labels(0, 0)


def test_a_line_around_pictures_selects_them(searching: Person) -> None:
    _opens_the_map(searching)
    page = searching.page
    box = page.locator("#map-canvas").bounding_box()
    assert box is not None
    page.click("#map-lasso")
    for steps, part in ((0.98, 1.0), (0.5, None)):
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        dx, dy = steps * box["width"] / 2, steps * box["height"] / 2
        page.mouse.move(x - dx, y - dy)
        page.mouse.down()
        for across, down in ((1, -1), (1, 1), (-1, 1)):
            page.mouse.move(x + across * dx, y + down * dy, steps=4)
        page.mouse.up()
        if part:
            expect(page.locator(".selection-count")).to_have_text(f"{searching.total:,} selected")
        else:
            expect(page.locator(".selection-count")).not_to_have_text(f"{searching.total:,} selected")
    chosen = number(page.inner_text(".selection-count"))
    assert 0 < chosen < searching.total
    page.keyboard.press("n")
    searching.has_labels(0, chosen)


def test_the_map_is_brought_closer_and_its_pictures_looked_at(searching: Person) -> None:
    _opens_the_map(searching)
    page = searching.page
    whole = _sight(searching)
    page.locator("#map-canvas").focus()
    page.keyboard.press("+")
    page.keyboard.press("ArrowLeft")
    page.wait_for_function(f"(before) => ({_SIGHT})() !== before", arg=whole)
    page.keyboard.press("Home")
    page.wait_for_function(f"(before) => ({_SIGHT})() === before", arg=whole)
    box = page.locator("#map-canvas").bounding_box()
    assert box is not None
    # Wherever one clicks close to the middle of the map, something is near or nothing happens.
    points = _answer(searching, "/map")
    fit = 0.9 * min(box["width"], box["height"]) / points["grid"]
    x = box["x"] + box["width"] / 2 + (points["x"][0] - points["grid"] / 2) * fit
    y = box["y"] + box["height"] / 2 + (points["y"][0] - points["grid"] / 2) * fit
    page.mouse.click(x, y)
    expect(page.locator("#lens")).to_be_visible()
    expect(page.locator("#lens-image")).to_have_attribute("src", re.compile(f"/items/{points['ids'][0]}/image"))
    page.keyboard.press("p")
    searching.has_labels(1, 0)
    page.keyboard.press("Escape")
    assert searching.tray_ids("rights") == {points["ids"][0]}


def test_alike_stands_with_alike_and_all_of_it(searching: Person) -> None:
    best = searching.id_of(0)
    searching.page.select_option("#order", "alike")
    expect(searching.page).to_have_url(re.compile("order=alike"))
    expect(searching.page.locator("#total-words")).to_have_text("images, alike ones together")
    answer = _answer(searching, "?order=alike&limit=1000")
    expect(searching.cell(0)).to_have_attribute("data-id", str(answer["hits"][0]["id"]))
    searching.shows_first([hit["id"] for hit in answer["hits"][:12]])
    rest = _answer(searching, "?order=alike&limit=1000&offset=1000")
    assert sorted(hit["id"] for hit in answer["hits"] + rest["hits"]) == sorted(_answer(searching, "/ids")["ids"])
    searching.page.reload()
    searching.sees_pictures()
    assert searching.id_of(0) == answer["hits"][0]["id"]
    searching.page.select_option("#order", "best")
    expect(searching.cell(0)).to_have_attribute("data-id", str(best))


def test_a_view_that_is_loaded_late_finds_its_reader_gone(searching: Person) -> None:
    page, script = searching.page, re.compile(r"/tools/map\.js")
    held: list[Route] = []
    page.route(script, lambda route: held.append(route))
    with page.expect_request(script):
        page.click("#tab-map")
    page.click("#home")
    expect(page.locator("#welcome")).to_be_visible()
    with page.expect_response(script):
        held[0].continue_()
    page.unroute(script)
    # Nothing has gone wrong, and the next one who wants it gets it.
    searching.search("a green tree")
    _opens_the_map(searching)


def test_figures_say_what_the_api_says_and_filter(searching: Person) -> None:
    searching.mark_right(0, 1, 2)
    searching.mark_wrong(10)
    searching.refine()
    total = searching.total
    searching.page.click("#tab-figures")
    kind = searching.page.locator("#figures .figure", has_text="Kind").first
    expect(kind).to_be_visible()
    labels = {"positive": sorted(searching.tray_ids("rights")), "negative": sorted(searching.tray_ids("wrongs"))}
    figures = _answer(searching, "/figures", **labels)
    assert (figures["total"], figures["of"]) == (total, 1_200)
    assert sum(bin_["count"] for bin_ in figures["scores"]) == total
    column = next(column for column in figures["columns"] if column["name"] == "kind")
    facets = {facet["name"]: facet for facet in _answer(searching, "/facets", **labels)["columns"]}
    known = {value["value"]: value["count"] for value in facets["kind"]["values"]}
    assert all(known[value["value"]] == value["count"] <= value["of"] for value in column["values"])
    first = column["values"][0]
    row = kind.locator("tbody tr").first
    expect(row).to_contain_text(first["value"])
    expect(row).to_contain_text(f"{first['count']:,}")
    row.get_by_role("button").click()
    expect(searching.page.locator("#shown-words")).to_have_text(
        f"{first['count']:,} of {total:,} shown: kind = {first['value']}"
    )
    expect(searching.page.locator("#figures")).to_contain_text(f"{first['count']:,} pictures, beside all 1,200")


def test_a_map_of_very_many_says_what_it_shows(person: Person) -> None:
    person.visit(catalogue="many", q="anything at all")
    person.sees_pictures()
    _opens_the_map(person)
    expect(person.page.locator("#map-words")).to_have_text(
        "20,000 of 100,000 shown, taken evenly from the best to the last."
    )
    person.page.select_option("#language", "de")
    expect(person.page.locator("#map-words")).to_contain_text("20.000 von 100.000 gezeigt", timeout=_MAP_MS)


def test_a_map_fits_a_phone(meet: Meet) -> None:
    phone = meet(**PHONE)
    phone.visit(q="a red boat")
    phone.sees_pictures()
    phone.page.tap("#tab-map")
    expect(phone.page.locator("#groups .group").first).to_be_visible(timeout=_MAP_MS)
    phone.page.locator("#groups .group").first.tap()
    expect(phone.page.locator("#selection")).to_be_visible()
    phone.width_is_kept()
    phone.page.tap("#tab-answer")
    expect(phone.page.locator("#selection")).to_be_hidden()
    expect(phone.cell(0)).to_be_visible()


def test_two_fingers_bring_the_map_closer(meet: Meet) -> None:
    phone = meet(**PHONE)
    phone.visit(q="a red boat")
    phone.sees_pictures()
    phone.page.tap("#tab-map")
    expect(phone.page.locator("#groups .group").first).to_be_visible(timeout=_MAP_MS)
    whole = _sight(phone)
    box = phone.page.locator("#map-canvas").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    session = phone.page.context.new_cdp_session(phone.page)

    def touch(kind: str, *apart: float) -> None:
        points = [{"x": x + side * apart[0], "y": y, "id": k} for k, side in enumerate((-1, 1))] if apart else []
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    for wide, narrow in ((20.0, 110.0), (110.0, 20.0)):
        touch("touchStart", wide)
        for step in range(1, 11):
            touch("touchMove", wide + (narrow - wide) * step / 10)
        touch("touchEnd")
        # The page itself is not brought closer, and two fingers neither click nor choose.
        assert phone.page.evaluate("() => window.visualViewport.scale") == 1
        expect(phone.page.locator("#lens")).to_be_hidden()
        expect(phone.page.locator("#selection")).to_be_hidden()
        if narrow > wide:
            phone.page.wait_for_function(f"(before) => ({_SIGHT})() !== before", arg=whole)
    # As far out as it was brought in: the same points are in sight again.
    phone.page.tap("#map-whole")
    phone.page.wait_for_function(f"(before) => ({_SIGHT})() === before", arg=whole)
