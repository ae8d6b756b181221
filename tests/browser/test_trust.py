"""Why these, where to cut, what to label next, and how much is missing."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.person import PHONE, Meet, Person, number


def test_a_box_is_switched_off_and_on_again(refined: Person) -> None:
    refined.page.click(".models:not(#cut) summary")
    refined.page.check("#models input[value=branch]")
    refined.refine()
    whole = refined.total
    row = refined.page.locator("#boxes .box-row").first
    row.locator("summary").click()
    expect(row.locator(".box-sample img").first).to_be_visible()
    leaving = row.locator(".note").inner_text()
    alone = number(re.findall(r"Without it ([\d,]+|nothing)", leaving)[0].replace("nothing", "0"))
    row.locator(".box-switch").click()
    expect(row).to_have_attribute("data-on", "false")
    refined.waits()
    assert refined.total == whole - alone
    # The link holds it, for others too.
    refined.page.reload()
    expect(refined.page.locator("#total-count")).to_have_text(f"{whole - alone:,}")
    expect(row).to_have_attribute("data-on", "false")
    refined.page.click("#boxes-all")
    expect(refined.page.locator("#boxes-all")).to_be_hidden()
    refined.waits()
    assert refined.total == whole


def test_the_pictures_of_one_box_alone(refined: Person) -> None:
    row = refined.page.locator("#boxes .box-row").first
    row.locator("summary").click()
    accepted = number(
        re.findall(r", ([\d,]+|all) in the answer", row.locator(".note").inner_text())[0].replace(
            "all", row.locator(".box-count").inner_text()
        )
    )
    row.get_by_role("button", name="Show only these").click()
    expect(refined.page.locator("#shown-words")).to_have_text(f"{accepted:,} of {refined.total:,} shown: in box 1")


def test_the_cut_says_what_it_gives_before_it_is_moved(refined: Person) -> None:
    whole = refined.total
    refined.page.click("#cut summary")
    slider = refined.page.locator("#cut-slider")
    expect(refined.page.locator("#cut-words")).to_contain_text(f"{whole:,} images, about")
    slider.focus()
    for _ in range(6):
        refined.page.keyboard.press("ArrowLeft")
    stricter = number(re.findall(r"^([\d,]+) image", refined.page.inner_text("#cut-words"))[0])
    expect(refined.page.locator("#total-count")).to_have_text(f"{stricter:,}")
    assert stricter < whole
    refined.page.reload()
    expect(refined.page.locator("#total-count")).to_have_text(f"{stricter:,}")
    refined.page.click("#cut summary")
    refined.page.click("#cut-own")
    expect(refined.page.locator("#total-count")).to_have_text(f"{whole:,}")


def test_a_closer_look_says_why(refined: Person) -> None:
    refined.cell(4).focus()
    refined.page.keyboard.press("Space")
    why = refined.page.locator("#lens-why")
    expect(why).to_contain_text(f"In the answer, place 5 of {refined.total:,}.")
    expect(why).to_contain_text(re.compile(r"Score -?\d+\.\d+, at or above the cut"))
    refined.page.keyboard.press("ArrowRight")
    expect(why).to_contain_text("place 6 of")
    refined.page.keyboard.press("Escape")
    refined.page.click("#tab-out")
    refined.sees_pictures()
    refined.cell(0).focus()
    refined.page.keyboard.press("Space")
    expect(why).to_contain_text("Not in the answer.")
    expect(why).to_contain_text("below the cut")


def test_what_to_label_next_is_a_queue(refined: Person) -> None:
    refined.page.click("#tab-next")
    expect(refined.page.locator(".cell[data-note]").first).to_be_visible()
    ids = refined.shown_ids()
    assert not set(ids) & (refined.tray_ids("rights") | refined.tray_ids("wrongs"))
    refined.mark_wrong(0)
    refined.mark_right(1)
    refined.has_labels(4, 3)
    refined.page.click("#next-more")
    expect(refined.page.locator(f".cell[data-id='{ids[0]}']")).to_have_count(0)
    refined.refine()
    expect(refined.page.locator("#tab-answer")).to_have_attribute("aria-selected", "true")


@pytest.mark.parametrize("view", ["desk", "phone"])
def test_a_sample_tells_how_much_is_missing(meet: Meet, view: str) -> None:
    person = meet(**(PHONE if view == "phone" else {}), reduced_motion="reduce")
    person.visit(q="a red boat")
    person.sees_pictures()
    person.mark_right(0, 1, 2)
    person.mark_wrong(10, 14)
    person.refine()
    total, marked = person.total, person.labels
    person.page.click("#tab-check")
    person.sees_pictures()
    expect(person.page.locator("#check-count")).to_have_text("0 judged")
    person.mark_right(0)
    expect(person.page.locator("#check-count")).to_contain_text("1 judged, found")
    person.page.click("#check-rest")
    expect(person.page.locator("#check-count")).not_to_contain_text("1 judged")
    judged = number(re.findall(r"^(\d+) judged", person.page.inner_text("#check-count"))[0])
    assert judged > 3
    assert sum(person.labels) == sum(marked) + judged
    # The page shows what the API says of these judgements.
    asked = person.ask(
        text="a red boat",
        positive=sorted(person.tray_ids("rights") - set(person.shown_ids())),
        negative=sorted(person.tray_ids("wrongs") - set(person.shown_ids())),
    )
    url = f"{person.url}/api/catalogues/demo/results/{asked['result_set']}/check"
    verdict = person.page.request.post(url, data={"judged": [True] + [False] * (judged - 1)}).json()
    low, high = (round(100 * verdict["recall"][side]) for side in ("low", "high"))
    expect(person.page.locator("#check-count")).to_contain_text(f"found {low} – {high} %")
    if view == "phone":
        person.page.click("#panel-button")
    expect(person.page.locator("#check-body .meter").first).to_contain_text(f"{low} – {high} %")
    expect(person.page.locator("#check-body .advice")).to_be_visible()
    person.width_is_kept()
    assert asked["total"] == total
