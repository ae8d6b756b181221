"""``python -m clip_branches.client``: the command line, as ``python -m clip_branches``."""

from clip_branches.client.commands import main

main(prog_name="clip-branches")
