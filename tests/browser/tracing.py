"""What the browser does while a person scrolls: its own trace of styles and layouts, and who asked for them."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from playwright.sync_api import Page

_CATEGORIES = "devtools.timeline,disabled-by-default-devtools.timeline,disabled-by-default-devtools.timeline.stack"


class Trace:
    """The events of a page's browser between the two ends of a ``with`` block."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._session = page.context.new_cdp_session(page)
        self._complete = False
        self.events: list[dict[str, Any]] = []
        self._session.on("Tracing.dataCollected", lambda part: self.events.extend(part["value"]))
        self._session.on("Tracing.tracingComplete", self._completed)

    def __enter__(self) -> Self:
        self._session.send("Tracing.start", {"transferMode": "ReportEvents", "categories": _CATEGORIES})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.send("Tracing.end")
        for _ in range(2_400):
            if self._complete:
                return
            self._page.wait_for_timeout(50)
        raise TimeoutError("the browser's trace did not end")

    def _completed(self, *_: object) -> None:
        self._complete = True

    def scrolls(self, speed: int) -> None:
        """A second's scroll with the wheel over the middle of the page, in px a second."""
        gesture = {"x": 800, "y": 500, "yDistance": -speed, "speed": speed, "gestureSourceType": "mouse"}
        self._session.send("Input.synthesizeScrollGesture", gesture)

    def named(self, *names: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["name"] in names]

    def thrashing(self) -> list[str]:
        """Layouts that a script asked for after it had changed something in the same frame: each is done twice.

        What was changed before the frame is worked out once, whoever asks; so that is none.
        """
        found, changed = [], None
        for event in sorted(self.events, key=lambda event: event.get("ts", 0)):
            asker = _own_script(event)
            if event["name"] == "FireAnimationFrame" or (event["name"] == "Layout" and asker is None):
                changed = None
            elif event["name"] == "InvalidateLayout" and asker is not None:
                changed = changed or asker
            elif event["name"] == "Layout" and changed not in (None, asker):
                found.append(f"{asker} after {changed}")
        return found


def _own_script(event: dict[str, Any]) -> str | None:
    """Function and line of the page's own script that an event happened in, if it did."""
    told = event.get("args", {})
    places = (told.get("beginData") or {}, told.get("data") or {}, told)
    frames = [frame for place in places for frame in place.get("stackTrace") or []]
    own = [frame for frame in frames if "/static/" in frame.get("url", "")]
    return f"{own[0]['functionName']}:{own[0]['lineNumber']}" if own else None
