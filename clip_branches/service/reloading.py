"""A reload without a dropped or delayed request: SIGHUP to gunicorn's first process.

By itself gunicorn starts new workers and ends the old ones at once; the new ones then still open their catalogues, and
answer 503 or not at all meanwhile. Here the old workers go on until a new one can serve: the new worker accepts no
connection before that, and then asks the first process, by SIGTTOU, to let the oldest worker finish and go.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

from clip_branches.errors import ClipBranchesError

READY_WITHIN_S = 120.0
_LOOK_S = 0.1


def reload_hooks(load_settings: Callable[[], object]) -> dict[str, Any]:
    """Gunicorn's hooks for it. ``load_settings`` raises one of the project's errors for settings that cannot be."""
    to_replace = 0

    def on_reload(server: Any) -> None:
        nonlocal to_replace
        try:
            load_settings()
        except ClipBranchesError as error:
            # A worker that cannot load ends the whole server: no new one is started, and the old settings stay.
            server.log.error("The reload is refused, and everything goes on as it was: %s", error.message)
            server.cfg.set("workers", 0)
            server.num_workers = len(server.WORKERS)
            return
        to_replace = server.cfg.workers
        server.num_workers = len(server.WORKERS) + to_replace

    def pre_fork(server: Any, worker: Any) -> None:
        nonlocal to_replace
        worker.takes_over = to_replace > 0
        to_replace -= int(worker.takes_over)

    def post_worker_init(worker: Any) -> None:
        if not worker.takes_over:
            return
        # The app itself, not what the worker has put around it.
        readiness = worker.app.wsgi().extensions["readiness"]
        deadline = time.monotonic() + READY_WITHIN_S
        while worker.alive and (reasons := readiness()):
            if time.monotonic() > deadline:
                worker.log.error("A new worker takes over although it is not ready: %s", " ".join(reasons))
                break
            worker.notify()
            time.sleep(_LOOK_S)
        os.kill(worker.ppid, signal.SIGTTOU)

    return {"on_reload": on_reload, "pre_fork": pre_fork, "post_worker_init": post_worker_init}
