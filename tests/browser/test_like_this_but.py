""" "Like this, but ...": a search that starts from a picture and is changed by words, step by step."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, expect

from tests.browser.person import PHONE, Meet, Person


def composed(person: Person, image: int, *texts: str) -> None:
    """Opens the search for an image changed by words."""
    person.visit(q="a red boat")
    query = "&".join(f"but={text.replace(' ', '+')}" for text in texts or ("",))
    person.open(f"{person.url}/?catalogue=demo&image={image}&{query}")
    person.sees_pictures()


def but(person: Person, text: str, *, key: str = "Enter") -> None:
    chips = person.page.locator("#compose-words .chip")
    expect(person.page.locator(".compose-picture").first).to_be_visible()
    before = chips.count()
    person.page.fill("#compose-text", text)
    person.page.locator("#compose-text").press(key)
    expect(chips).to_have_count(before + len(text.split(",")))
    person.waits()


def first_ids(person: Person, count: int = 8) -> list[int]:
    return [person.id_of(i) for i in range(count)]


def asked_ids(person: Person, count: int = 8, **request: object) -> list[int]:
    return [hit["id"] for hit in person.ask(limit=count, **request)["hits"]]


def steps(person: Person) -> Locator:
    return person.page.locator("#steps-list li")


def test_a_picture_is_changed_by_words_and_goes_on_from_a_click(person: Person) -> None:
    person.visit(q="a boat at the beach")
    person.sees_pictures()
    start = person.id_of(3)
    person.cell(3).hover()
    person.cell(3).locator("[data-action=but]").click()
    expect(person.page.locator("#compose")).to_be_visible()
    expect(person.page.locator("#compose-text")).to_be_focused()
    person.sees_pictures()
    but(person, "the boat is red")
    compose = {"texts": ["the boat is red"]}
    person.shows_first(asked_ids(person, image_id=start, compose=compose))
    but(person, "-a tree, in the forest^2")
    compose = {"texts": ["the boat is red", {"text": "in the forest", "weight": 2}], "without": ["a tree"]}
    person.shows_first(asked_ids(person, image_id=start, compose=compose))
    expect(person.page.locator(".round[data-round='0'] .round-name")).to_have_text("Image, changed")
    # A click makes a result the reference; what was before is a step.
    second = person.id_of(2)
    person.cell(2).click()
    expect(steps(person)).to_have_count(3)
    person.waits()
    expect(person.page).to_have_url(re.compile(rf"[?&]image={second}(&|$)"))
    expect(person.page.locator("#compose-words .chip")).to_have_count(0)
    but(person, "at night")
    expect(steps(person).nth(2)).to_contain_text("at night")
    person.has_labels(0, 0)
    # A reload shows the same, and so does another browser with the link.
    person.page.reload()
    person.sees_pictures()
    expect(steps(person)).to_have_count(3)
    expect(person.page.locator("#compose-words .chip-words")).to_have_text(["at night"])
    # Back to the step before, with all that was said there.
    steps(person).nth(1).locator("button").click()
    expect(steps(person)).to_have_count(2)
    expect(person.page.locator("#compose-words .chip")).to_have_count(3)
    person.waits()
    person.shows_first(asked_ids(person, image_id=start, compose=compose))
    person.page.go_back()
    expect(steps(person)).to_have_count(3)
    steps(person).nth(0).locator("button").click()
    expect(person.page.locator("#compose")).to_be_hidden()
    expect(person.page.locator("#query")).to_have_value("a boat at the beach")


def test_look_and_words_weigh_what_a_person_wants(person: Person) -> None:
    composed(person, 12, "a red boat")
    slider = person.page.locator("#compose-balance")
    expect(slider).to_have_attribute("aria-valuetext", "50 % look, 50 % words")
    slider.focus()
    for _ in range(4):
        person.page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "30 % look, 70 % words")
    expect(person.page).to_have_url(re.compile("look=0.7"))
    person.waits()
    person.shows_first(asked_ids(person, image_id=12, compose={"texts": ["a red boat"], "balance": 0.7}))
    # Weights: a click gives the next.
    but(person, "in the forest")
    person.page.locator("#compose-words .chip-weight").first.click()
    expect(person.page.locator("#compose-words .chip-weight").first).to_have_text("×2")
    person.waits()
    weighed = [{"text": "a red boat", "weight": 2}, "in the forest"]
    person.shows_first(asked_ids(person, image_id=12, compose={"texts": weighed, "balance": 0.7}))
    # A further picture, with its own weight.
    person.page.keyboard.press("Escape")
    further = person.id_of(5)
    person.cell(5).focus()
    person.page.keyboard.press("Shift+B")
    expect(person.page.locator(".compose-picture")).to_have_count(2)
    person.page.locator(".compose-picture.further .chip-weight").click()
    expect(person.page.locator(".compose-picture.further .chip-weight")).to_have_text("×2")
    person.waits()
    compose = {"texts": weighed, "balance": 0.7, "images": [{"id": further, "weight": 2}]}
    person.shows_first(asked_ids(person, image_id=12, compose=compose))
    person.page.locator(".compose-picture.further .chip-drop").click()
    expect(person.page.locator(".compose-picture")).to_have_count(1)


def test_labels_refine_it_like_any_other_search(person: Person) -> None:
    composed(person, 12, "a red boat")
    before = first_ids(person, 3)
    person.cell(0).focus()
    for key in ("p", "ArrowRight", "p", "ArrowRight", "p"):
        person.page.keyboard.press(key)
    person.has_labels(3, 0)
    # Who marks wants clicks to mark.
    expect(person.page.locator("#compose-click")).to_have_attribute("aria-pressed", "false")
    person.mark_wrong(30, 31)
    # Words changed after that keep the marks.
    but(person, "at night")
    person.has_labels(3, 2)
    every = person.total
    person.refine()
    assert person.total < every
    assert person.tray_ids("rights") == set(before)
    expect(person.page.locator("#compose")).to_be_visible()
    person.page.reload()
    person.sees_pictures()
    expect(person.page.locator(".round")).to_have_count(2)
    # Turned on again, a click goes on from a picture.
    person.page.click("#compose-click")
    person.cell(1).click()
    expect(steps(person)).to_have_count(2)
    expect(person.page.locator(".round")).to_have_count(1)


def test_an_upload_is_changed_by_words(person: Person, tmp_path: Path) -> None:
    file = tmp_path / "mine.webp"
    file.write_bytes(requests.get(f"{person.url}/api/catalogues/demo/items/20/image", timeout=10).content)
    person.visit()
    person.page.set_input_files("#image-file", str(file))
    person.sees_pictures()
    alone = first_ids(person)
    person.page.click("#add-but")
    expect(person.page.locator("#compose")).to_be_visible()
    expect(person.page.locator("#compose-text")).to_be_focused()
    but(person, "in the forest")
    assert first_ids(person) != alone
    person.page.reload()
    person.sees_pictures()
    expect(person.page.locator("#compose-words .chip")).to_have_count(1)
    expect(person.page.locator(".compose-picture img")).to_have_attribute("alt", "your image")
    person.page.click("#compose-close")
    expect(person.page.locator("#compose")).to_be_hidden()
    person.waits()
    person.shows_first(alone)


def test_words_beside_it_and_the_looking_glass_keep_what_is_said(person: Person) -> None:
    composed(person, 12, "a red boat")
    person.search("snow")
    expect(person.page.locator("#compose-words .chip")).to_have_count(1)
    person.shows_first(asked_ids(person, text="snow", image_id=12, compose={"texts": ["a red boat"]}))
    person.cell(4).focus()
    third = person.id_of(4)
    person.page.keyboard.press("Space")
    person.page.click("#lens-but")
    expect(person.page.locator("#lens")).to_be_hidden()
    expect(person.page).to_have_url(re.compile(f"image={third}"))
    expect(steps(person)).to_have_count(2)


def test_everything_by_keyboard(person: Person) -> None:
    person.visit(q="a boat")
    person.sees_pictures()
    press = person.page.keyboard.press
    person.cell(0).focus()
    press("ArrowRight")
    press("b")
    expect(person.page.locator("#compose-text")).to_be_focused()
    person.page.keyboard.type("in the city")
    press("Enter")
    expect(person.page.locator("#compose-words .chip")).to_have_count(1)
    expect(person.page.locator("#compose-text")).to_be_focused()
    person.page.keyboard.type("a car")
    press("Tab")
    press("Tab")
    expect(person.page.locator("#compose-less")).to_be_focused()
    press("Enter")
    expect(person.page.locator("#compose-words .chip.less")).to_have_count(1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", ["desk", "phone"])
def test_nothing_is_in_the_way(meet: Meet, scheme: str, device: str) -> None:
    person = meet(color_scheme=scheme, **(PHONE if device == "phone" else {}))
    step = "image%3D40%26but%3Dat%2Bnight"
    person.open(
        f"{person.url}/?image=12&but=a+red+boat&but=in+the+forest%5E2&less=a+tree&also=7&step={step}&step={step}"
    )
    person.sees_pictures()
    expect(steps(person)).to_have_count(3)
    person.width_is_kept()
    person.rests()
    found = Axe().run(person.page)
    assert found.violations_count == 0, found.generate_report()
    # Pictures stay in sight below it.
    expect(person.cell(0)).to_be_in_viewport()


def test_a_tap_on_a_phone_goes_on_from_a_picture(phone: Person) -> None:
    composed(phone, 12, "a red boat")
    second = phone.id_of(1)
    phone.cell(1).tap()
    expect(phone.page).to_have_url(re.compile(f"image={second}"))
    expect(steps(phone)).to_have_count(2)
    phone.has_labels(0, 0)


@pytest.mark.parametrize(
    "broken", ["but=x", "image=12&but=x&look=7&own=abc", "image=12&but=x&also=abc", "image=12&but=&step=%"]
)
def test_an_address_that_cannot_be_read_shows_what_can(person: Person, broken: str) -> None:
    person.open(f"{person.url}/?catalogue=demo&{broken}")
    if "image" in broken:
        person.sees_pictures()
        expect(person.page.locator("#compose")).to_be_visible()
    else:
        expect(person.page.locator("#welcome")).to_be_visible()


def test_it_speaks_german(meet: Meet) -> None:
    person = meet(locale="de-DE")
    composed(person, 12, "a red boat")
    expect(person.page.locator("#compose-head")).to_have_text("Wie dieses, aber")
    expect(person.page.locator("#compose-balance")).to_have_attribute("aria-valuetext", "50 % Aussehen, 50 % Wörter")
