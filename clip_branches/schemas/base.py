"""What all bodies share: limits, kinds of value, errors and health."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

MAX_TEXT_LENGTH = 1_000
MAX_LABELS = 10_000
MAX_PAGE = 1_000
MAX_BOXES_OFF = 1_000
MAX_SUGGESTIONS = 200

ModelName = Literal["auto", "text", "branch", "ensemble", "linear"]
Id = Annotated[int, Field(ge=0, le=2**63 - 1, strict=True)]
Text = Annotated[str, Field(max_length=MAX_TEXT_LENGTH, strict=True)]
BoxId = Annotated[str, Field(pattern=r"^[0-9a-f]{12}$", strict=True, description="Id of a box: 12 hexadecimal digits.")]


class RequestModel(BaseModel):
    """A request body: a key that is not known is an error, not a silent no-op."""

    model_config = ConfigDict(extra="forbid")


class Health(BaseModel):
    """What /livez and /readyz answer."""

    status: Literal["ok", "unavailable"]
    reasons: list[str] = Field([], description="Why the service cannot serve now; empty when it can.")


class ErrorDetail(BaseModel):
    code: str
    message: str
    field: str | None = None


class ErrorResponse(BaseModel):
    """The one shape of every error answer."""

    error: ErrorDetail
