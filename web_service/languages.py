"""The words of the page, one file a language, and which of them a request wants."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from flask import Request

from clip_branches.errors import ConfigurationError

COOKIE = "language"
_FIRST = "en"
_PLACEHOLDER = re.compile(r"\{(\w+)\}")

# A message, or its forms by the plural categories of the language (CLDR: "one", "other", ...).
Message = str | dict[str, str]
Translate = Callable[..., str]


class Languages:
    """All message files of a folder: ``<code>.json`` is an object of messages by key, the same keys in each."""

    def __init__(self, folder: Path) -> None:
        self._messages: dict[str, dict[str, Message]] = {}
        for path in sorted(folder.glob("*.json"), key=lambda path: (path.stem != _FIRST, path.stem)):
            self._messages[path.stem] = json.loads(path.read_text(encoding="utf-8"))
        if _FIRST not in self._messages:
            raise ConfigurationError(f"The messages folder must hold {_FIRST}.json. Got {folder} instead.")

    @property
    def names(self) -> dict[str, str]:
        """The languages by their codes, each by its own name, the default one first."""
        return {code: str(messages["language.name"]) for code, messages in self._messages.items()}

    def messages(self, code: str) -> Mapping[str, Message]:
        return self._messages[code]

    def of(self, request: Request) -> str:
        """The language that was chosen in the page, or else the best of those that the browser asks for."""
        chosen = request.cookies.get(COOKIE)
        if chosen in self._messages:
            return chosen
        return request.accept_languages.best_match(list(self._messages), default=_FIRST) or _FIRST

    def translate(self, code: str) -> Translate:
        """``t(key, **values)`` for templates; forms of plurals are the browser's business, which counts."""
        messages = self._messages[code]

        def t(key: str, **values: str) -> str:
            message = messages[key]
            if not isinstance(message, str):
                raise ConfigurationError(f"The message {key!r} has plural forms: templates take plain ones only.")
            return _PLACEHOLDER.sub(lambda match: values[match[1]], message)

        return t
