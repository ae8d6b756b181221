"""One command starts all three services, and Ctrl-C ends them: `python -m clip_branches.serve`."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import requests

from tests.running import ROOT, free_ports

COMMAND = [sys.executable, "-m", "clip_branches.serve"]


def environment(data_dir: Path, ports: list[int]) -> dict[str, str]:
    names = ("SEARCH_PORT", "DATA_PORT", "WEB_PORT")
    return {**os.environ, **dict(zip(names, map(str, ports), strict=True)), "DATA_DIR": str(data_dir)}


def wait_until_ready(process: subprocess.Popen[str], url: str) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[0]
        try:
            if requests.get(url, timeout=3).status_code == 200:
                return
        except requests.RequestException:
            pass
        time.sleep(0.2)
    raise AssertionError(f"{url} was not ready")


def wait_until_told(process: subprocess.Popen[str], words: str) -> None:
    """Returns when the process has written ``words``; the test's own time limit ends a wait for nothing."""
    assert process.stdout is not None
    written = []
    for line in process.stdout:
        written.append(line)
        if words in line:
            return
    raise AssertionError(f"{words} was never written:\n{''.join(written)}")


def test_ctrl_c_ends_all_three_and_leaves_the_ports_free(demo_data: Path) -> None:
    ports = free_ports(3)
    process = subprocess.Popen(
        COMMAND,
        cwd=ROOT,
        env=environment(demo_data, ports),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        wait_until_told(process, f"http://localhost:{ports[2]}")
        wait_until_ready(process, f"http://127.0.0.1:{ports[2]}/readyz")
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 0, output
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))


def test_a_taken_port_is_one_clear_line(tmp_path: Path) -> None:
    search, data, web = free_ports(3)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", web))
        taken.listen()
        done = subprocess.run(
            COMMAND,
            cwd=ROOT,
            env=environment(tmp_path, [search, data, web]),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.strip().splitlines()
    assert f"Port {web} of the web service" in line
    assert "WEB_PORT=" in line


def test_a_setting_that_cannot_be_is_one_clear_line(tmp_path: Path) -> None:
    done = subprocess.run(
        COMMAND,
        cwd=ROOT,
        env={**os.environ, "DATA_DIR": str(tmp_path), "SEARCH_PORT": "many"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert "'port'" in line
    assert "many" in line
