"""A browser on a slow machine behind a slow network, for those who ask: which tests depend on how long things take?

``BROWSER_SLOWED=6 pytest tests/browser``: the page's scripts run six times slower, and whatever they ask of the API
takes up to two seconds more, half before it is sent and half before its answer is read, each time another while.
"""

from __future__ import annotations

import os

from playwright.sync_api import Page

SLOWED = float(os.environ.get("BROWSER_SLOWED") or 1)
PATIENCE = 1 if SLOWED == 1 else 3  # how much longer than usual everything may take

_MOST_MS = 2_000
_DELAYED = f"""(() => {{
  const [ask, patience] = [window.fetch, () => new Promise((go) => setTimeout(go, Math.random() * {_MOST_MS // 2}))];
  window.fetch = async (...request) => {{
    await patience();
    const response = await ask(...request);
    await patience();
    return response;
  }};
}})();"""


def slow_down(page: Page) -> None:
    """Slows a page that has not gone anywhere yet, if that is asked for."""
    if SLOWED == 1:
        return
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": SLOWED})
    page.add_init_script(_DELAYED)
