"""The checked fetcher against a real server that misbehaves."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from clip_branches.errors import InvalidInput, TooLarge, UnsupportedImage
from search_service.fetching import Fetcher, is_public

PNG = b"\x89PNG and so on" * 400
HERE = ipaddress.ip_address("127.0.0.1")


class Misbehaving(BaseHTTPRequestHandler):
    asked: list[tuple[str, str | None]]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        type(self).asked.append((self.path, self.headers.get("Host")))
        name, _, rest = self.path[1:].partition("?")
        with suppress(BrokenPipeError, ConnectionResetError):
            getattr(self, f"_{name}")(rest)

    def _answer(self, status: int = 200, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        for header, value in headers.items():
            self.send_header(header.replace("_", "-"), value)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.send_header("Connection", "close")
        self.end_headers()

    def _image(self, _: str) -> None:
        self._answer(Content_Type="image/png; charset=x", length=len(PNG))
        self.wfile.write(PNG)

    def _chunked(self, _: str) -> None:
        self._answer(Content_Type="image/png", Transfer_Encoding="chunked")
        for start in range(0, len(PNG), 1_000):
            piece = PNG[start : start + 1_000]
            self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def _page(self, _: str) -> None:
        self._answer(Content_Type="text/html", length=2)
        self.wfile.write(b"hi")

    def _untold(self, _: str) -> None:
        self._answer(length=len(PNG))
        self.wfile.write(PNG)

    def _gone(self, _: str) -> None:
        self._answer(404, length=0)

    def _to(self, target: str) -> None:
        self._answer(302, Location=target, length=0)

    def _nowhere(self, _: str) -> None:
        self._answer(302, length=0)

    def _endless(self, _: str) -> None:
        self._answer(Content_Type="image/png")
        while True:
            self.wfile.write(PNG)

    def _boasting(self, _: str) -> None:
        self._answer(Content_Type="image/png", length=10**12)
        self.wfile.write(PNG)

    def _short(self, _: str) -> None:
        self._answer(Content_Type="image/png", length=10 * len(PNG))
        self.wfile.write(PNG)

    def _dripping(self, _: str) -> None:
        self._answer(Content_Type="image/png", length=len(PNG))
        for sign in PNG:
            self.wfile.write(bytes([sign]))
            time.sleep(0.05)

    def _dripping_head(self, _: str) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for number in range(1_000):
            self.wfile.write(f"X-{number}: x\r\n".encode())
            time.sleep(0.05)

    def _silent(self, _: str) -> None:
        time.sleep(3)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    Misbehaving.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Misbehaving) as running:
        running.daemon_threads = True
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture
def url(server: ThreadingHTTPServer) -> str:
    return f"http://images.example:{server.server_port}"


@pytest.fixture
def fetcher() -> Fetcher:
    """127.0.0.1 stands for a public address under any name that ends in .example; all else is judged as it is."""

    def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.1"] if host.endswith(".example") else [host]

    return Fetcher(timeout_s=2, max_bytes=100_000, allowed=lambda one: one == HERE or is_public(one), resolve=resolve)


@pytest.mark.parametrize("path", ["/image", "/chunked", "/to?/image", "/to?/to?/image"])
def test_an_image_is_fetched(fetcher: Fetcher, url: str, path: str) -> None:
    assert fetcher.fetch(url + path) == PNG
    assert {host for _, host in Misbehaving.asked} == {url.removeprefix("http://")}


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("::ffff:8.8.8.8", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1", False),
        ("fc00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("2001:db8::1", False),
    ],
)
def test_only_addresses_of_the_open_internet_are_public(address: str, public: bool) -> None:
    assert is_public(ipaddress.ip_address(address)) is public


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "127.1", "2130706433", "0x7f.1"]
)
def test_this_machine_is_not_asked(server: ThreadingHTTPServer, host: str) -> None:
    with pytest.raises(InvalidInput, match=r"public|found") as caught:
        Fetcher(timeout_s=2).fetch(f"http://{host}:{server.server_port}/image")
    assert caught.value.field == "image_url"
    assert Misbehaving.asked == []


@pytest.mark.parametrize(
    "target", ["http://127.0.0.2:{port}/image", "//127.0.0.2:{port}/image", "http://[::1]:{port}/"]
)
def test_a_redirect_to_a_private_address_is_not_followed(
    fetcher: Fetcher, server: ThreadingHTTPServer, url: str, target: str
) -> None:
    with pytest.raises(InvalidInput, match="public address"):
        fetcher.fetch(f"{url}/to?{target.format(port=server.server_port)}")
    assert len(Misbehaving.asked) == 1


def test_one_private_address_among_public_ones_is_enough_to_refuse(fetcher: Fetcher, url: str) -> None:
    both = replace(fetcher, resolve=lambda host, port: ["127.0.0.1", "10.0.0.1"])
    with pytest.raises(InvalidInput, match="public address"):
        both.fetch(url + "/image")


def test_the_address_that_was_checked_is_the_one_that_is_asked(fetcher: Fetcher, url: str) -> None:
    """A name that is public when it is looked up, and private when it is looked up again."""
    answers = [["127.0.0.1"], ["127.0.0.2"], ["127.0.0.2"]]
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return answers[len(asked) - 1]

    assert replace(fetcher, resolve=rebinding).fetch(url + "/image") == PNG
    assert asked == ["images.example"]
    with pytest.raises(InvalidInput, match="public address"):  # and each redirect is looked up, and checked, anew
        replace(fetcher, resolve=lambda host, port: answers.pop(0)).fetch(url + "/to?/image")


@pytest.mark.parametrize(
    ("path", "error", "says"),
    [
        ("/page", UnsupportedImage, "text/html"),
        ("/untold", UnsupportedImage, "of none"),
        ("/gone", InvalidInput, "404"),
        ("/endless", TooLarge, "100,000"),
        ("/boasting", TooLarge, "100,000"),
        ("/short", InvalidInput, "ends after|more expected"),
        ("/to?file:///etc/passwd", InvalidInput, "http://"),
        ("/to?/to?/to?/to?/to?/to?/image", InvalidInput, "redirects"),
    ],
)
def test_what_is_no_image_of_a_decent_size_is_refused(
    fetcher: Fetcher, url: str, path: str, error: type[InvalidInput], says: str
) -> None:
    with pytest.raises(error, match=says) as caught:
        fetcher.fetch(url + path)
    assert caught.value.field == "image_url"


@pytest.mark.parametrize("path", ["/dripping", "/dripping_head", "/silent"])
def test_the_whole_of_a_fetch_has_one_deadline(fetcher: Fetcher, url: str, path: str) -> None:
    begun = time.monotonic()
    with pytest.raises(InvalidInput, match="took over"):
        replace(fetcher, timeout_s=0.5).fetch(url + path)
    assert time.monotonic() - begun < 2.5


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd",
        "ftp://images.example/a.png",
        "images.example/a.png",
        "http://",
        "http://user:secret@images.example/a.png",
        "http://images.example/a b.png",
        "http://images.example/a\r\nHost: other",
        "http://images.example:99999/",
        "http://[broken/",
        "http://images.example/" + "a" * 3_000,
        "",
    ],
)
def test_addresses_that_are_none_are_refused(fetcher: Fetcher, address: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        fetcher.fetch(address)
    assert caught.value.field == "image_url"
    assert "secret" not in caught.value.message


def test_encrypted_connections_need_a_certificate_of_that_name(fetcher: Fetcher, server: ThreadingHTTPServer) -> None:
    with pytest.raises(InvalidInput, match="cannot be fetched"):
        fetcher.fetch(f"https://images.example:{server.server_port}/image")
