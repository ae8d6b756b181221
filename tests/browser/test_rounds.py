"""Refining: exact totals, every page to the last picture, what came in and went out, and the way back to any round."""

from __future__ import annotations

import re

import pytest
import requests
from playwright.sync_api import expect

from tests.browser.person import CELL, Person


def test_the_total_is_exactly_that_of_the_api(person: Person) -> None:
    person.visit(q="a red boat")
    person.sees_pictures()
    person.mark_right(0, 1, 2)
    person.mark_wrong(10, 14)
    labels = {"positive": [person.id_of(i) for i in (0, 1, 2)], "negative": [person.id_of(i) for i in (10, 14)]}
    person.refine()
    answer = person.ask(text="a red boat", model="auto", limit=120, **labels)
    assert person.total == answer["total"]
    assert f"{answer['total']:,}" == person.page.inner_text("#total-count")
    person.shows_first([hit["id"] for hit in answer["hits"][:10]])
    expect(person.page.locator("#took")).to_have_text(re.compile(r"\d+ ms|\d\.\d s"))
    expect(person.page.locator("#live")).to_contain_text("the model accepts")


def test_scrolling_ends_at_the_very_last_image(refined: Person) -> None:
    total = refined.total
    refined.scrolls_to_the_end()
    last = refined.id_of(total - 1)
    expect(refined.cell(total - 1)).to_be_in_viewport()
    assert refined.page.locator(f".cell[data-index='{total}']").count() == 0
    request = {
        "text": "a red boat",
        "model": "auto",
        "limit": 120,
        "positive": sorted(refined.tray_ids("rights")),
        "negative": sorted(refined.tray_ids("wrongs")),
    }
    answer = refined.ask(**request)
    url = f"{refined.url}/api/catalogues/demo/results/{answer['result_set']}?offset={total - 1}&limit=1"
    assert [hit["id"] for hit in requests.get(url, timeout=10).json()["hits"]] == [last]


def test_the_text_answer_ends_at_the_very_last_image_too(person: Person) -> None:
    person.visit(q="a red boat")
    person.sees_pictures()
    person.page.keyboard.press("ArrowRight")
    person.page.keyboard.press("End")
    expect(person.cell(person.total - 1)).to_be_focused()
    person.id_of(person.total - 1)
    # The page holds a window of the grid, not the whole answer.
    assert person.page.locator(".cell").count() < 200


def test_what_came_in_and_went_out_are_pictures(refined: Person) -> None:
    refined.mark_right(4, 5)
    refined.mark_wrong(7)
    first = refined.round_totals()[1]
    refined.refine()
    came, went = (
        int(refined.page.inner_text(f"#{name} .tab-count").replace(",", "")) for name in ("tab-in", "tab-out")
    )
    assert refined.total == first + came - went
    expect(refined.page.locator("#delta")).to_contain_text(f"+{came:,} −{went:,} since round 1")
    answer = {refined.id_of(i) for i in range(min(refined.total, 20))}
    for tab, size in (("in", came), ("out", went)):
        refined.page.click(f"#tab-{tab}")
        expect(refined.page.locator(f"#tab-{tab}")).to_have_attribute("aria-selected", "true")
        if size == 0:
            expect(refined.page.locator("#nothing")).to_be_visible()
            continue
        expect(refined.page.locator(CELL).first).to_be_visible()
        shown = set(refined.shown_ids())
        assert len(shown) <= size
        if tab == "out":
            assert not shown & answer
    refined.page.click("#tab-answer")
    assert refined.id_of(0) in answer


def test_rounds_are_gone_back_to_and_forward_again(refined: Person) -> None:
    labels, first = refined.labels, [refined.id_of(i) for i in range(5)]
    refined.mark_right(3)
    refined.refine()
    second = [refined.id_of(i) for i in range(5)]
    totals = refined.round_totals()
    refined.go_to_round(1)
    refined.has_labels(*labels)
    refined.shows_first(first)
    refined.go_to_round(0)
    refined.has_labels(0, 0)
    assert refined.total == totals[0]
    refined.page.keyboard.press("2")
    expect(refined.page.locator(".round[data-round='2']")).to_have_attribute("aria-current", "step")
    refined.has_labels(labels[0] + 1, labels[1])
    refined.shows_first(second)
    assert refined.round_totals() == totals


def test_refining_from_an_older_round_loses_nothing(refined: Person) -> None:
    refined.mark_right(3)
    refined.refine()
    refined.go_to_round(1)
    refined.mark_wrong(2)
    refined.refine()
    expect(refined.page.locator(".round")).to_have_count(4)
    expect(refined.page.locator(".round[data-round='3']")).to_have_attribute("aria-current", "step")
    expect(refined.page.locator(".round[data-round='3']")).to_contain_text("from Round 1")
    expect(refined.page.locator("#since")).to_have_text("since round 1")


def test_the_boxes_behind_an_answer_can_be_looked_at(refined: Person) -> None:
    boxes = refined.page.locator("#boxes > li")
    expect(boxes.first).to_be_visible()
    boxes.first.locator("summary").click()
    expect(boxes.first.locator(".range-bar").first).to_be_visible()
    sql = boxes.first.locator("code").inner_text()
    assert re.fullmatch(r"f\d+ .+", sql)
    count = int(boxes.first.locator(".box-count").inner_text().replace(",", ""))
    assert 0 < count <= refined.round_totals()[0]
    refined.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    boxes.first.get_by_text("Copy").click()
    expect(refined.page.locator("#live")).to_have_text("Condition copied.")
    assert refined.page.evaluate("() => navigator.clipboard.readText()") == sql


@pytest.mark.parametrize(
    ("value", "words"), [("branch", "One branch"), ("ensemble", "Many branches"), ("linear", "Straight line")]
)
def test_every_model_can_be_chosen(refined: Person, value: str, words: str) -> None:
    refined.page.click(".models summary")
    refined.page.check(f"#models input[value='{value}']")
    refined.refine()
    expect(refined.page.locator("#why-words")).to_contain_text(words)
    decides = value != "linear"
    expect(refined.page.locator("#why-words")).to_contain_text(
        "lies inside" if decides else re.compile("(it does|they do) not decide it")
    )


def test_nothing_accepted_is_said_plainly(person: Person) -> None:
    """The service always accepts something for these labels, so its answer is emptied on the way."""

    def empty(route: object) -> None:
        request = route.request  # type: ignore[attr-defined]
        answer = requests.post(request.url, json=request.post_data_json, timeout=30).json()
        if request.post_data_json.get("positive"):
            answer |= {"total": 0, "hits": [], "boxes": []}
        route.fulfill(json=answer)  # type: ignore[attr-defined]

    person.page.route("**/search", empty)
    person.visit(q="a red boat")
    person.sees_pictures()
    person.mark_right(0)
    person.page.click("#refine")
    expect(person.page.locator("#nothing")).to_contain_text("The model accepts no image.")
    expect(person.page.locator("#nothing-words")).to_contain_text("mark a few more pictures right")
    person.page.click("#nothing-back")
    person.sees_pictures()


def test_labels_on_the_wrong_side_are_shown(person: Person) -> None:
    """Whether a model errs is its own affair; this is what the page does with an answer that has `misplaced`."""
    found: list[int] = []

    def err(route: object) -> None:
        request = route.request  # type: ignore[attr-defined]
        answer = requests.post(request.url, json=request.post_data_json, timeout=30).json()
        if request.post_data_json.get("positive"):
            found.append(request.post_data_json["negative"][0])
            answer["misplaced"] = [{"id": found[-1], "label": "negative"}]
        route.fulfill(json=answer)  # type: ignore[attr-defined]

    person.page.route("**/search", err)
    person.visit(q="a red boat")
    person.sees_pictures()
    person.mark_right(0)
    person.mark_wrong(1)
    person.refine()
    expect(person.page.locator("#misplaced")).to_contain_text("1 marked wrong is still in the answer")
    person.page.click("#misplaced button")
    expect(person.page.locator("#lens-image")).to_have_attribute("src", re.compile(f"items/{found[0]}/image"))
