"""``python -m clip_branches.access add | list | revoke | allow | disallow | private | public | rotate``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar

import click
from pydantic import BaseModel, ValidationError

from clip_branches.access import keyfile
from clip_branches.access.caller import SCOPES
from clip_branches.access.keyfile import Grant, Key, KeyFile, Rights
from clip_branches.access.secret import SharedSecret
from clip_branches.access.tokens import new_token
from clip_branches.errors import ClipBranchesError

Command = Callable[..., Any]
Model = TypeVar("Model", bound=BaseModel)
T = TypeVar("T")


def _names(context: click.Context, parameter: click.Parameter, value: str | None) -> list[str] | None:
    return None if value is None else [part.strip() for part in value.split(",") if part.strip()]


def _per_day(context: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    if value is None:
        return None
    number = value.removesuffix("/day")
    if not number.isascii() or not number.isdigit() or int(number) < 1:
        raise click.BadParameter(f"it must be a number of requests a day, such as 1000/day. Got {value!r} instead.")
    return int(number)


def _rights(command: Command) -> Command:
    options = (
        click.option("--scopes", required=True, callback=_names, help=f"Of {', '.join(SCOPES)}, separated by commas."),
        click.option("--catalogues", callback=_names, help="The only catalogues there are for it; private ones too."),
        click.option("--quota", "per_day", callback=_per_day, metavar="N/day", help="Most requests a day."),
    )
    return reduce(lambda wrapped, option: option(wrapped), reversed(options), command)


@click.group(help=__doc__)
@click.option(
    "--data-dir", type=click.Path(path_type=Path), envvar="DATA_DIR", show_envvar=True, default=Path("data"),
    show_default=True, help="The services' data folder; keys are below it, in access/keys.json.",
)  # fmt: skip
@click.pass_context
def main(context: click.Context, data_dir: Path) -> None:
    context.obj = keyfile.path_in(data_dir)


@main.command()
@click.argument("name")
@_rights
@click.option("--days", type=click.IntRange(1, 36_500), help="How long it works.  [default: until it is revoked]")
@click.pass_obj
def add(path: Path, /, name: str, days: int | None, **rights: Any) -> None:
    """Make a key and show it, this once: only a digest of it is kept."""
    token, now = new_token(), datetime.now(UTC).replace(microsecond=0)
    key = _checked(
        Key,
        id=token.id,
        name=name,
        sha256=token.digest,
        made_at=now,
        ends_at=None if days is None else now + timedelta(days=days),
        **rights,
    )

    def added(file: KeyFile) -> KeyFile:
        if any(one.name == name and one.is_valid for one in file.keys):
            raise click.ClickException(f"There is a key of the name {name!r} already. Revoke it, or choose another.")
        return file.model_copy(update={"keys": [*file.keys, key]})

    _change(path, added)
    click.echo(f"The key of {name}, shown this once:", err=True)
    click.echo(str(token))


@main.command("list")
@click.pass_obj
def list_all(path: Path) -> None:
    """Show keys, who may log in, and private catalogues."""
    file = _told(lambda: keyfile.read(path))
    for key in file.keys:
        state = "works" if key.is_valid else "revoked" if key.revoked_at else "has ended"
        until = f"until {key.ends_at:%Y-%m-%d}" if key.ends_at and key.is_valid else ""
        click.echo("  ".join(part for part in ("key", key.id, key.name, state, until, _brief(key)) if part))
    for grant in file.grants:
        click.echo(f"login  {grant.who}  {_brief(grant)}")
    for name in file.private:
        click.echo(f"private  {name}")


@main.command()
@click.argument("key")
@click.pass_obj
def revoke(path: Path, key: str) -> None:
    """End a key, by its name or id, and every session that was opened with it."""

    def revoked(file: KeyFile) -> KeyFile:
        found = [one for one in file.keys if key in (one.id, one.name) and one.revoked_at is None]
        if not found:
            raise click.ClickException(f"There is no key {key!r} to revoke; `list` shows those there are.")
        now = datetime.now(UTC).replace(microsecond=0)
        return file.model_copy(
            update={"keys": [one.model_copy(update={"revoked_at": now}) if one in found else one for one in file.keys]}
        )

    _change(path, revoked)
    click.echo(f"{key} is revoked.")


@main.command()
@click.argument("who")
@_rights
@click.pass_obj
def allow(path: Path, /, who: str, **rights: Any) -> None:
    """Let WHO log in: an e-mail address, @DOMAIN, group:NAME, or '*' for all that the issuer knows."""
    grant = _checked(Grant, who=who, **rights)
    _change(path, lambda file: file.model_copy(update={"grants": [*_others(file.grants, who), grant]}))
    click.echo(f"{who} may log in: {_brief(grant)}.")


@main.command()
@click.argument("who")
@click.pass_obj
def disallow(path: Path, who: str) -> None:
    """Let WHO log in no more, and end their sessions."""

    def removed(file: KeyFile) -> KeyFile:
        left = _others(file.grants, who)
        if len(left) == len(file.grants):
            raise click.ClickException(f"{who!r} is not among those who may log in; `list` shows them.")
        return file.model_copy(update={"grants": left})

    _change(path, removed)
    click.echo(f"{who} may not log in any more.")


@main.command()
@click.argument("catalogue")
@click.pass_obj
def private(path: Path, catalogue: str) -> None:
    """Hide a catalogue from all but those whose --catalogues name it."""
    _change(path, lambda file: _with_private(file, sorted({*file.private, catalogue})))
    click.echo(f"{catalogue} is there only for those whose --catalogues name it.")


@main.command()
@click.argument("catalogue")
@click.pass_obj
def public(path: Path, catalogue: str) -> None:
    """Show a catalogue to everybody who may read."""
    _change(path, lambda file: _with_private(file, [name for name in file.private if name != catalogue]))
    click.echo(f"{catalogue} is there for everybody who may read.")


@main.command()
@click.option("--finish", is_flag=True, help="Accept nothing any more that a former secret has signed.")
@click.pass_obj
def rotate(path: Path, finish: bool) -> None:
    """Replace the secret that signs sessions and what services say to each other; nobody is logged out before --finish.

    Services see it with the next request, without a restart.
    """
    secret = SharedSecret(path.parent.parent)
    if finish:
        count = _told(secret.forget)
        click.echo(f"{count} former secrets are forgotten: the newest alone is accepted.")
    else:
        _told(secret.rotate)
        click.echo("A new secret signs. What was signed before is accepted until `rotate --finish`.")


def _with_private(file: KeyFile, names: list[str]) -> KeyFile:
    return _checked(KeyFile, **(file.model_dump() | {"private": names}))


def _others(grants: Iterable[Grant], who: str) -> list[Grant]:
    return [grant for grant in grants if grant.who != who]


def _brief(rights: Rights) -> str:
    parts = [",".join(rights.scopes)]
    if rights.catalogues is not None:
        parts.append(f"catalogues {','.join(rights.catalogues) or 'none'}")
    if rights.per_day is not None:
        parts.append(f"{rights.per_day}/day")
    return "  ".join(parts)


def _checked(model: type[Model], **fields: Any) -> Model:
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = str(first["loc"][0]) if first["loc"] else "it"
        raise click.ClickException(f"{where}: {first['msg']}. Got {first['input']!r} instead.") from error


def _change(path: Path, changed: Callable[[KeyFile], KeyFile]) -> None:
    def change() -> None:
        with keyfile.changing(path) as held:
            held[0] = changed(held[0])

    _told(change)


def _told(action: Callable[[], T]) -> T:
    try:
        return action()
    except ClipBranchesError as error:
        raise click.ClickException(error.message) from error
