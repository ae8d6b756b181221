"""A click group whose commands may be imported on first use, and whose errors are one line."""

from __future__ import annotations

import importlib
from typing import Any, NoReturn

import click

from clip_branches.errors import ClipBranchesError, ConfigurationError, InvalidInput, NotFound
from preprocessing.interrupt import Stopped

_WRONG_INPUT = (InvalidInput, ConfigurationError, NotFound)
_INTERRUPTED = 130


class _WrongInput(click.ClickException):
    """What the caller can put right."""

    exit_code = 2


class LazyGroup(click.Group):
    """``lazy`` maps a command's name to ("module:attribute", short help); only its own use imports the module."""

    def __init__(self, *args: Any, lazy: dict[str, tuple[str, str]] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lazy = lazy or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *self._lazy]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._lazy:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = self._lazy[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        own = [(name, self.commands[name].get_short_help_str()) for name in super().list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([*own, *((name, text) for name, (_, text) in self._lazy.items())])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ClipBranchesError as error:
            raise (_WrongInput if isinstance(error, _WRONG_INPUT) else click.ClickException)(error.message) from error
        except KeyboardInterrupt as error:
            _say_stopped(ctx, error)


def _say_stopped(ctx: click.Context, error: KeyboardInterrupt) -> NoReturn:
    message = str(error) if isinstance(error, Stopped) else "Stopped; the same command goes on from there."
    click.echo(f"\n{message}", err=True)
    ctx.exit(_INTERRUPTED)
