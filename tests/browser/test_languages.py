"""The page in another language: chosen by the browser or by the reader, whole, and within the screen."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import expect

from tests.browser.person import PHONE, Meet, Person
from tests.running import ROOT

_MESSAGES = ROOT / "web_service" / "messages"
ENGLISH, GERMAN = (json.loads((_MESSAGES / f"{code}.json").read_text(encoding="utf-8")) for code in ("en", "de"))
# What is read or spoken on the page now: text other than the catalogue's, and the attributes that hold words.
_READ = """() => {
  const found = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const parent = walker.currentNode.parentElement;
    if (parent.closest("script, noscript, option, kbd, .caption, .facet-value, .figure-value, dd")) continue;
    found.add(walker.currentNode.data.trim());
  }
  for (const name of ["aria-label", "title", "placeholder", "aria-valuetext"])
    for (const element of document.querySelectorAll(`[${name}]`)) found.add(element.getAttribute(name).trim());
  return [...found].filter(Boolean);
}"""


def _forms(message: str | dict[str, str]) -> list[str]:
    return [message] if isinstance(message, str) else list(message.values())


def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    """What each message that German says otherwise looks like in English."""
    found = []
    for key, message in ENGLISH.items():
        if message == GERMAN[key]:
            continue
        for form in _forms(message):
            literal = re.sub(r"\{\w+\}", "", form)
            if len(re.findall(r"[a-z]", literal)) >= 5:  # fewer could stand in a caption
                parts = re.split(r"\{\w+\}", form.strip())
                found.append((key, re.compile(".+".join(re.escape(part) for part in parts))))
    return found


_ENGLISH = _patterns()
_GERMAN_TOO = {form for message in GERMAN.values() for form in _forms(message)}


def _speaks_german(person: Person) -> None:
    for text in person.page.evaluate(_READ):
        if text not in _GERMAN_TOO:
            assert [key for key, pattern in _ENGLISH if pattern.fullmatch(text)] == [], text


@pytest.mark.parametrize("view", ["desk", "phone"])
def test_a_whole_search_in_german(meet: Meet, view: str) -> None:
    person = meet(**(PHONE if view == "phone" else {}), locale="de-DE", reduced_motion="reduce")
    page = person.page

    def looks() -> None:
        _speaks_german(person)
        person.width_is_kept()

    person.visit()
    expect(page.locator("html")).to_have_attribute("lang", "de")
    expect(page.locator("#intro-head")).to_have_text(GERMAN["welcome.head"])
    expect(page.locator("#welcome-size")).to_have_text("1.200 Bilder")
    looks()
    person.search("a red boat")
    expect(page.locator("#total-words")).to_have_text(GERMAN["total.text"]["other"])
    expect(page.locator("#total-count")).to_have_text("1.200")
    person.mark_right(0)
    expect(page.locator("#live")).to_have_text("Richtig markiert. 1 richtig, 0 falsch.")
    person.mark_right(1)
    person.mark_wrong(2)
    looks()
    person.refine()
    expect(page.locator("#total-words")).to_have_text(re.compile("^Bilde?r?, .+ das Modell annimmt$"))
    looks()
    for tab in ("in", "out", "next", "map", "figures", "check"):
        page.click(f"#tab-{tab}")
        expect(page.locator(f"#tab-{tab}")).to_have_attribute("aria-selected", "true")
        person.waits()
        looks()
    page.click("#check-rest")
    expect(page.locator("#check-count")).to_contain_text(re.compile(r"beurteilt, gefunden \d+ – \d+ %"))
    page.click("#tab-answer")
    if view == "phone":
        page.click("#panel-button")
    page.locator("#boxes summary").first.click()
    expect(page.locator("#boxes .note").first).to_contain_text("im Ergebnis")
    page.click("#cut summary")
    expect(page.locator("#cut-words")).to_contain_text("richtig nach der Schätzung")
    looks()
    if view == "phone":
        page.click("#panel-button")
    page.click("#filter-button")
    expect(page.locator("#filters .facet").first).to_be_visible()
    looks()
    page.keyboard.press("Escape")
    person.cell(0).focus()
    page.keyboard.press("Space")
    expect(page.locator("#lens-why")).to_contain_text("Im Ergebnis, Platz 1 von")
    expect(page.locator("#lens-why")).to_contain_text(re.compile(r"-?\d,\d{3} Punkte"))
    looks()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_contain_text("Umschalt")
    looks()


def test_the_reader_chooses_the_language_and_loses_nothing(person: Person) -> None:
    person.visit(q="a red boat")
    person.sees_pictures()
    expect(person.page.locator("html")).to_have_attribute("lang", "en")
    # All in one go, faster than the address follows a burst of labels.
    person.page.evaluate(
        """() => {
          for (const index of [0, 3]) document.querySelector(`.cell[data-index='${index}']`).click();
          const language = document.querySelector("#language");
          language.value = "de";
          language.dispatchEvent(new Event("change", { bubbles: true }));
        }"""
    )
    expect(person.page.locator("html")).to_have_attribute("lang", "de")
    person.sees_pictures()
    expect(person.page.locator("#right-count")).to_have_text("2")
    person.has_labels(2, 0)
    expect(person.page.locator("#refine-words")).to_have_text("Verfeinern")
    person.page.reload()
    expect(person.page.locator("html")).to_have_attribute("lang", "de")
    person.page.select_option("#language", "en")
    expect(person.page.locator("#refine-words")).to_have_text("Refine")


def test_a_mistake_is_told_in_german(meet: Meet) -> None:
    person = meet(locale="de-AT")
    person.visit(catalogue="nowhere", q="x")
    expect(person.page.locator("#problem-words")).to_contain_text("Einen Katalog „nowhere“ gibt es hier nicht.")
    person.visit()
    person.page.press("#query", "Enter")
    expect(person.page.locator("#problem-words")).to_have_text(GERMAN["search.empty"])


def test_what_a_service_says_is_told_in_german_with_the_detail_after_it(meet: Meet) -> None:
    person = meet(locale="de-DE")
    person.expects_failures = True
    person.visit(catalogue="demo", image="999999999")
    words = person.page.locator("#problem-words")
    expect(words).to_contain_text(GERMAN["server.invalid_input"])
    expect(words).to_contain_text("(Der Dienst sagt auf Englisch: ")
    expect(words).to_contain_text("999999999")


def test_a_browser_that_wants_neither_gets_english(meet: Meet) -> None:
    person = meet(locale="fr-FR")
    person.visit()
    expect(person.page.locator("html")).to_have_attribute("lang", "en")
    expect(person.page.locator("#intro-head")).to_have_text(ENGLISH["welcome.head"])
