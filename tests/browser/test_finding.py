"""The first page, and searching with words and with images."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import requests
from playwright.sync_api import expect

from tests.browser.person import CELL, Person


def test_first_visit_shows_what_can_be_done(person: Person) -> None:
    person.visit()
    expect(person.page.locator(".steps li")).to_have_count(3)
    expect(person.page.locator("#examples .example")).to_have_count(6)
    expect(person.page.locator("#examples img").first).to_be_visible()
    expect(person.page.locator("#mosaic img").nth(40)).to_be_attached()
    expect(person.page.locator("#tray")).to_be_hidden()


def test_an_example_is_one_click_away(person: Person) -> None:
    person.visit()
    example = person.page.locator("#examples .example").first
    words = example.inner_text().strip()
    example.click()
    person.sees_pictures()
    expect(person.page.locator("#query")).to_have_value(words)
    expect(person.page).to_have_url(re.compile("q="))


def test_words_rank_the_whole_catalogue_best_first(person: Person) -> None:
    person.visit()
    person.search("a red boat")
    answer = person.ask(text="a red boat", limit=60)
    assert person.total == answer["total"] == person.ask(text="anything")["total"]
    person.shows_first([hit["id"] for hit in answer["hits"][:12]])
    expect(person.page.locator("#total-words")).to_have_text("images, closest first")


def test_captions_and_scores_come_on_demand(person: Person) -> None:
    person.visit(q="a red boat")
    person.sees_pictures()
    words = person.cell(0).locator(".words")
    expect(words).to_have_css("opacity", "0")
    person.cell(0).hover()
    expect(words).to_have_css("opacity", "1")
    expect(words.locator(".score")).to_have_text(re.compile(r"^-?\d\.\d{3}$"))
    person.page.click("#captions")
    expect(person.cell(3).locator(".caption")).to_be_visible()
    expect(person.cell(3).locator(".caption")).not_to_be_empty()


def test_an_empty_search_says_what_is_missing(person: Person) -> None:
    person.visit()
    person.page.press("#query", "Enter")
    expect(person.page.locator("#problem")).to_contain_text("Type what you are looking for")
    expect(person.page.locator("#query")).to_be_focused()


def test_an_unknown_catalogue_is_named_with_the_known_ones(person: Person) -> None:
    person.visit(catalogue="nowhere", q="a boat")
    expect(person.page.locator("#problem")).to_contain_text("nowhere")
    expect(person.page.locator("#problem")).to_contain_text(person.page.locator("#catalogue option").first.inner_text())
    expect(person.page.locator("#welcome")).to_be_visible()


def test_an_uploaded_image_finds_itself_first(person: Person, tmp_path: Path) -> None:
    person.visit()
    wanted = person.ask(text="a blue car")["hits"][3]["id"]
    file = tmp_path / "mine.webp"
    file.write_bytes(requests.get(f"{person.url}/api/catalogues/demo/items/{wanted}/image", timeout=10).content)
    person.page.set_input_files("#image-file", str(file))
    person.sees_pictures()
    assert wanted in [person.id_of(i) for i in range(3)]
    expect(person.page.locator("#image-chip img")).to_be_visible()
    # The image is kept on this device: a reload asks the same again.
    first = person.id_of(0)
    person.page.reload()
    person.sees_pictures()
    assert person.id_of(0) == first


def test_an_image_can_be_dropped_and_pasted(person: Person) -> None:
    person.visit()
    wanted = person.ask(text="a yellow kite")["hits"][0]["id"]
    content = requests.get(f"{person.url}/api/catalogues/demo/items/{wanted}/image", timeout=10).content
    for kind in ("drop", "paste"):
        person.page.evaluate(
            """([kind, base64]) => {
              const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
              const transfer = new DataTransfer();
              transfer.items.add(new File([bytes], "mine.webp", { type: "image/webp" }));
              const event = kind === "drop"
                ? new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true })
                : new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true, cancelable: true });
              document.body.dispatchEvent(event);
            }""",
            [kind, base64.b64encode(content).decode()],
        )
        person.sees_pictures()
        assert wanted in [person.id_of(i) for i in range(3)]
        person.page.click("#home")
        expect(person.page.locator("#welcome")).to_be_visible()


def test_a_file_that_is_no_image_is_refused_in_words(person: Person, tmp_path: Path) -> None:
    person.expects_failures = True  # the 415 is what this is about
    person.visit()
    file = tmp_path / "notes.txt"
    file.write_text("not an image at all")
    person.page.set_input_files("#image-file", str(file))
    expect(person.page.locator("#problem")).to_contain_text("image")
    expect(person.page.locator("#welcome")).to_be_visible()
    person.page.click("#problem-close")
    expect(person.page.locator("#problem")).to_be_hidden()


def test_a_picture_of_the_catalogue_is_a_query_too(person: Person) -> None:
    person.visit()
    person.page.locator("#mosaic a").nth(5).click()
    person.sees_pictures()
    expect(person.page.locator(".round-name").first).to_have_text("Image")
    wanted = int(re.findall(r"image=(\d+)", person.address)[0])
    assert person.id_of(0) == wanted
    # "More like this" of another picture, from the closer look.
    other = person.id_of(4)
    person.cell(4).hover()
    person.cell(4).locator("[data-action=look]").click()
    person.page.click("#lens-alike")
    expect(person.page).to_have_url(re.compile(f"image={other}"))
    person.sees_pictures()
    assert person.id_of(0) == other


def test_a_picture_that_does_not_load_leaves_a_quiet_place(person: Person) -> None:
    person.expects_failures = True
    person.page.route(re.compile(r"/items/\d*[02468]/image"), lambda route: route.fulfill(status=404, body=""))
    person.visit(q="a red boat")
    person.sees_pictures()
    expect(person.page.locator(f"{CELL}[data-image=missing] .missing").first).to_be_visible()
    expect(person.page.locator(f"{CELL}[data-image=there]").first).to_be_visible()
