"""Request and response bodies shared by the services and their clients (pydantic models).

What is asked of an answer once it is there (filter, check, keep) is in ``answers``.
"""

from clip_branches.schemas.base import (
    MAX_BOXES_OFF,
    MAX_LABELS,
    MAX_PAGE,
    MAX_SUGGESTIONS,
    MAX_TEXT_LENGTH,
    BoxId,
    ErrorDetail,
    ErrorResponse,
    Health,
    Id,
    ModelName,
    RequestModel,
    Text,
)
from clip_branches.schemas.catalogues import CataloguesResponse, CatalogueSummary, Item, ItemsResponse
from clip_branches.schemas.results import BoxesPage, ChangeSide, ChangesResponse, ResultPage, WhyResponse
from clip_branches.schemas.search import (
    BoxRanges,
    BoxSummary,
    Compose,
    Hit,
    Misplaced,
    Reading,
    SearchRequest,
    SearchResponse,
    Suggestion,
    SuggestRequest,
    SuggestResponse,
    Term,
)

__all__ = [
    "MAX_BOXES_OFF",
    "MAX_LABELS",
    "MAX_PAGE",
    "MAX_SUGGESTIONS",
    "MAX_TEXT_LENGTH",
    "BoxId",
    "BoxRanges",
    "BoxSummary",
    "BoxesPage",
    "CatalogueSummary",
    "CataloguesResponse",
    "ChangeSide",
    "ChangesResponse",
    "Compose",
    "ErrorDetail",
    "ErrorResponse",
    "Health",
    "Hit",
    "Id",
    "Item",
    "ItemsResponse",
    "Misplaced",
    "ModelName",
    "Reading",
    "RequestModel",
    "ResultPage",
    "SearchRequest",
    "SearchResponse",
    "SuggestRequest",
    "SuggestResponse",
    "Suggestion",
    "Term",
    "Text",
    "WhyResponse",
]
