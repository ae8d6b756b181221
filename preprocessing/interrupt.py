"""Ctrl-C, told so that a person knows what was kept."""


class Stopped(KeyboardInterrupt):
    """The user stopped a stage; the message says what was kept and how to go on."""
