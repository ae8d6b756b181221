"""Downloads from a local server: images a second beside plain requests, and memory over many links.

    python -m benchmarks.download [--count 3000] [--plain 500] [--latency-ms 0,50] [--memory 100000] [--json FILE]

The server is a process of its own that answers after the given latency. "plain" is a loop of requests.get, one after
the other, that writes each answer to a file and checks nothing; "session" keeps its connection. Ours decodes every
image, writes image, text and facts, and keeps a journal.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pyarrow as pa
import requests
from PIL import Image

from preprocessing.download.fetch import Limits
from preprocessing.download.options import DownloadOptions
from preprocessing.download.run import Downloader

PICTURES = 64
SIDE = 256


def pictures(side: int) -> list[bytes]:
    """Noise of several scales: JPEG files as large as photos of that size."""
    generator = np.random.default_rng(0)
    files = []
    for _ in range(PICTURES):
        coarse = Image.fromarray(generator.integers(0, 256, (side // 8, side // 8, 3), dtype=np.uint8))
        image = coarse.resize((side, side), Image.Resampling.BICUBIC)
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=88)
        files.append(buffer.getvalue())
    return files


def serve(pipe: Connection, latency_s: float, side: int) -> None:
    """Answer GET /<number> for ever, and tell the port through ``pipe``."""
    files = pictures(side)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                number = int(head.split(b" ", 2)[1].lstrip(b"/") or 0)
                await asyncio.sleep(latency_s)
                content = files[number % PICTURES]
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(content)
                    + content
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def run() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


@contextmanager
def serving(latency_s: float, side: int = SIDE) -> Iterator[str]:
    """The server's address, while the block runs."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, latency_s, side), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()


def plain(urls: list[str], folder: Path, *, session: bool) -> float:
    """Images a second of a loop over requests.get."""
    get = requests.Session().get if session else requests.get
    started = time.perf_counter()
    for number, url in enumerate(urls):
        (folder / f"{number}.jpg").write_bytes(get(url, timeout=10).content)
    return len(urls) / (time.perf_counter() - started)


def links(base: str, count: int, batch: int = 10_000) -> Iterator[pa.Table]:
    """Links as a table gives them, batch by batch."""
    for start in range(0, count, batch):
        numbers = range(start, min(start + batch, count))
        yield pa.table({"url": [f"{base}/{n}" for n in numbers], "caption": [f"picture number {n}" for n in numbers]})


def ours(base: str, count: int, folder: Path, connections: int) -> tuple[float, float]:
    """Images a second, and seconds of processor time an image."""
    options = DownloadOptions(threads=connections, per_host=connections)
    started, processor = time.perf_counter(), time.process_time()
    outcome = Downloader(folder, options, Limits()).run(links(base, count))
    seconds = time.perf_counter() - started
    if outcome.stored != count:
        raise SystemExit(f"only {outcome.stored} of {count} images arrived: {outcome.failures[:3]}")
    return count / seconds, (time.process_time() - processor) / count


def resident_mb() -> float:
    """Resident memory of this process, in MB."""
    with Path("/proc/self/statm").open() as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def memory(count: int, connections: int) -> dict[str, object]:
    """Resident memory as ``count`` links are fetched, a sample for every tenth of them."""
    samples: list[float] = []
    done = 0

    def finished(more: int) -> None:
        nonlocal done
        if (done + more) * 10 // count > done * 10 // count:
            samples.append(round(resident_mb(), 1))
        done += more

    with serving(0.0, 64) as base, tempfile.TemporaryDirectory() as folder:
        options = DownloadOptions(threads=connections, per_host=connections)
        started = time.perf_counter()
        Downloader(Path(folder), options, Limits(), finished=finished).run(links(base, count))
        rate = count / (time.perf_counter() - started)
    return {"links": count, "images_per_second": round(rate, 1), "resident_mb": samples}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=3_000)
    parser.add_argument("--plain", type=int, default=500)
    parser.add_argument("--latency-ms", default="0,50")
    parser.add_argument("--connections", default="8,32")
    parser.add_argument("--memory", type=int, default=0, help="links of the memory test; 0 leaves it out")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    results: dict[str, object] = {"processors": os.cpu_count(), "load": os.getloadavg()[0], "runs": []}
    runs: list[dict[str, object]] = []
    for latency in (float(text) for text in given.latency_ms.split(",")):
        with serving(latency / 1000) as base, tempfile.TemporaryDirectory() as folder:
            urls = [f"{base}/{number}" for number in range(given.plain)]
            rates = {}
            for name, session in (("plain", False), ("session", True)):
                (Path(folder) / name).mkdir()
                rates[name] = plain(urls, Path(folder) / name, session=session)
                print(f"latency {latency:g} ms  {name:8} {rates[name]:8.0f} images/s")
                runs.append({"latency_ms": latency, "how": name, "images_per_second": round(rates[name], 1)})
            for connections in (int(text) for text in given.connections.split(",")):
                rate, processor = ours(base, given.count, Path(folder) / f"ours{connections}", connections)
                print(
                    f"latency {latency:g} ms  ours {connections:3} {rate:8.0f} images/s  "
                    f"{rate / rates['plain']:.1f} x plain, {rate / rates['session']:.1f} x session, "
                    f"{1000 * processor:.2f} ms of processor time an image"
                )
                run = {"latency_ms": latency, "how": f"ours {connections}", "images_per_second": round(rate, 1)}
                runs.append({**run, "processor_ms": round(1000 * processor, 3)})
    results["runs"] = runs
    if given.memory:
        results["memory"] = memory(given.memory, 32)
        print(f"memory: {results['memory']}")
    if given.json:
        given.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
