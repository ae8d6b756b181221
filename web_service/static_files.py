"""Scripts, styles and icons, under addresses that change with their content."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import re
from pathlib import Path

from flask import Request, Response, send_from_directory

_YEAR_S = 365 * 24 * 3600
_TEXT = (".js", ".css", ".svg")


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
    the relative imports between JavaScript modules carry it along and every file can be cached for ever.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        digest = hashlib.sha256()
        for path in paths:
            digest.update(path.relative_to(folder).as_posix().encode())
            digest.update(path.read_bytes())
        self._squeezed = {
            path.relative_to(folder).as_posix(): gzip.compress(path.read_bytes(), 9, mtime=0)
            for path in paths
            if path.suffix in _TEXT
        }
        self.version = digest.hexdigest()[:12]
        names = [path.relative_to(folder).as_posix() for path in paths]
        # What every visit needs; modules in folders below js/ are loaded when somebody asks for what they do.
        self.modules = [name for name in names if re.fullmatch(r"js/[^/]+\.js", name)]
        self.styles = [name for name in names if name.endswith(".css")]

    def url(self, name: str) -> str:
        """The address of one file, relative to the page."""
        return f"static/{self.version}/{name}"

    def send(self, version: str, name: str, request: Request) -> Response:
        """The file; only under the present version may it be kept for ever."""
        current = version == self.version
        if name in self._squeezed and request.accept_encodings["gzip"]:
            # Compressed once, when the service starts, not for every reader.
            response = Response(self._squeezed[name], mimetype=mimetypes.guess_type(name)[0])
            response.content_encoding = "gzip"
            response.set_etag(f"{self.version}-gzip")
            response.cache_control.max_age = _YEAR_S if current else 0
            response.make_conditional(request)
        else:
            response = send_from_directory(self._folder, name, max_age=_YEAR_S if current else 0)
        response.vary.add("Accept-Encoding")
        if current:
            response.cache_control.public = True
            response.cache_control.immutable = True
        return response
