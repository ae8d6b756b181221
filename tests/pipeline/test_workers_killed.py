"""Worker processes whose parent is killed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path


def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    code = (
        "import os, signal, time\n"
        "from preprocessing.pool import map_pieces\n"
        "if __name__ == '__main__':\n"
        "    next(map_pieces(abs, [1] * 20, 2))\n"
        "    pieces = map_pieces(time.sleep, [60] * 4, 2)\n"
        "    import threading; threading.Timer(2, os.kill, (os.getpid(), signal.SIGKILL)).start()\n"
        "    next(pieces)\n"
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    started = time.monotonic()
    # The pipe is closed only when the workers, who inherit it, are gone too.
    result = subprocess.run([sys.executable, script], env=environment, capture_output=True, timeout=50)
    assert result.returncode == -9, result.stderr
    assert time.monotonic() - started < 40
