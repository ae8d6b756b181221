"""``python -m clip_branches.access``: API keys and who may log in."""

from clip_branches.access.commands import main

main(prog_name="python -m clip_branches.access")
