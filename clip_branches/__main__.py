"""``python -m clip_branches``: the command line of the client."""

from clip_branches.client.commands import main

main(prog_name="clip-branches")
