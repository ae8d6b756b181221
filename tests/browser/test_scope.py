"""What belongs to a search beside its words: "and", "without", filters; and asking while one types."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Request, Route, expect

from tests.browser.person import PHONE, Meet, Person
from tests.browser.person import number as number_in


def test_without_and_and_are_chips_that_change_the_search(person: Person) -> None:
    person.visit(q="a red boat")
    person.sees_pictures()
    person.page.click("#add-not")
    person.page.keyboard.type("a balloon")
    person.page.keyboard.press("Enter")
    expect(person.page.locator("#chips .chip")).to_have_text(re.compile("without a balloon"))
    person.page.click("#add-and")
    person.page.keyboard.type("snow^2")
    person.page.keyboard.press("Enter")
    expect(person.page.locator("#chips .chip")).to_have_count(2)
    person.waits()
    terms = [{"text": "snow", "weight": 2}]
    asked = person.ask(text="a red boat", without=["a balloon"], terms=terms, limit=8)
    person.shows_first([hit["id"] for hit in asked["hits"]])
    # A click on the weight gives the next one; the address holds it all, and a reload shows it again.
    person.page.click(".chip-weight")
    expect(person.page.locator(".chip-weight")).to_have_text("×3")
    expect(person.page).to_have_url(re.compile("and=snow%5E3"))
    person.page.reload()
    person.sees_pictures()
    expect(person.page.locator("#chips .chip")).to_have_count(2)
    person.page.locator("#chips .chip-drop").last.click()
    expect(person.page.locator("#chips .chip")).to_have_count(1)
    person.page.go_back()
    expect(person.page.locator("#chips .chip")).to_have_count(2)


def test_plus_and_minus_can_be_typed(person: Person) -> None:
    person.visit()
    person.page.fill("#query", 'a boat -people +"night sky" black-and-white')
    person.page.press("#query", "Enter")
    person.sees_pictures()
    expect(person.page.locator("#query")).to_have_value("a boat black-and-white")
    expect(person.page.locator("#chips .chip-words")).to_have_text(["and night sky", "without people"])


def test_a_changed_search_keeps_what_was_marked(person: Person) -> None:
    person.visit(q="a red boat")
    person.sees_pictures()
    person.mark_right(0, 1)
    person.page.click("#add-not")
    person.page.keyboard.type("rain")
    person.page.keyboard.press("Enter")
    expect(person.page.locator("#chips .chip")).to_have_count(1)
    person.has_labels(2, 0)


def test_what_is_said_while_an_answer_is_awaited_joins_what_was_asked(person: Person) -> None:
    person.visit(q="a red boat")
    person.sees_pictures()
    _says_two_things_before_an_answer(person, ("#add-not", "rain"), ("#add-and", "snow"))
    expect(person.page.locator("#chips .chip-words")).to_have_text(["and snow", "without rain"])
    person.open(f"{person.url}/?catalogue=demo&image=12&but=a+red+boat")
    _says_two_things_before_an_answer(person, ("#compose-text", "at night"), ("#compose-text", "in the snow"))
    expect(person.page.locator("#compose-words .chip-words")).to_have_text(["a red boat", "at night", "in the snow"])


def _says_two_things_before_an_answer(person: Person, *said: tuple[str, str]) -> None:
    held: list[Route] = []
    person.page.route("**/search", lambda route: held.append(route))
    for place, words in said:
        person.page.click(place)
        person.page.keyboard.type(words)
        with person.page.expect_request("**/search"):
            person.page.keyboard.press("Enter")
    held[-1].continue_()
    person.page.unroute("**/search")


def test_the_answer_follows_the_words_and_labels_wait(person: Person) -> None:
    asked: list[str] = []

    def hear(request: Request) -> None:
        if request.url.endswith("/search") and request.method == "POST":
            asked.append(request.post_data_json.get("text"))

    person.visit(q="a red boat")
    person.sees_pictures()
    person.page.on("request", hear)
    person.page.click("#query")
    person.page.keyboard.press("End")
    first = person.id_of(0)
    # As fast as nobody types, so that no letter can be late: one question for many letters.
    person.page.evaluate("() => { for (const one of ' in the snow') document.execCommand('insertText', false, one); }")
    # The last answer stays until the next one is there.
    assert person.page.locator(".cell[data-id]").count() > 0
    expect(person.page).to_have_url(re.compile(r"q=a\+red\+boat\+in\+the\+snow"))
    person.waits()
    assert asked == ["a red boat in the snow"]
    expect(person.page.locator("#query")).to_be_focused()
    expect(person.page.locator("#query")).to_have_value("a red boat in the snow")
    answer = person.ask(text="a red boat in the snow", limit=3)
    person.shows_first([hit["id"] for hit in answer["hits"]])
    assert answer["hits"][0]["id"] != first or answer["hits"][1]["id"] != first
    # With a label there is something to lose: nothing is asked before Enter.
    person.page.keyboard.press("Enter")
    person.mark_right(0)
    person.page.fill("#query", "a green tree")
    person.outlasts(600)  # when the words have long been still
    assert asked[-1] == "a red boat in the snow"
    person.has_labels(1, 0)


def test_words_searched_for_before_are_offered(person: Person) -> None:
    person.visit()
    person.search("a yellow kite")
    person.page.click("#home")
    person.page.focus("#query")
    offered = person.page.locator("#suggestions option")
    expect(offered.first).to_have_attribute("value", "a yellow kite")
    expect(offered.nth(1)).to_be_attached()  # the catalogue's examples


@pytest.mark.parametrize("view", ["desk", "phone"])
def test_a_filter_shows_a_part_and_says_so(meet: Meet, view: str) -> None:
    person = meet(**(PHONE if view == "phone" else {}), reduced_motion="reduce")
    person.visit(q="a red boat")
    person.sees_pictures()
    whole = person.total
    person.page.click("#filter-button")
    style = person.page.locator("#filters .facet", has=person.page.locator("summary", has_text="style")).first
    style.locator("summary").click()
    ink = style.locator("li", has_text="ink")
    count = number_in(ink.locator(".facet-count").inner_text())
    assert 0 < count < whole
    ink.locator("input").check()
    expect(person.page.locator("#shown-words")).to_have_text(f"{count:,} of {whole:,} shown: style = ink")
    assert person.total == whole  # the answer itself is what it was
    # Another value of the same column adds its own; the count of each was right.
    person.width_is_kept()
    person.page.keyboard.press("Escape")
    expect(person.page.locator("#filters")).to_be_hidden()
    person.scrolls_to_the_end()
    last = person.id_of(count - 1)
    assert person.page.locator(f".cell[data-index='{count}']").count() == 0
    item = person.page.request.get(f"{person.url}/api/catalogues/demo/items/{last}").json()
    assert item["metadata"]["style"] == "ink"
    person.page.reload()
    expect(person.page.locator("#shown-words")).to_have_text(f"{count:,} of {whole:,} shown: style = ink")
    person.page.click("#shown-all")
    expect(person.page.locator("#shown")).to_be_hidden()


def test_a_filter_that_nothing_fits_is_no_riddle(person: Person) -> None:
    person.open(f"{person.url}/?catalogue=demo&q=a+boat&where=style:oil")
    expect(person.page.locator("#nothing")).to_contain_text("No image of the answer is left.")
    expect(person.page.locator("#shown-words")).to_contain_text("0 of")
    person.page.click("#shown-all")
    person.sees_pictures()


def test_a_value_is_found_among_more_than_can_be_listed(person: Person) -> None:
    person.visit(catalogue="many", q="anything at all")
    person.sees_pictures()
    person.page.click("#filter-button")
    groups = person.page.locator("#filters .facet", has=person.page.locator("summary", has_text="alike"))
    field = groups.get_by_role("searchbox", name="Find a value of alike")
    expect(groups.locator("li")).to_have_count(60)
    field.press_sequentially("GROUP 71")
    expect(groups.locator("li").first).to_contain_text("group 71")
    expect(field).to_be_focused()
    expect(field).to_have_value("GROUP 71")
    groups.locator("li", has_text="group 71").first.locator("input").check()
    expect(person.page.locator("#shown-words")).to_have_text(re.compile("of 100,000 shown: alike = group 71"))
    field.fill("no such thing")
    expect(groups.locator("li")).to_have_count(1)  # what is chosen stays in sight
    field.fill("")
    expect(groups.locator("li").nth(59)).to_be_visible()
