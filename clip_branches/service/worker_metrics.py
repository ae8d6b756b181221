"""Metrics of several worker processes: files that all of them write, and any of them reads."""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import Any

from clip_branches.service.metrics import MULTIPROCESS


def worker_metrics(workers: int) -> dict[str, Any]:
    """Gunicorn's hooks for it; none for one worker, whose counts lie in its memory."""
    if workers == 1:
        return {}
    # Before any worker imports prometheus_client, which reads the variable then.
    folder = os.environ[MULTIPROCESS] = tempfile.mkdtemp(prefix="clip-branches-metrics-")

    def child_exit(server: Any, worker: Any) -> None:
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]

    def on_exit(server: Any) -> None:
        shutil.rmtree(folder, ignore_errors=True)

    return {"child_exit": child_exit, "on_exit": on_exit}
