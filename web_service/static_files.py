"""Scripts, styles and icons, under addresses that change with their content."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from flask import Response, send_from_directory

_YEAR_S = 365 * 24 * 3600


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
        self.version = digest.hexdigest()[:12]
        names = [path.relative_to(folder).as_posix() for path in paths]
        # What every visit needs; modules in folders below js/ are loaded when somebody asks for what they do.
        self.modules = [name for name in names if re.fullmatch(r"js/[^/]+\.js", name)]
        self.styles = [name for name in names if name.endswith(".css")]

    def url(self, name: str) -> str:
        """The address of one file, relative to the page."""
        return f"static/{self.version}/{name}"

    def send(self, version: str, name: str) -> Response:
        """The file; only under the present version may it be kept for ever."""
        current = version == self.version
        response = send_from_directory(self._folder, name, max_age=_YEAR_S if current else 0)
        if current:
            response.cache_control.public = True
            response.cache_control.immutable = True
        return response
