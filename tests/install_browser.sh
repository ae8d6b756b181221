#!/usr/bin/env bash
# Finds or installs a Chromium for the browser tests: one that is there, else Debian's package (as root), else
# Playwright's own. Without any, the browser tests are skipped and this says so; it never fails the run.
set -u

for name in chromium chromium-browser google-chrome; do
  command -v "$name" >/dev/null && exit 0
done
if [ -n "${CHROMIUM_PATH:-}" ] && [ -x "$CHROMIUM_PATH" ]; then exit 0; fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "Installing Chromium from the system's packages for the browser tests ..."
  if { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        chromium fonts-dejavu-core fonts-liberation; } >/dev/null 2>&1; then exit 0; fi
fi
echo "Installing Playwright's own Chromium for the browser tests ..."
playwright install chromium >/dev/null 2>&1 || echo "No Chromium could be installed: the browser tests will be skipped."
exit 0
