"""The whole answer at once: selected, saved as a file, and marks from a file."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.person import Person


def saved(person: Person, name: str) -> Path:
    person.page.click("#keep")
    with person.page.expect_download() as download:
        person.page.get_by_role("link", name=name).click()
    person.page.keyboard.press("Escape")
    return Path(download.value.path())


def test_select_all_means_the_whole_answer(person: Person) -> None:
    person.visit(q="a red boat")
    person.sees_pictures()
    total = person.total
    person.page.keyboard.press("a")
    person.page.get_by_role("button", name=f"Select all {total:,}").click()
    expect(person.page.locator(".selection-count")).to_have_text(f"All {total:,} selected")
    person.page.keyboard.press("p")
    expect(person.page.locator("#selection")).to_be_hidden()
    person.has_labels(total, 0)
    person.scrolls_to_the_end()
    expect(person.cell(total - 1)).to_have_attribute("data-state", "right")
    person.page.click("#undo")  # one gesture, one step
    person.has_labels(0, 0)


def test_too_many_marks_are_refused_in_words(person: Person) -> None:
    person.visit(catalogue="many", q="anything")
    person.sees_pictures()
    person.page.keyboard.press("Shift+A")
    expect(person.page.locator(".selection-count")).to_have_text("All 100,000 selected")
    person.page.keyboard.press("p")
    expect(person.page.locator("#problem")).to_contain_text("100,000 marks, and 10,000 is the most")
    person.has_labels(0, 0)


def test_the_answer_is_saved_as_csv_and_json(refined: Person) -> None:
    total, rights = refined.total, refined.tray_ids("rights")
    with saved(refined, "CSV").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == total
    assert [int(row["id"]) for row in rows[:5]] == [refined.id_of(i) for i in range(5)]
    assert {int(row["id"]) for row in rows if row["label"] == "right"} <= rights
    assert rows[0]["style"]
    told = json.loads(saved(refined, "JSON").read_text())
    assert [image["id"] for image in told["images"]] == [int(row["id"]) for row in rows]
    recipe = told["recipe"]
    assert set(recipe["query"]["positive"]) == rights
    # The recipe gives the same answer again.
    query = {key: recipe["query"][key] for key in ("text", "positive", "negative", "model", "seed")}
    assert refined.ask(**query)["result_set"] == recipe["result_set"]
    assert json.loads(saved(refined, "Recipe alone").read_text())["total"] == total


def test_a_part_is_saved_as_a_part(refined: Person) -> None:
    refined.page.click("#filter-button")
    box = refined.page.locator("#filters input[type=checkbox]").first
    box.check()
    expect(refined.page.locator("#shown")).to_be_visible()
    shown = int(refined.page.inner_text("#shown-words").split(" of ")[0].replace(",", ""))
    refined.page.keyboard.press("Escape")
    with saved(refined, "CSV").open(newline="", encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == shown


def test_marks_come_from_a_file(person: Person, tmp_path: Path) -> None:
    person.visit(q="a red boat")
    person.sees_pictures()
    ids = [person.id_of(i) for i in range(4)]
    file = tmp_path / "marks.csv"
    file.write_text(
        f'caption,id,label\r\n"a boat, ""red""",{ids[0]},right\r\nx,{ids[2]},WRONG\r\ny,{ids[3]},\r\nz,99999999,1\r\n'
    )
    person.page.click("#keep")
    expect(person.page.locator("#keep-panel")).to_be_visible()
    person.page.set_input_files("#keep-panel input[type=file]", str(file))
    expect(person.page.locator("#told")).to_contain_text("2 pictures marked from “marks.csv”. 1 of its ids")
    for index, state in enumerate(("right", "none", "wrong")):
        expect(person.cell(index)).to_have_attribute("data-state", state)
    person.has_labels(1, 1)
    person.page.click("#undo")
    person.has_labels(0, 0)
    for content, words in [
        ("name,mark\n1,2\n", "must have the columns"),
        (f"id,label\n{ids[0]},perhaps\n", "Line 2 of"),
        ("id,label\n1234567,right\n", "Not one of its ids"),
        (f"id,label\n{ids[0]},\n", "has no labels"),
    ]:
        file.write_text(content)
        person.page.click("#keep")
        expect(person.page.locator("#keep-panel")).to_be_visible()
        person.page.set_input_files("#keep-panel input[type=file]", str(file))
        expect(person.page.locator("#problem")).to_contain_text(words)
        person.page.click("#problem-close")
        expect(person.page.locator("#problem")).to_be_hidden()
    person.has_labels(0, 0)
