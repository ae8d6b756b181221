"""What a person does with the page and sees on it, so that the tests read as they would tell it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests
from playwright.sync_api import ConsoleMessage, Locator, Page, Request, expect

from tests.browser.slowed import slow_down

CELL = ".cell[data-id]"
_REFINED_MS = 60_000
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


class Person:
    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.expects_failures = False
        self.faults: list[str] = []
        slow_down(page)
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        page.on("request", self._watch)

    # Going somewhere

    def visit(self, **query: str) -> None:
        self.open(f"{self.url}/" + ("?" + urlencode(query) if query else ""))

    def open(self, address: str) -> None:
        self.page.goto(address)
        self.page.wait_for_selector("html[data-ready]")

    def search(self, text: str) -> None:
        self.page.fill("#query", text)
        self.page.press("#query", "Enter")
        expect(self.page).to_have_title(re.compile("^" + re.escape(text)))
        self.sees_pictures()

    def refine(self) -> None:
        """Presses Refine and waits for the new round."""
        before = self.page.locator(".round").count()
        self.page.click("#refine")
        # An ensemble is trained in a second or two; on a busy machine in many.
        expect(self.page.locator(".round")).to_have_count(before + 1, timeout=_REFINED_MS)
        self.waits()

    def go_to_round(self, number: int) -> None:
        self.page.click(f".round[data-round='{number}']")
        expect(self.page.locator(f".round[data-round='{number}']")).to_have_attribute("aria-current", "step")
        self.waits()

    def waits(self) -> None:
        """Until nothing is under way any more."""
        expect(self.page.locator("#progress")).to_be_hidden()

    # Pictures

    def cell(self, index: int) -> Locator:
        return self.page.locator(f".cell[data-index='{index}']")

    def id_of(self, index: int) -> int:
        expect(self.cell(index)).to_have_attribute("data-id", re.compile(r"^\d+$"))
        return int(self.cell(index).get_attribute("data-id") or "")

    def state_of(self, index: int) -> str:
        expect(self.cell(index)).to_have_attribute("data-state", re.compile("."))
        return self.cell(index).get_attribute("data-state") or ""

    def mark_right(self, *indices: int) -> None:
        for index in indices:
            self._click_until(index, "right")

    def mark_wrong(self, *indices: int) -> None:
        for index in indices:
            self._click_until(index, "wrong")

    def _click_until(self, index: int, state: str) -> None:
        for _ in range(3):
            before = self.state_of(index)
            if before == state:
                break
            self.cell(index).click()
            expect(self.cell(index)).not_to_have_attribute("data-state", before)
        expect(self.cell(index)).to_have_attribute("data-state", state)

    def brings_into_sight(self, index: int) -> None:
        """Scrolls until the picture is in the middle of the window."""
        self.page.evaluate(
            """(index) => {
              const [box, grid] = [document.querySelector("#scroller"), document.querySelector("#grid")];
              const row = Math.floor(index / Number(grid.getAttribute("aria-colcount")));
              const height = (grid.clientHeight + 8) / Number(grid.getAttribute("aria-rowcount"));
              box.scrollTop = row * height - box.clientHeight / 2;
            }""",
            index,
        )
        expect(self.cell(index)).to_be_in_viewport()

    def shows_first(self, ids: list[int]) -> None:
        """The answer begins with these."""
        for index, item in enumerate(ids):
            expect(self.cell(index)).to_have_attribute("data-id", str(item))

    def sees_pictures(self) -> None:
        expect(self.page.locator(CELL).first).to_be_visible()
        self.waits()

    def shown_ids(self) -> list[int]:
        cells = self.page.locator(CELL)
        return [int(value) for value in cells.evaluate_all("all => all.map((cell) => cell.dataset.id)")]

    # Reading

    @property
    def total(self) -> int:
        expect(self.page.locator("#total-count")).to_have_text(re.compile(r"\d"))
        return number(self.page.inner_text("#total-count"))

    def has_labels(self, right: int, wrong: int) -> None:
        """By the tray, these many are marked."""
        for side, count in (("right", right), ("wrong", wrong)):
            expect(self.page.locator(f"#{side}-count")).to_have_text(re.compile(f"^{count:,}$".replace(",", "[.,]")))

    @property
    def labels(self) -> tuple[int, int]:
        """How many are marked right and wrong, by the tray, where nothing is under way."""
        return number(self.page.inner_text("#right-count")), number(self.page.inner_text("#wrong-count"))

    def tray_ids(self, side: str) -> set[int]:
        thumbs = self.page.locator(f"#{side} > li[data-id]")
        return {int(value) for value in thumbs.evaluate_all("all => all.map((thumb) => thumb.dataset.id)")}

    def round_totals(self) -> list[int]:
        expect(self.page.locator("#rounds")).not_to_contain_text("…")
        return [number(text) for text in self.page.locator(".round-total").all_inner_texts()]

    def scrolls_to_the_end(self) -> None:
        """As a person does: on and on until the last row is there and the end stays the end."""
        self.page.wait_for_function(
            """() => {
              const [box, grid] = [document.querySelector("#scroller"), document.querySelector("#grid")];
              const there = box.scrollTop + box.clientHeight >= box.scrollHeight - 1;
              box.scrollTop = box.scrollHeight;
              const last = grid.lastElementChild?.getAttribute("aria-rowindex");
              return there && last === grid.getAttribute("aria-rowcount");
            }"""
        )

    def rests(self) -> None:
        """Until nothing moves or fades any more; what goes on for ever, such as what says "wait", does not count."""
        self.page.wait_for_function(
            """() => document.getAnimations().every((one) =>
              one.playState !== "running" || one.effect.getComputedTiming().endTime === Infinity)"""
        )

    def has_all_pictures(self) -> None:
        """Until every picture in sight is there, or said to be missing."""
        self.page.wait_for_function(
            """() => [...document.images].every((image) => image.complete || !image.checkVisibility()
              || image.getBoundingClientRect().top > innerHeight)
              && !document.querySelector(".cell:not([data-id])")"""
        )

    def outlasts(self, milliseconds: int) -> None:
        """Until every timer that the page has set so far for at most this long is over: timers end in their order."""
        self.page.evaluate("(ms) => new Promise((go) => setTimeout(go, ms + 1))", milliseconds)

    @property
    def address(self) -> str:
        """Where the page is: as it says itself, which is never late."""
        address: str = self.page.evaluate("() => location.href")
        return address

    def width_is_kept(self) -> None:
        """Nothing on the page is wider than the screen."""
        inner, outer = self.page.evaluate("() => [document.documentElement.scrollWidth, window.innerWidth]")
        assert inner <= outer

    # The API as this page's server gives it

    def ask(self, catalogue: str = "demo", **request: Any) -> dict[str, Any]:
        answer = requests.post(f"{self.url}/api/catalogues/{catalogue}/search", json=request, timeout=30)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    # Faults

    def has_seen_no_fault(self) -> None:
        assert not self.faults, "\n".join(self.faults)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        # The browser itself reports each failed request; where a service is stopped on purpose, they are expected.
        if self.expects_failures and message.text.startswith("Failed to load resource"):
            return
        # Chromium drops what it loads whenever the machine gets or loses a network, even what comes from the machine
        # itself; containers come and go beside the tests.
        if "net::ERR_NETWORK_CHANGED" in message.text:
            return
        self.faults.append(f"{message.type}: {message.text} ({message.location.get('url')})")

    def _watch(self, request: Request) -> None:
        origin, own = urlsplit(request.url), urlsplit(self.url)
        if origin.scheme in ("http", "https", "ws", "wss") and origin.netloc != own.netloc:
            self.faults.append(f"request to another origin: {request.url}")


def number(text: str) -> int:
    return int(re.sub(r"[^\d]", "", text))


Meet = Callable[..., Person]
