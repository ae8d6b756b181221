"""The calls of neighbouring systems, answered from the same catalogues: clip-retrieval's and clip-image-search's."""

from __future__ import annotations

from search_service.neighbours.routes import register

__all__ = ["register"]
