"""Scripts, styles and icons, under addresses that change with their content."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from pathlib import Path

from flask import Request, Response, send_from_directory

from web_service.bundle import bundles

_YEAR_S = 365 * 24 * 3600
_TEXT = (".js", ".css", ".svg")
# One script a page, one style for all, one script before anything is painted: a visit waits for few files.
ENTRIES = ("js/main.js", "js/saved/main.js", "js/login.js")
STYLE = "css/page.css"
HEAD = "head.js"


def squeezed(response: Response, request: Request) -> Response:
    """The response with its text compressed, for a browser that reads it so."""
    response.vary.add("Accept-Encoding")
    if request.accept_encodings["gzip"]:
        response.set_data(gzip.compress(response.get_data(), 6, mtime=0))
        response.content_encoding = "gzip"
    return response


class StaticFiles:
    """The files of one folder, served below ``/static/<version>/``.

    The version is a digest of all files, taken once when the app is made. It stands in the path, not in a query, so
    the addresses that scripts and styles name carry it along and every file can be cached for ever. The modules below
    ``js/`` are served as the bundles that :mod:`web_service.bundle` makes of them, the sheets below ``css/`` as one.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        files = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        digest = hashlib.sha256()
        for name, content in files.items():
            digest.update(name.encode() + content)
        self.version = digest.hexdigest()[:12]
        modules = {name: text.decode() for name, text in files.items() if name.startswith("js/")}
        texts = {name: content for name, content in files.items() if name.endswith(_TEXT)}
        texts |= {name: text.encode() for name, text in bundles(modules, ENTRIES).items()}
        texts[STYLE] = b"".join(content for name, content in files.items() if name.endswith(".css"))
        texts[HEAD] = b"".join(content for name, content in files.items() if name.startswith("head/"))
        self._plain = texts
        # Compressed once, when the service starts, not for every reader.
        self._squeezed = {name: gzip.compress(content, 9, mtime=0) for name, content in texts.items()}

    def url(self, name: str) -> str:
        """The address of one file, relative to the page."""
        return f"static/{self.version}/{name}"

    def send(self, version: str, name: str, request: Request) -> Response:
        """The file; only under the present version may it be kept for ever."""
        current = version == self.version
        if name in self._plain:
            small = bool(request.accept_encodings["gzip"])
            content = (self._squeezed if small else self._plain)[name]
            response = Response(content, mimetype=mimetypes.guess_type(name)[0])
            if small:
                response.content_encoding = "gzip"
            response.set_etag(f"{self.version}-gzip" if small else self.version)
            response.cache_control.max_age = _YEAR_S if current else 0
            response.make_conditional(request)
        else:
            response = send_from_directory(self._folder, name, max_age=_YEAR_S if current else 0)
        response.vary.add("Accept-Encoding")
        if current:
            response.cache_control.public = True
            response.cache_control.immutable = True
        return response
