"""What a worker process uses of its machine: memory, processor time and file handles."""

from __future__ import annotations

import os
import resource
import threading
import time
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge

_SELF = Path("/proc/self")


class ProcessFigures:
    """The figures of prometheus_client's own collector, which has none of several processes; their sums here.

    Where there is no /proc, memory and handles stay away, and the rest is told.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, text: str, mode: str) -> Gauge:
            return Gauge(name, text, registry=registry, multiprocess_mode=mode)  # type: ignore[arg-type]

        self._resident = gauge("process_resident_memory_bytes", "Memory at hand, of all workers.", "livesum")
        self._open = gauge("process_open_fds", "File handles of the worker that has the most.", "livemax")
        self._most = gauge("process_max_fds", "File handles that a worker may have.", "livemin")
        self._threads = gauge("process_threads", "Threads, of all workers.", "livesum")
        self._cpu = Counter("process_cpu_seconds_total", "Processor time, of all workers.", registry=registry)
        gauge("process_start_time_seconds", "When the latest worker started.", "livemax").set(time.time())
        self._known_cpu = 0.0
        self._lock = threading.Lock()

    def refresh(self) -> None:
        """Read them again."""
        with self._lock:
            used = time.process_time()
            self._cpu.inc(max(0.0, used - self._known_cpu))
            self._known_cpu = used
            self._most.set(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
            self._threads.set(threading.active_count())
            try:
                pages = int((_SELF / "statm").read_text().split()[1])
                self._open.set(len(os.listdir(_SELF / "fd")))  # noqa: PTH208 - names alone
            except (OSError, ValueError):
                return
            self._resident.set(pages * os.sysconf("SC_PAGE_SIZE"))
