"""A catalogue whose title, captions, columns and examples are markup, in a real browser: it is shown, and not run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from tests.browser.person import Meet
from tests.hostile import MARKUP, build_hostile
from tests.running import Running


@pytest.fixture(scope="module")
def hostile(demo_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("hostile")
    build_hostile(folder, demo_data / "catalogues" / "demo")
    with Running.over(folder) as running:
        yield running


def test_markup_in_a_catalogue_is_text(hostile: Running, meet: Meet) -> None:
    person = meet(url=hostile.url)
    person.expects_failures = True  # one image is a link that leads out of the image root
    asked: list[str] = []
    person.page.on("dialog", lambda dialog: asked.append(dialog.message))
    person.visit(catalogue="hostile", q=MARKUP)
    person.sees_pictures()
    # Its own words are among what is told of the pictures: as words.
    told = "() => [...document.querySelectorAll('#grid [aria-label]')].some((one) => one.ariaLabel.includes('onerror'))"
    person.page.wait_for_function(told)
    person.mark_right(0, 1)
    person.mark_wrong(4)
    person.refine()
    strange = urlencode({"catalogue": MARKUP, "q": MARKUP, "where": MARKUP})
    for address, part in (("", "#mosaic img"), ("saved", "#shelf-head"), (f"?{strange}", "#problem")):
        person.open(f"{hostile.url}/{address}")
        expect(person.page.locator(part).first).to_be_visible()
        assert person.page.evaluate("() => document.querySelectorAll('img[onerror], img[src=x]').length") == 0
        assert person.page.title() != "taken"
    assert not asked
    policy = person.page.request.get(f"{hostile.url}/").headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy


def test_the_policy_stops_a_script_that_gets_in(hostile: Running, meet: Meet) -> None:
    """Were markup ever to reach the page, the browser would not run it: the header, not the escaping."""
    person = meet(url=hostile.url)
    person.visit(catalogue="hostile", q="a")
    person.page.evaluate(
        """async () => {
          const script = document.createElement("script");
          script.textContent = "window.taken = 1";
          document.body.append(script);
          const holder = document.createElement("div");
          holder.innerHTML = '<img src="data:," onerror="window.taken = 2">';
          const failed = new Promise((go) => holder.firstChild.addEventListener("error", go));
          document.body.append(holder);
          await failed; // what stands in the attribute would have been heard before
        }"""
    )
    assert person.page.evaluate("() => window.taken ?? null") is None
    assert any("Content Security Policy" in fault for fault in person.faults)
    person.faults.clear()
