"""Saved searches as a person uses them: saved, found again elsewhere, run again, deleted by mistake."""

from __future__ import annotations

import csv
import re
import sqlite3
import time
from pathlib import Path

import pytest
import requests
from playwright.sync_api import expect

from tests.browser.person import CELL, Meet, Person
from tests.browser.saving import save, saved_by_api
from tests.pipeline.support import Preprocessing, write_images
from tests.running import ROOT, Running

pytestmark = pytest.mark.usefixtures("nothing_saved")


def test_a_search_is_saved_and_opened_elsewhere_with_its_rounds_and_marks(person: Person, meet: Meet) -> None:
    person.visit(q="a red boat")
    person.sees_pictures()
    person.mark_right(0, 1, 2)
    person.mark_wrong(10, 14)
    person.refine()
    total, rights = person.total, person.tray_ids("rights")
    shown = [person.id_of(i) for i in range(4)]
    save(person, "Boats", "only red ones")
    expect(person.page.locator(".one-facts")).to_contain_text(f"{total:,} image")
    expect(person.page.locator(".one-facts")).to_contain_text("3 right, 2 wrong")
    person.shows_first(shown)
    expect(person.page.locator(f"{CELL}[data-state=right]").first).to_be_visible()

    other = meet()
    other.open(person.address)
    expect(other.page.locator(".one-notes")).to_have_text("only red ones")
    other.page.get_by_role("link", name="Open").click()
    other.sees_pictures()
    assert other.total == total
    assert other.tray_ids("rights") == rights
    expect(other.page.locator(".round")).to_have_count(2)


def test_every_file_can_be_had_of_what_is_saved(person: Person) -> None:
    person.visit(q="a red boat")
    person.sees_pictures()
    save(person, "Boats")
    person.page.get_by_role("button", name="Save as a file").click()
    for name in ("CSV", "Parquet", "COCO", "Webdataset"):
        with person.page.expect_download() as download:
            person.page.get_by_role("link", name=name).click()
        assert Path(download.value.path()).stat().st_size > 10_000
        assert download.value.suggested_filename.startswith("Boats")
    with person.page.expect_download() as download:
        person.page.get_by_role("link", name="CSV").click()
    with Path(download.value.path()).open(newline="", encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == 1_200


def test_a_name_is_changed_in_two_tabs_and_nothing_is_lost(person: Person, meet: Meet, services: Running) -> None:
    saved = saved_by_api(services, "a red boat")
    late = meet()
    late.expects_failures = True
    for one in (person, late):
        one.open(f"{services.url}/saved?id={saved['id']}")
        one.page.get_by_role("button", name="Name and notes").click()
    person.page.fill("#words-name", "First")
    person.page.keyboard.press("Enter")
    expect(person.page.locator(".one-name")).to_have_text("First")
    late.page.fill("#words-name", "Second")
    late.page.keyboard.press("Enter")
    expect(late.page.locator("#words-conflict")).to_contain_text("is called “First” now")
    expect(late.page.locator("#words-name")).to_have_value("Second")
    late.page.get_by_role("button", name="Save", exact=True).click()
    expect(late.page.locator(".one-name")).to_have_text("Second")


def test_what_was_deleted_comes_back(person: Person, services: Running) -> None:
    saved = saved_by_api(services, "a red boat")
    person.open(f"{services.url}/saved?id={saved['id']}")
    person.page.get_by_role("button", name="Delete").click()
    expect(person.page.locator("#told")).to_contain_text("“a red boat” is deleted.")
    expect(person.page.locator(".card")).to_have_count(0)
    expect(person.page.locator("#told-undo")).to_be_focused()
    person.page.keyboard.press("Enter")
    expect(person.page.locator(".one-name")).to_have_text("a red boat")
    expect(person.page.locator(".card")).to_have_count(1)


def test_by_keyboard_alone(person: Person, services: Running) -> None:
    saved_by_api(services, "a red boat")
    person.open(f"{services.url}/saved")
    page, press = person.page, person.page.keyboard.press
    page.locator(".card").first.focus()
    press("Enter")
    expect(page.locator("#one")).to_be_focused()
    page.locator(".cell[tabindex='0']").focus()
    press("ArrowRight")
    press("Enter")
    expect(page.locator("#large")).to_be_visible()
    press("Escape")
    expect(page.locator("#large")).to_be_hidden()
    expect(person.cell(1)).to_be_focused()


@pytest.mark.timeout(600)
def test_run_again_shows_the_new_ones_as_pictures(meet: Meet, tmp_path: Path) -> None:
    source = tmp_path / "photos"
    write_images(source, 60, size=64)
    preprocessing = Preprocessing(ROOT / "assets" / "models", tmp_path / "data")
    preprocessing("build", source, "--name", "photos", "--model", "demo", "--workers", 1, "--threads", 1)
    with Running.over(tmp_path / "data") as running:
        person = meet(url=running.url)
        person.visit(q="blue")
        person.sees_pictures()
        gone = person.id_of(0)
        save(person, "Blue things")
        person.page.get_by_role("button", name="Run again").click()
        expect(person.page.locator(".ran-words")).to_contain_text("Nothing has changed since")
        write_images(source / "more", 9, size=64, seed=5)
        preprocessing("add", "photos", "--workers", 1, "--threads", 1)
        preprocessing("delete", "photos", f"--id={gone}")
        wait_for_generation(running, 3)
        person.page.get_by_role("button", name="Run again").click()
        expect(person.page.locator(".ran-words")).to_have_text(re.compile(r"9 new since .*, 1 gone\."))
        expect(person.page.get_by_role("tab", name="New 9")).to_have_attribute("aria-selected", "true")
        expect(person.page.locator(CELL)).to_have_count(9)
        assert min(person.shown_ids()) > 60
        person.page.get_by_role("tab", name="As saved 60").click()
        expect(person.cell(0)).to_have_attribute("data-id", str(gone))
        person.page.get_by_role("button", name="Keep the new answer").click()
        expect(person.page.locator(".one-facts")).to_contain_text("68 images")
        expect(person.page.locator(".ran")).to_have_count(0)
        person.expects_failures = True  # the deleted picture was shown as missing


def wait_for_generation(running: Running, generation: int) -> None:
    for service in ("search", "data"):
        for _ in range(1_200):
            listed = requests.get(f"{running.address(service)}/v1/catalogues", timeout=10).json()["catalogues"]
            if listed and listed[0]["generation"] >= generation:
                break
            time.sleep(0.1)
        else:
            pytest.fail(f"The {service} service did not see generation {generation}")


def test_without_its_database_the_page_searches_on_and_says_what_is_wrong(
    person: Person, services: Running, demo_data: Path
) -> None:
    saved_by_api(services, "a red boat")
    person.expects_failures = True
    file = demo_data / "saved" / "searches.sqlite"
    whole = file.read_bytes()
    try:
        file.unlink()
        file.write_bytes(b"no database at all, but long enough to look at like one " * 40)
        person.visit(q="a red boat")
        person.sees_pictures()
        person.page.click("#keep")
        person.page.get_by_role("button", name="Save the search").click()
        expect(person.page.locator("#keep-panel .form-problem")).to_contain_text("is damaged")
        person.page.keyboard.press("Escape")
        person.mark_right(0, 1)
        person.refine()
        person.open(f"{services.url}/saved")
        expect(person.page.locator("#problem")).to_contain_text("is damaged")
    finally:
        file.unlink()
        file.write_bytes(whole)
    person.page.get_by_role("button", name="Try again").click()
    expect(person.page.locator(".card")).to_have_count(1)
    expect(person.page.locator("#problem")).to_be_hidden()
    with sqlite3.connect(file) as other:
        other.execute("PRAGMA integrity_check")


def test_a_link_to_what_is_gone_says_so(person: Person, services: Running) -> None:
    person.open(f"{services.url}/saved?id=nothing")
    expect(person.page.locator("#problem")).to_contain_text("not saved here any more")
    expect(person.page.get_by_role("heading", name="Nothing is saved yet.")).to_be_visible()
