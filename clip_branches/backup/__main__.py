"""Back up a data folder while it is at work, check the backup, and put it back.

Saved searches in a PostgreSQL are not part of it: pg_dump copies those.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from clip_branches.backup import folder
from clip_branches.errors import ClipBranchesError

_BACKUP = click.argument("backup", type=click.Path(path_type=Path, file_okay=False))
_DATA_DIR = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("data"),
    envvar="DATA_DIR",
    show_default=True,
    help="The data folder; also DATA_DIR.",
)


@click.group(help=__doc__)
def main() -> None:
    """Holds the commands."""


@main.command()
@_BACKUP
@_DATA_DIR
@click.option("--images/--no-images", default=True, show_default=True, help="The images below sources, too.")
def create(backup: Path, data_dir: Path, images: bool) -> None:
    """Make BACKUP, or bring it up to date: only what is new is copied."""
    _tell("Backed up", lambda: folder.copy(data_dir, backup, images=images), backup)


@main.command()
@_BACKUP
@_DATA_DIR
def restore(backup: Path, data_dir: Path) -> None:
    """Check BACKUP and put it into the data folder, where nothing of the same name may be."""
    _tell("Restored", lambda: folder.restore(backup, data_dir), data_dir)


@main.command()
@_BACKUP
def verify(backup: Path) -> None:
    """Read all of BACKUP and compare it with its checksums."""
    _tell("Whole", lambda: folder.check(backup), backup)


def _tell(done: str, work: Callable[[], folder.Told], where: Path) -> None:
    try:
        told = work()
    except ClipBranchesError as error:
        raise click.ClickException(error.message) from error
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}") from error
    catalogues = ", ".join(f"{name} (generation {number})" for name, number in told.catalogues.items()) or "none"
    saved = "yes" if told.saved else "no"
    click.echo(f"{done}: {where}. Catalogues: {catalogues}. Saved searches: {saved}. New: {told.new_bytes:,} bytes.")


if __name__ == "__main__":
    main()
