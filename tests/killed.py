"""Kill a real process at every step that it takes on the disk, one step further each time.

    python -m tests.killed MODULE FOLDER

MODULE has ``prepare(folder)``, ``work(folder)``, ``check(folder, finished)``, ``WITHIN``, the part of the folder in
which steps count, and ``PRELOAD``, what all of its processes import. For n = 1, 2, ... a copy of the prepared folder is
made, ``work`` runs in a process of its own, which is killed with SIGKILL just before its n-th change of a file or
folder within, and ``check`` looks at what is left; then the same work must go on from there. It ends with the first n
that ``work`` does not reach, and prints how many steps there were.
"""

from __future__ import annotations

import importlib
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

_CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate", "os.link", "os.symlink"}
_MOST = 400


def main(module: str, folder: Path) -> int:
    """Run all of it; returns the number of steps. Raises SystemExit with the reason when a check fails."""
    case = importlib.import_module(module)
    for name in case.PRELOAD:  # imported, not run: what a child does must not depend on threads of its parent
        importlib.import_module(name)
    template, copy = folder / "template", folder / "copy"
    if _in_child(lambda: case.prepare(template)) != 0:
        raise SystemExit("prepare failed")
    for step in range(1, _MOST):
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(template, copy, symlinks=True)
        status = _in_child(lambda step=step: (_kill_at(step, copy / case.WITHIN), case.work(copy)))
        if status not in (0, -signal.SIGKILL):
            raise SystemExit(f"step {step}: the work failed by itself")
        finished = status == 0
        if _in_child(lambda finished=finished: case.check(copy, finished)) != 0:
            raise SystemExit(f"step {step}: what the killed process left is not right")
        if finished:
            return step - 1
        if _in_child(lambda: (case.work(copy), case.check(copy, True))) != 0:
            raise SystemExit(f"step {step}: the same work does not go on after the kill")
    raise SystemExit(f"the work takes more than {_MOST} steps")


def _in_child(function: Callable[[], object]) -> int:
    child = os.fork()
    if child == 0:
        try:
            function()
        except BaseException:  # noqa: BLE001 - a child must never go on as its parent
            traceback.print_exc()
            os._exit(1)
        sys.stdout.flush()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _kill_at(step: int, folder: Path) -> None:
    left = [step]

    def count() -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if (event in _CHANGES or writes) and str(arguments[0]).startswith(str(folder)):
            count()

    def fsync(descriptor: int) -> None:
        if str(Path(f"/proc/self/fd/{descriptor}").readlink()).startswith(str(folder)):
            count()
        real_fsync(descriptor)

    real_fsync, os.fsync = os.fsync, fsync
    sys.addaudithook(hook)


if __name__ == "__main__":
    sys.stdout.write(f"{main(sys.argv[1], Path(sys.argv[2]))} steps\n")
