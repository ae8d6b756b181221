"""The platform from Python: search, refine, read whole answers, ask why, export.

    from clip_branches.client import Client
    client = Client("http://localhost:8080", catalogue="demo")
    boats = client.search("a boat")
    ink = boats.refine(positive=[17, 204], negative=[33])
    ids = [hit.id for hit in ink]              # every image of the answer, page by page
    ink.export("ink.csv")

Importing it loads neither numba nor torch nor the services.
"""

from __future__ import annotations

from clip_branches.client.answer import Answer
from clip_branches.client.client import DEFAULT_URL, Client
from clip_branches.client.saved import Saved
from clip_branches.client.transport import Progress

__all__ = ["DEFAULT_URL", "Answer", "Client", "Progress", "Saved"]
