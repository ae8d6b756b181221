"""The address bar and this device's memory: reload, shared links, back and forward, a closed tab."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from playwright.sync_api import Request, expect

from tests.browser.person import Meet, Person


def worked(person: Person) -> Person:
    """Two rounds and a label not refined yet."""
    person.visit(q="a green tree")
    person.sees_pictures()
    person.mark_right(0, 1)
    person.mark_wrong(8)
    person.refine()
    person.mark_right(3)
    person.refine()
    person.mark_wrong(5)
    # The address follows a burst of labels with a short delay: a mark of two clicks is one.
    expect(person.page).to_have_url(re.compile(r"&d=N[0-9a-z]+$"))
    return person


def seen(person: Person) -> tuple[object, ...]:
    person.sees_pictures()
    current = person.page.locator(".round[aria-current]").get_attribute("data-round")
    sides = (person.tray_ids("rights"), person.tray_ids("wrongs"))
    return person.total, person.labels, sides, current, person.round_totals(), [person.id_of(i) for i in range(8)]


def test_a_reload_shows_the_same(person: Person) -> None:
    before = seen(worked(person))
    person.page.reload()
    assert seen(person) == before


def test_a_reload_right_after_a_click_keeps_the_label(person: Person) -> None:
    person.visit(q="a green tree")
    person.sees_pictures()
    person.mark_right(2)
    person.page.reload()
    person.sees_pictures()
    person.has_labels(1, 0)


def test_a_shared_link_shows_the_same_to_somebody_else(person: Person, meet: Meet) -> None:
    before = seen(worked(person))
    friend = meet()
    friend.open(person.address)
    assert seen(friend) == before


def test_a_link_to_an_older_round_and_its_changes(person: Person, meet: Meet) -> None:
    worked(person)
    person.go_to_round(1)
    person.page.click("#tab-out")
    expect(person.page.locator("#tab-out")).to_have_attribute("aria-selected", "true")
    friend = meet()
    friend.open(person.address)
    expect(friend.page.locator("#tab-out")).to_have_attribute("aria-selected", "true")
    expect(friend.page.locator(".round[data-round='1']")).to_have_attribute("aria-current", "step")
    expect(friend.page.locator(".round")).to_have_count(3)


def test_back_and_forward_go_through_rounds_and_searches(person: Person) -> None:
    person.visit()
    person.search("a green tree")
    person.mark_right(0, 1)
    person.refine()
    refined = person.total
    person.page.go_back()
    expect(person.page.locator(".round[data-round='0']")).to_have_attribute("aria-current", "step")
    expect(person.page.locator(".round")).to_have_count(2)  # the newer round is not forgotten
    person.page.go_forward()
    expect(person.page.locator(".round[data-round='1']")).to_have_attribute("aria-current", "step")
    assert person.total == refined
    person.search("a blue car")
    person.page.go_back()
    expect(person.page.locator("#query")).to_have_value("a green tree")
    person.sees_pictures()
    assert person.total == refined
    person.page.go_back()
    person.page.go_back()
    expect(person.page.locator("#welcome")).to_be_visible()


def test_a_closed_tab_loses_nothing(person: Person) -> None:
    before = seen(worked(person))
    context = person.page.context
    person.page.close()
    again = Person(context.new_page(), person.url)
    again.visit()
    expect(again.page.locator("#recent .recent")).to_contain_text("a green tree")
    again.page.click("#recent .recent")
    assert seen(again) == before
    # The same words typed again offer the labels, and do not force them.
    again.visit()
    again.search("a green tree")
    again.has_labels(0, 0)
    expect(again.page.locator("#resume")).to_contain_text("You marked 5 pictures for this search")
    again.page.click("#resume a")
    assert seen(again) == before
    again.has_seen_no_fault()


def test_labels_and_query_are_written_compactly(person: Person) -> None:
    worked(person)
    expect(person.page).to_have_url(
        re.compile(r"\?catalogue=demo&q=a\+green\+tree#r=0AP[0-9a-z.]+N[0-9a-z]+_1AP[0-9a-z]+&d=N[0-9a-z]+$")
    )


def test_a_mangled_address_is_read_as_far_as_it_makes_sense(person: Person) -> None:
    person.open(f"{person.url}/?catalogue=demo&q=a+green+tree&image=x&model=magic#r=9AP1_zz&at=77&d=Q!&tab=none")
    person.sees_pictures()
    person.has_labels(0, 0)
    expect(person.page.locator(".round")).to_have_count(1)


def test_somebody_elses_labels_never_replace_mine(person: Person, meet: Meet) -> None:
    worked(person)
    friend = meet()
    friend.visit(q="a green tree")
    friend.sees_pictures()
    friend.mark_right(6)
    mine = friend.tray_ids("rights")
    friend.open(person.address)
    friend.sees_pictures()
    expect(friend.page.locator("#resume")).to_contain_text("Opened from a link")
    friend.mark_right(9)
    friend.visit()
    expect(friend.page.locator("#recent .recent")).to_have_count(2)
    friend.page.locator("#recent .recent").nth(1).click()
    friend.sees_pictures()
    assert friend.tray_ids("rights") == mine


def test_the_search_of_an_address_is_asked_once(person: Person) -> None:
    asked: list[str] = []

    def listen(request: Request) -> None:
        path = urlsplit(request.url).path
        if path.endswith(("/search", "main.js")):
            asked.append(path.rsplit("/", 1)[1])

    person.page.on("request", listen)
    person.visit(q='it\'s a <red> "boat"', catalogue="demo")
    person.sees_pictures()
    assert sorted(asked) == ["main.js", "search"]
    for name, text in (("not", "people"), ("and", "snow")):
        asked.clear()
        person.visit(q="a red boat", **{name: text})
        person.sees_pictures()
        assert sorted(asked) == ["main.js", "search"]
