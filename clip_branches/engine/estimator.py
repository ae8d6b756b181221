"""What the engine's models share: scikit-learn's contract, and no answer from a fit that failed."""

from __future__ import annotations

from sklearn.base import BaseEstimator

from clip_branches.engine.checks import DIMS
from clip_branches.errors import InvalidInput


class Model(BaseEstimator):  # type: ignore[misc]
    """Parameters are what the constructor takes; fitted attributes end in ``_``."""

    n_features_in_: int

    def _forget(self) -> None:
        """Called first by ``fit``: if it fails, the model of an earlier request must not answer for this one."""
        for name in [name for name in vars(self) if name.endswith("_") and not name.startswith("_")]:
            delattr(self, name)

    def _fitted(self) -> None:
        """Called last by ``fit``."""
        self.n_features_in_ = DIMS

    def _require_fit(self) -> None:
        if not hasattr(self, "n_features_in_"):
            name = type(self).__name__
            raise InvalidInput(f"This {name} must be fitted before it can answer: call fit(codes, labels) first.")
