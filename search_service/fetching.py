"""Images by their address, fetched so that a caller cannot make this service speak to what only it can reach.

Off unless the settings say otherwise. For the first address, and for each that it redirects to: the scheme is http or
https, every IP address that the name resolves to is public, and the connection is made to an address that was checked,
so that a name that resolves to something else a moment later (DNS rebinding) gains nothing. Time, size, kind and the
number of redirects are limited; no proxy, cookie or password is used.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

from clip_branches import __version__
from clip_branches.errors import InvalidInput, TooLarge, UnsupportedImage

MAX_REDIRECTS = 4
MAX_ADDRESS = 2_000
KINDS = ("image/jpeg", "image/png", "image/webp", "image/gif")
_PORTS = {"http": 80, "https": 443}
_MOVED = (301, 302, 303, 307, 308)
_PIECE = 64 * 1024
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# Not of the open internet any more, or never, though the standard library calls them global.
_FURTHER = [ipaddress.ip_network(network) for network in ("192.0.0.0/24", "192.88.99.0/24", "fec0::/10")]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], list[str]]


def resolve(host: str, port: int) -> list[str]:
    """The IP addresses of a host, as the system finds them; OSError where there are none."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def is_public(address: Address) -> bool:
    """Whether an address is one of the open internet; an IPv4 address that an IPv6 address stands for is looked at."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if address in _NAT64:
            inner.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if any(one is not None and not is_public(one) for one in inner):
            return False
        if address.ipv4_mapped is not None:
            return True
    if any(address in network for network in _FURTHER):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


@dataclass(frozen=True)
class Fetcher:
    """Fetches images from public addresses; every refusal is an InvalidInput that names the field 'image_url'.

    ``timeout_s`` bounds the whole of a fetch, redirects and slow bodies included; ``max_bytes`` the body. ``allowed``
    and ``resolve`` say which IP addresses may be spoken to, and how names become such.
    """

    timeout_s: float = 10.0
    max_bytes: int = 20 * 1024 * 1024
    allowed: Callable[[Address], bool] = is_public
    resolve: Resolve = resolve

    def fetch(self, url: str) -> bytes:
        """The bytes of the image at ``url``.

        Raises TooLarge over ``max_bytes``, UnsupportedImage for another content type than that of an image that can be
        read, and InvalidInput for an address that is not public, an answer other than 200, and running out of time.
        """
        deadline = time.monotonic() + self.timeout_s
        for _ in range(MAX_REDIRECTS + 1):
            parts = _checked(url)
            try:
                with self._answer(parts, deadline) as answer:
                    if answer.status not in _MOVED:
                        return self._body(answer, url)
                    url = urljoin(url, answer.getheader("Location") or "")
            except (OSError, http.client.HTTPException, ValueError) as error:
                late = time.monotonic() >= deadline  # what was cut off may look like any other fault
                if isinstance(error, InvalidInput) and not late:
                    raise
                why = f"it took over {self.timeout_s:g} s" if late else str(error) or type(error).__name__
                raise _refused(f"The image at {_shown(url)} cannot be fetched: {why}.") from error
        raise _refused(f"The 'image_url' must lead to an image within {MAX_REDIRECTS} redirects. Got more.")

    @contextmanager
    def _answer(self, parts: SplitResult, deadline: float) -> Iterator[http.client.HTTPResponse]:
        """The answer to a GET, over a connection that is cut at the deadline whatever the other side does."""
        host, port = str(parts.hostname), parts.port or _PORTS[parts.scheme]
        address = self._public_address(host, port)
        line = socket.create_connection((address, port), timeout=max(0.001, deadline - time.monotonic()))
        lines = [line]
        # A timeout of a socket is one of each read: a server that sends a byte a second would never run into it.
        cut = threading.Timer(max(0.0, deadline - time.monotonic()), lambda: _shut(lines[-1]))
        cut.daemon = True
        cut.start()
        try:
            if parts.scheme == "https":
                context = ssl.create_default_context()
                lines.append(context.wrap_socket(line, server_hostname=host, do_handshake_on_connect=False))
                lines[-1].do_handshake()  # type: ignore[attr-defined]
            connection = http.client.HTTPConnection(host, port)
            connection.sock = lines[-1]
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            headers = {"Accept": ", ".join(KINDS), "Accept-Encoding": "identity", "Connection": "close"}
            connection.request("GET", target, headers={**headers, "User-Agent": f"clip-branches/{__version__}"})
            yield connection.getresponse()
            if time.monotonic() >= deadline:
                raise TimeoutError("the time is up")
        finally:
            cut.cancel()
            for one in lines:
                one.close()

    def _public_address(self, host: str, port: int) -> str:
        """An address of the host to connect to: the first, if all of them may be spoken to."""
        try:
            found = [ipaddress.ip_address(one.partition("%")[0]) for one in self.resolve(host, port)]
        except (OSError, UnicodeError) as error:
            raise _refused(
                f"The 'image_url' must name a host that can be found. Got {host[:200]!r} instead."
            ) from error
        if not found or not all(self.allowed(one) for one in found):
            raise _refused(
                f"The 'image_url' must be at a public address. {host[:200]!r} is at a private, local or reserved one."
            )
        return str(found[0])

    def _body(self, answer: http.client.HTTPResponse, url: str) -> bytes:
        if answer.status != 200:
            raise _refused(f"The image at {_shown(url)} cannot be fetched: it answers {answer.status} {answer.reason}.")
        kind = (answer.getheader("Content-Type") or "").partition(";")[0].strip().lower()
        if kind not in KINDS:
            raise UnsupportedImage(
                f"The 'image_url' must lead to an image of type {', '.join(KINDS)}. "
                f"{_shown(url)} is {kind[:80] or 'of none'}.",
                field="image_url",
            )
        length = answer.length or 0
        pieces, size = [], 0
        while size <= self.max_bytes and length <= self.max_bytes:
            piece = answer.read1(_PIECE)
            if not piece:
                if size < length:
                    raise _refused(f"The image at {_shown(url)} cannot be fetched: it ends after {size:,} bytes.")
                return b"".join(pieces)
            pieces.append(piece)
            size += len(piece)
        raise TooLarge(
            f"The image at 'image_url' must have at most {self.max_bytes:,} bytes. {_shown(url)} has more.",
            field="image_url",
        )


def _checked(url: str) -> SplitResult:
    """The parts of an address that may be asked for at all."""
    if len(url) > MAX_ADDRESS or not url.isascii() or any(sign <= " " or sign == "\x7f" for sign in url):
        raise _refused(
            f"The 'image_url' must be at most {MAX_ADDRESS:,} ASCII characters without spaces, others as %20 "
            f"and the like. Got {_shown(url)} instead."
        )
    try:
        parts = urlsplit(url)
        known = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        known = False
    if not known:
        raise _refused(
            f"The 'image_url' must begin with http:// or https:// and name a host. Got {_shown(url)} instead."
        )
    if parts.username is not None or parts.password is not None:
        raise _refused("The 'image_url' must hold no user name and no password.")
    return parts


def _shut(line: socket.socket) -> None:
    """Ends a connection under whoever reads it; already ended is fine."""
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)


def _refused(message: str) -> InvalidInput:
    return InvalidInput(message, field="image_url")


def _shown(url: str) -> str:
    return repr(url if len(url) <= 200 else url[:200] + "…")
