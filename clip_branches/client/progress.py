"""How far a long call has come."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from clip_branches.client.transport import Progress


@contextmanager
def told(progress: Progress | bool | None, unit: str) -> Iterator[Progress]:
    """What to tell progress to: the caller's own function, a bar on standard error for True, or nothing."""
    if progress is None or progress is False:
        yield _nothing
    elif progress is not True:
        yield progress
    else:
        from tqdm import tqdm

        with tqdm(unit=f" {unit}", unit_scale=unit == "bytes") as bar:

            def tell(done: int, of: int | None) -> None:
                bar.total = of
                bar.update(done - bar.n)

            yield tell


def _nothing(done: int, of: int | None) -> None:
    """Nobody wants to know."""
