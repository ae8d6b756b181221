"""Known vulnerabilities of the pinned packages, by pip-audit: ``python -m checks.audit``.

Ends with 1 where there are any. Where no database can be asked, it says so in one line and ends with 0: that is not a
finding, and a machine without a way out must be able to check everything else.
"""

from __future__ import annotations

import json
import subprocess  # nosec B404 - of our own commands, never through a shell
import sys
from collections.abc import Sequence
from typing import NamedTuple

REQUIREMENTS = ("requirements.txt", "requirements-dev.txt")
TIMEOUT_S = 60
_NO_WAY_OUT = (
    "ConnectionError",
    "ConnectTimeout",
    "ReadTimeout",
    "Max retries",
    "NameResolution",
    "timed out",
    "ServiceError",
)


class Verdict(NamedTuple):
    """What to say, and the exit status."""

    text: str
    status: int


def run(requirements: Sequence[str] = REQUIREMENTS, *, timeout_s: float = TIMEOUT_S) -> Verdict:
    """Asks for every pinned package; the environment is neither changed nor resolved."""
    command = [sys.executable, "-m", "pip_audit", "--no-deps", "--disable-pip", "--timeout", "5", "-f", "json"]
    command += ["--progress-spinner", "off", *(word for name in requirements for word in ("-r", name))]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)  # nosec B603
    except subprocess.TimeoutExpired:
        return _unasked(f"no answer in {timeout_s:g} s")
    return verdict(done.stdout, done.stderr, done.returncode)


def verdict(output: str, errors: str, status: int) -> Verdict:
    """What pip-audit found, from its output."""
    try:
        packages = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        if any(word in errors for word in _NO_WAY_OUT):
            return _unasked("the database cannot be reached")
        return Verdict(f"pip-audit failed ({status}): {errors.strip()[-2_000:]}", 1)
    found = [(package, fault) for package in packages for fault in package.get("vulns", ())]
    if found:
        lines = [
            f"{package['name']} {package['version']}: {fault['id']}, mended in {fault.get('fix_versions') or 'none'}"
            for package, fault in found
        ]
        return Verdict("\n".join(lines), 1)
    asked = [package for package in packages if "skip_reason" not in package]
    if not asked:
        return _unasked(f"the index knows nothing of the {len(packages)} packages")
    return Verdict(f"pip-audit: no known vulnerability in {len(asked)} of {len(packages)} packages.", 0)


def _unasked(why: str) -> Verdict:
    return Verdict(f"pip-audit: not audited, {why}. Run it where there is a way out.", 0)


def main() -> int:
    """The command."""
    said = run()
    sys.stdout.write(said.text + "\n")
    return said.status


if __name__ == "__main__":
    sys.exit(main())
