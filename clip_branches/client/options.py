"""Options of the command line: what to search for, how an answer is handed from one command to the next."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, NoReturn

import click

from clip_branches.client.answer import Answer, checked
from clip_branches.client.client import DEFAULT_URL, Client, make_request
from clip_branches.errors import (
    ClipBranchesError,
    InvalidInput,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    ServiceUnavailable,
    TooManyRequests,
)
from clip_branches.schemas import SearchRequest, SearchResponse

Command = Callable[..., Any]

NOTHING_FOUND, WRONG_INPUT, AWAY, NOT_THERE, NOT_ALLOWED = 1, 2, 3, 4, 5


def fail(error: ClipBranchesError) -> NoReturn:
    """The error as one line on standard error, and the exit status that a script can tell it by."""
    refused = (NotAuthenticated, NotAllowed, TooManyRequests)
    kinds = ((NotFound, NOT_THERE), (InvalidInput, WRONG_INPUT), (ServiceUnavailable, AWAY), (refused, NOT_ALLOWED))
    click.echo(f"Error: {error.message}", err=True)
    sys.exit(next((code for kind, code in kinds if isinstance(error, kind)), WRONG_INPUT))


def where_option(command: Command) -> Command:
    return click.option(
        "--where", multiple=True, metavar="COLUMN:VALUE", help="Keep images for which it holds; may be repeated."
    )(command)


def platform_options(command: Command) -> Command:
    """Which platform, which catalogue."""
    options = (
        click.option(
            "--url", envvar="CLIP_BRANCHES_URL", default=DEFAULT_URL, show_default=True, show_envvar=True,
            help="Address of the page.",
        ),
        click.option(
            "--catalogue", "-c", envvar="CLIP_BRANCHES_CATALOGUE", show_envvar=True,
            help="Catalogue to search.  [default: the only one]",
        ),
        click.option(
            "--key-file", type=click.File(), help="File that holds the API key; - is standard input. CLIP_BRANCHES_KEY "
            "may hold the key itself.",
        ),
        click.option("--timeout", type=click.FloatRange(min=0, min_open=True), default=60.0, help="Seconds to wait."),
    )  # fmt: skip
    return reduce(lambda wrapped, option: option(wrapped), reversed(options), command)


def query_options(command: Command) -> Command:
    """What to look for."""
    options = (
        click.argument("text", required=False),
        click.option("--image", type=click.File("rb"), help="Example image: a file, or - for standard input."),
        click.option("--image-id", type=int, help="Example image: an id of the catalogue."),
        click.option("--image-url", help="Example image by its public address, where the service takes such."),
        click.option("--compose", "changes", multiple=True, metavar="TEXT[=WEIGHT]",
                     help="How what is wanted differs from the image: 'the boat is red'; may be repeated."),
        click.option("--less", multiple=True, metavar="TEXT[=WEIGHT]", help="Less of this than the image has."),
        click.option("--balance", type=click.FloatRange(0, 1), default=0.5, show_default=True,
                     help="With --compose: from 0, the image alone, to 1, the words alone."),
        click.option("--without", multiple=True, metavar="TEXT", help="What not to show; may be repeated."),
        click.option("--also", multiple=True, metavar="TEXT[=WEIGHT]", help="What to show as well; may be repeated."),
    )  # fmt: skip
    return reduce(lambda wrapped, option: option(wrapped), reversed(options), command)


def output_options(command: Command) -> Command:
    """What to print."""
    options = (
        click.option("--limit", "-n", type=click.IntRange(min=1), default=20, show_default=True, help="Most hits."),
        click.option("--all", "everything", is_flag=True, help="Every image of the answer."),
        click.option("--format", "-f", "form", type=click.Choice(["table", "jsonl", "ids", "answer"]),
                     help="'jsonl': a JSON object a line; 'answer': one JSON object that refine, export and why read.  "
                          "[default: table on a terminal, else jsonl]"),
        click.option("--items", is_flag=True, help="With captions, sizes and columns of the catalogue."),
    )  # fmt: skip
    return reduce(lambda wrapped, option: option(wrapped), reversed(options), command)


def query_of(*, image: Any, without: Sequence[str], also: Sequence[str], changes: Sequence[str] = (),
             less: Sequence[str] = (), balance: float = 0.5, **more: Any) -> SearchRequest:  # fmt: skip
    """The request that these options ask for."""
    content = None if image is None else image.read()
    terms = [_term(one) for one in also]
    if changes or less:
        compose = {"texts": [_term(one) for one in changes], "without": [_term(one) for one in less]}
        more["compose"] = {**compose, "balance": balance}
    return make_request(image=content, without=list(without), terms=terms, **more)


def saved_answer(client: Client, source: Any) -> Answer:
    """The answer in what ``--format answer`` wrote."""
    try:
        held = json.load(source)
        request, response = held["request"], held["response"]
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput(
            f"{getattr(source, 'name', 'The answer')} must hold what 'clip-branches search --format answer' wrote.",
            field="answer",
        ) from error
    return Answer(client, checked(SearchRequest, request), checked(SearchResponse, response))


def ids_of(texts: Sequence[str], files: Sequence[Any], name: str) -> list[int]:
    """Ids written as "17,204" or one a line, or as JSON lines with an "id"; InvalidInput names what is none."""
    words = [word for text in texts for word in text.replace(",", " ").split()]
    for file in files:
        for line in file:
            words += [str(_id_in(line, name))] if line.lstrip().startswith("{") else line.replace(",", " ").split()
    wrong = [word for word in words if not (word.isascii() and word.isdigit())]
    if wrong:
        raise InvalidInput(f"The {name!r} must be ids: whole numbers, such as 17,204. Got {wrong[0][:80]!r} instead.")
    return [int(word) for word in words]


def _id_in(line: str, name: str) -> Any:
    try:
        return json.loads(line)["id"]
    except (ValueError, KeyError) as error:
        raise InvalidInput(
            f'A line of {name!r} must be an id, or JSON with an "id". Got {line[:80]!r} instead.'
        ) from error


def _term(text: str) -> dict[str, Any]:
    words, _, weight = text.rpartition("=")
    if not words:
        return {"text": text}
    try:
        return {"text": words, "weight": float(weight)}
    except ValueError:
        return {"text": text}
