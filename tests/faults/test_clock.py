"""The clock of the machine jumps a day ahead and two days back while the services run."""

from __future__ import annotations

import shutil
import struct
import subprocess
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
import requests

from tests.faults.fleet import NAME, Fleet, until
from tests.pipeline.support import Preprocessing

pytestmark = pytest.mark.slow
DAY_S = 86_400


# libfaketime 0.9.10 breaks Python's own sleep (clock_nanosleep to a monotonic moment), so this is the little that a
# clock on the wall is: who asks is told the machine's time and an offset, which any process may change at any moment.
_CLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static volatile int64_t *offset;
__attribute__((constructor)) static void open_offset(void) {
    int file = open(getenv("CLOCK_OFFSET"), O_RDONLY | O_CLOEXEC);
    void *place = file < 0 ? MAP_FAILED : mmap(0, 8, PROT_READ, MAP_SHARED, file, 0);
    if (place != MAP_FAILED) offset = place;
    if (file >= 0) close(file);
}
int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int told = real(clock, now);
    if (!told && offset && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += *offset;
    return told;
}
int gettimeofday(struct timeval *now, void *zone) {
    struct timespec fine;
    if (clock_gettime(CLOCK_REALTIME, &fine)) return -1;
    now->tv_sec = fine.tv_sec;
    now->tv_usec = fine.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *now) {
    struct timespec fine;
    clock_gettime(CLOCK_REALTIME, &fine);
    if (now) *now = fine.tv_sec;
    return fine.tv_sec;
}
"""


def movable_clock(folder: Path) -> str:
    """The library that moves the clock of a process; skips where it cannot be made."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("there is no C compiler to make a clock that can be moved")
    source, library = folder / "clock.c", folder / "clock.so"
    source.write_text(_CLOCK)
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    return str(library)


def test_jumps_of_the_clock(own_data: Path, fault_models: Path, tmp_path: Path, fleet: Callable[..., Fleet]) -> None:
    clock = tmp_path / "clock"
    clock.write_bytes(bytes(8))

    def jump(seconds: int) -> None:
        with clock.open("r+b") as file:
            file.write(struct.pack("q", seconds))

    running = fleet(
        LD_PRELOAD=movable_clock(tmp_path),
        CLOCK_OFFSET=str(clock),
        SEARCH_CATALOGUE_CHECK_S="0.3",
        DATA_CATALOGUE_CHECK_S="0.3",
    )
    known = running.found(text="red", positive=[1, 2, 3], negative=[9])
    told: list[float] = []
    for number, seconds in enumerate((DAY_S, -2 * DAY_S, 0), start=1):
        jump(seconds)
        until(lambda seconds=seconds: abs(_now(running) - time.time() - seconds) < 60)
        started = time.monotonic()
        assert running.found(text="red", positive=[1, 2, 3], negative=[9]) == known
        assert running.found(text=f"new {number}")["total"] == known_size(running)
        assert running.image(10 * number, width=320).status_code == 200
        assert running.save(f"jump {number}", known["result_set"]).status_code == 201
        running.becomes_ready()
        told.append(time.monotonic() - started)
        # A new generation is seen whatever the clock says.
        Preprocessing(fault_models, own_data)("delete", NAME, "--id", 200 + number)
        until(lambda number=number: known_size(running) == 240 - number)
        known = running.found(text="red", positive=[1, 2, 3], negative=[9])
    assert max(told) < 20  # what waits for a clock on the wall waits for a day
    assert sorted(running.saved()) == ["jump 1", "jump 2", "jump 3"]
    for service in ("search", "data", "web"):
        figures = running.metrics(service)
        assert all(value >= 0 for name, value in figures.items() if "_seconds_sum" in name)
    running.kill("web")
    running.start("web")
    running.wait_until_ready()
    assert len(running.saved()) == 3


def _now(running: Fleet) -> float:
    """The clock of the web service: the date that its answers carry."""
    return parsedate_to_datetime(requests.get(f"{running.url}/livez", timeout=60).headers["Date"]).timestamp()


def known_size(running: Fleet) -> int:
    answer = requests.get(f"{running.url}/api/catalogues", timeout=60).json()
    return int(answer["catalogues"][0]["size"])
