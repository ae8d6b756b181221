"""Clients that are slow, rude or gone, over plain sockets; and what a service's metrics say of them."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import psutil
import requests


def connect(url: str) -> socket.socket:
    """A connection to the service at ``url``."""
    parts = urlsplit(url)
    return socket.create_connection((str(parts.hostname), parts.port or 80), timeout=120)


def request_of(method: str, path: str, body: bytes = b"", length: int | None = None, more: str = "") -> bytes:
    """A request; ``length``: the body's as it is told."""
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{more}"
    if body or length:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body) if length is None else length}\r\n"
    return head.encode() + b"\r\n" + body


def answer_to(line: socket.socket) -> str:
    """All that a connection says until it ends."""
    pieces = []
    while True:
        try:
            piece = line.recv(65_536)
        except ConnectionResetError:
            break
        if not piece:
            break
        pieces.append(piece)
    return b"".join(pieces).decode("latin-1")


def metric(url: str, name: str, **labels: str) -> float:
    """The sum of a metric over all lines that have these labels."""
    total = 0.0
    for line in requests.get(f"{url}/metrics", timeout=60).text.splitlines():
        found = re.fullmatch(rf"{name}(?:\{{(.*)\}})? (\S+)", line)
        if found and all(f'{label}="{value}"' in (found[1] or "") for label, value in labels.items()):
            total += float(found[2])
    return total


def wait_until(condition: Callable[[], bool], seconds: float = 200) -> float:
    """Until the condition holds; how long that took. No machine is so slow: it bounds what would never come."""
    begun = time.monotonic()
    while not condition():
        if time.monotonic() - begun > seconds:
            raise TimeoutError("it never came true")
        time.sleep(0.02)
    return time.monotonic() - begun


def cpu_seconds(pid: int) -> float:
    """Processor time that a process and its children have used so far."""
    process = psutil.Process(pid)
    times = [one.cpu_times() for one in [process, *process.children(recursive=True)]]
    return sum(time.user + time.system for time in times)
