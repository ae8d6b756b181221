"""Images as a file, streamed: with their places, scores and labels, and the recipe that gives them again."""

from __future__ import annotations

from search_service.exporting.files import written
from search_service.exporting.recipe import recipe
from search_service.exporting.rows import Export, Group

__all__ = ["Export", "Group", "recipe", "written"]
