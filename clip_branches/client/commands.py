"""The command line: ``clip-branches``, or ``python -m clip_branches``.

Exit status: 0 found; 1 the answer is empty; 2 wrong input; 3 the platform does not answer; 4 no such catalogue, image
or answer; 5 the key is missing, wrong, or does not go so far. What was found goes to standard output and nothing else
does; everything else goes to standard error.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, get_args

import click

from clip_branches import __version__
from clip_branches.client.answer import Answer
from clip_branches.client.client import Client
from clip_branches.client.options import (
    NOTHING_FOUND,
    fail,
    ids_of,
    output_options,
    platform_options,
    query_of,
    query_options,
    saved_answer,
    where_option,
)
from clip_branches.client.output import as_text, show
from clip_branches.errors import ClipBranchesError, InvalidInput
from clip_branches.schemas import ModelName
from clip_branches.schemas.answers import FileFormat


@click.group(help=__doc__)
@click.version_option(__version__, prog_name="clip-branches")
def main() -> None:
    """The group of all commands."""


def _with_client(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command its client, and turns errors into one line and an exit status."""

    @platform_options
    @wraps(command)
    def run(url: str, catalogue: str | None, timeout: float, key_file: Any, **options: Any) -> None:
        try:
            key = None if key_file is None else key_file.read().strip()
            with Client(url, catalogue=catalogue, timeout_s=timeout, key=key) as client:
                command(client, **options)
        except ClipBranchesError as error:
            fail(error)

    return run


@main.command()
@_with_client
def catalogues(client: Client) -> None:
    """List the catalogues: name, images, generation, title."""
    for one in client.catalogues().catalogues:
        click.echo(f"{one.name}\t{one.size}\t{one.generation}\t{one.title}")


@main.command()
@query_options
@where_option
@output_options
@_with_client
def search(client: Client, where: Sequence[str], **options: Any) -> None:
    """Search by TEXT, an example image, or both."""
    output = {name: options.pop(name) for name in ("limit", "everything", "form", "items")}
    _print(client.ask(query_of(**options)), where, **output)


@main.command()
@query_options
@click.option("--answer", "-a", type=click.File(), help="Go on from what '--format answer' wrote; - is standard input.")
@click.option("--positive", "-p", multiple=True, metavar="IDS", help="Ids that are right: 17,204; may be repeated.")
@click.option("--negative", "-x", multiple=True, metavar="IDS", help="Ids that are wrong, likewise.")
@click.option("--positive-from", multiple=True, type=click.File(), help="File of ids that are right, or JSON lines.")
@click.option("--negative-from", multiple=True, type=click.File(), help="File of ids that are wrong, likewise.")
@click.option("--model", type=click.Choice(get_args(ModelName)), help="How to answer.  [default: auto, or as before]")
@click.option("--cut", type=float, help="Lowest score to accept, where a score decides.")
@where_option
@output_options
@_with_client
def refine(
    client: Client,
    answer: Any,
    positive: Sequence[str],
    negative: Sequence[str],
    positive_from: Sequence[Any],
    negative_from: Sequence[Any],
    where: Sequence[str],
    **options: Any,
) -> None:
    """Train on labels and print every image that the model accepts, best first.

    Labels come beside those that the answer which is refined had.
    """
    output = {name: options.pop(name) for name in ("limit", "everything", "form", "items")}
    changes = {name: value for name in ("model", "cut") if (value := options.pop(name)) is not None}
    right, wrong = ids_of(positive, positive_from, "positive"), ids_of(negative, negative_from, "negative")
    if answer is None:
        _print(client.ask(query_of(**options, positive=right, negative=wrong, **changes)), where, **output)
        return
    options.pop("balance")
    if any(options.values()):
        raise InvalidInput(
            "The search must be that of the --answer, or be given here. Got both: leave one of them out."
        )
    _print(saved_answer(client, answer).refine(right, wrong, **changes), where, **output)


@main.command()
@click.option(
    "--answer", "-a", type=click.File(), required=True, help="What '--format answer' wrote; - is standard input."
)
@click.option(
    "--format", "-f", "form", type=click.Choice(get_args(FileFormat)), help="[default: told by the file's name]"
)
@click.option("--output", "-o", default="-", show_default=True, help="File to write; - is standard output.")
@where_option
@_with_client
def export(client: Client, answer: Any, form: FileFormat | None, output: str, where: Sequence[str]) -> None:
    """Write the whole of an answer as a file. The file is there whole or not at all."""
    found = saved_answer(client, answer)
    progress = sys.stderr.isatty()
    if output == "-":
        found.export(sys.stdout.buffer, form or "csv", where=where, progress=progress)
    else:
        size = found.export(Path(output), form, where=where, progress=progress)
        click.echo(f"{output}: {size:,} bytes", err=True)


@main.command()
@click.argument("item", type=int)
@click.option(
    "--answer", "-a", type=click.File(), required=True, help="What '--format answer' wrote; - is standard input."
)
@_with_client
def why(client: Client, item: int, answer: Any) -> None:
    """Say, as JSON, why image ITEM is in an answer or not; exit status 1 where it is not."""
    reason = saved_answer(client, answer).why(item)
    click.echo(reason.model_dump_json(indent=1))
    if not reason.accepted:
        sys.exit(NOTHING_FOUND)


@main.command(add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def serve(arguments: Sequence[str]) -> None:
    """Run the three services of this checkout (--demo builds the demo catalogue first)."""
    from clip_branches.serve import serve as run

    run.main(list(arguments), prog_name="clip-branches serve")


def _print(answer: Answer, where: Sequence[str], *, form: str | None, **output: Any) -> None:
    """Print an answer; exit status 1 where nothing was found."""
    chosen = form or ("table" if sys.stdout.isatty() else "jsonl")
    if chosen == "answer":
        if where:
            raise InvalidInput("A whole answer must be without '--where': give it to export, which reads the answer.")
        click.echo(as_text(answer))
        found = answer.total
    else:
        found = show(answer, chosen, where, **output)
    if not found:
        sys.exit(NOTHING_FOUND)


if __name__ == "__main__":
    main(prog_name="clip-branches")
