"""Frames of the labelling page while a long answer is scrolled, beside an empty page scrolled the same way.

    python -m benchmarks.page --url http://localhost:8080 --catalogue demo --query "a boat"

Needs the services running and Playwright with a Chromium (CHROMIUM_PATH, or the system's). Both pages are scrolled by
the browser's own gesture at the same speeds, in turns, in one browser. A frame is dropped where the time between two
frames says that one was left out; the empty page drops what the machine itself cannot draw. Work per frame is the
processor time of the page's main thread: script, style and layout, and all; busy is its share of the time.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from playwright.sync_api import CDPSession, Page, sync_playwright

_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
_VIEW = {"width": 1440, "height": 900}
_FRAME_MS = 1000 / 60
_SPEEDS = {"slowly": 800, "fast": 4_000, "flung": 20_000}  # px a second
_SECONDS = 3.0
_STEPS = {"script": "ScriptDuration", "style": "RecalcStyleDuration", "layout": "LayoutDuration", "all": "TaskDuration"}
_EMPTY = """<!doctype html><style>
  body { margin: 0 } #scroller { height: 100vh; overflow-y: auto } #scroller div { height: 3000000px;
  background: repeating-linear-gradient(#ddd 0 160px, #fff 160px 168px) }
</style><div id="scroller"><div></div></div>"""
_RECORD = """() => {
  window.frames_ = [];
  const next = (time) => { window.frames_.push(time); window.recording = requestAnimationFrame(next); };
  window.recording = requestAnimationFrame(next);
}"""
_STOP = "() => { cancelAnimationFrame(window.recording); return window.frames_; }"


def measured(page: Page, session: CDPSession, speed: int) -> dict[str, float]:
    """Frames and work of one scroll of some seconds, as a person's fingers would do it."""
    page.evaluate("() => { document.querySelector('#scroller').scrollTop = 0; }")
    page.wait_for_timeout(600)
    before = _work(session)
    page.evaluate(_RECORD)
    gesture = {"x": 800, "y": 500, "yDistance": -int(speed * _SECONDS), "speed": speed, "gestureSourceType": "mouse"}
    session.send("Input.synthesizeScrollGesture", {**gesture, "preventFling": True})
    frames = page.evaluate(_STOP)
    after = _work(session)
    between = [b - a for a, b in pairwise(frames)]
    due = sum(max(1, round(gap / _FRAME_MS)) for gap in between)
    return {
        "frames": len(between),
        "dropped": (due - len(between)) / max(1, due),
        "busy": 1000 * (after["all"] - before["all"]) / max(1.0, frames[-1] - frames[0]),
        **{f"{name} ms": 1000 * (after[name] - before[name]) / max(1, len(between)) for name in _STEPS},
    }


def _work(session: CDPSession) -> dict[str, float]:
    told = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    return {name: float(told[metric]) for name, metric in _STEPS.items()}


def _opened(page: Page) -> CDPSession:
    session = page.context.new_cdp_session(page)
    # Processor time of the thread, not time on the clock: what else the machine does is not the page's work.
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    return session


def _medians(runs: list[dict[str, float]]) -> dict[str, float]:
    return {name: round(statistics.median(run[name] for run in runs), 3) for name in runs[0]}


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--url", default="http://localhost:8080")
    given.add_argument("--catalogue", default="demo")
    given.add_argument("--query", default="a boat")
    given.add_argument("--repeats", type=int, default=5)
    given.add_argument("--json", type=Path)
    asked = given.parse_args()
    chromium = os.environ.get("CHROMIUM_PATH") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=_ARGUMENTS)
        empty, page = (browser.new_context(viewport=_VIEW).new_page() for _ in range(2))  # type: ignore[arg-type]
        empty.set_content(_EMPTY)
        page.goto(f"{asked.url}/?{urlencode({'catalogue': asked.catalogue, 'q': asked.query})}")
        page.wait_for_selector(".cell[data-image=there]")
        sessions = {"page": (page, _opened(page)), "empty page": (empty, _opened(empty))}
        results: dict[str, Any] = {"images": page.inner_text("#total-count"), "runs": {}}
        for how, speed in _SPEEDS.items():
            runs: dict[str, list[dict[str, float]]] = {name: [] for name in sessions}
            for _ in range(asked.repeats):
                for name, (one, session) in sessions.items():
                    one.bring_to_front()
                    runs[name].append(measured(one, session, speed))
            results["runs"][how] = {name: _medians(found) for name, found in runs.items()}
        browser.close()
    print(f"{results['images']} images; medians of {asked.repeats} scrolls of {_SECONDS:g} s, in turns\n")
    print("| scrolled | page | frames | dropped | busy | " + " | ".join(f"{name} ms" for name in _STEPS) + " |")
    print("| --- | --- | ---: | ---: | ---: | " + " | ".join("---:" for _ in _STEPS) + " |")
    for how, found in results["runs"].items():
        for name, run in found.items():
            steps = " | ".join(f"{run[f'{step} ms']:.2f}" for step in _STEPS)
            print(f"| {how} | {name} | {run['frames']:.0f} | {run['dropped']:.1%} | {run['busy']:.1%} | {steps} |")
    if asked.json:
        asked.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
