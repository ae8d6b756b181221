"""Strict reading of JSON bodies."""

from __future__ import annotations

import json
from contextlib import nullcontext
from typing import Any, NoReturn

from flask import Request
from werkzeug.exceptions import UnsupportedMediaType

from clip_branches.errors import InvalidInput


class StrictRequest(Request):
    """A request whose JSON body is an object in proper JSON, or an error that says what is wrong.

    Flask's own reading turns malformed JSON into None, accepts NaN, and lets deep nesting escape as RecursionError.
    Asking for the content type application/json also keeps foreign pages from posting here without a CORS preflight.
    """

    def get_data(self, *args: Any, **kwargs: Any) -> Any:
        """The body; where the server bounds the time to receive one (service/worker.py), it is there in time."""
        with self.environ.get("clip_branches.receiving", nullcontext)():
            return super().get_data(*args, **kwargs)

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:
        if not (force or self.is_json):
            raise UnsupportedMediaType("The 'Content-Type' of a request body must be application/json.")
        try:
            body = json.loads(self.get_data(cache=cache), parse_constant=_refuse_constant)
        except RecursionError as error:
            raise InvalidInput("The request body is nested too deeply.") from error
        except ValueError as error:
            raise InvalidInput(f"The request body must be valid JSON: {_brief(error)}.") from error
        if not isinstance(body, dict):
            raise InvalidInput(f"The request body must be a JSON object. Got a {_json_type(body)} instead.")
        return body


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _brief(error: ValueError) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__


def _json_type(value: object) -> str:
    names = {list: "list", str: "string", bool: "boolean", int: "number", float: "number", type(None): "null"}
    return names.get(type(value), type(value).__name__)
