"""Ctrl-C, told so that a person knows what was kept."""


class Stopped(KeyboardInterrupt):
    """The user stopped a stage; the message says what was kept and how to go on."""


def stopped_at(done: int, total: int) -> str:
    """What to say when embedding was stopped."""
    return f"Stopped: {done:,} of {total:,} images are embedded and kept so; the same command goes on from there."
