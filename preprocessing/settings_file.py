"""Settings of a training that may stand in a JSON file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from clip_branches.errors import ConfigurationError


class FileSettings(BaseModel):
    """Typed settings; a key that is not known is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def load(cls, path: Path) -> Self:
        """The settings in the JSON file ``path``; ConfigurationError, naming the key, for what cannot be one."""
        try:
            return cls.model_validate(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            detail = error.errors()[0] if isinstance(error, ValidationError) else None
            what = f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}" if detail else str(error)
            known = ", ".join(cls.model_fields)
            raise ConfigurationError(f"{path} must be a JSON object of {known}. Got {what}.") from error
