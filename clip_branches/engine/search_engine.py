"""What a search asks of an engine, wherever the segments are: in this process, or on the shards of a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from clip_branches.engine.answers import AnswerSet
from clip_branches.engine.box import Box
from clip_branches.engine.checks import Codes
from clip_branches.engine.reading import Reading
from clip_branches.engine.workers import Workers

if TYPE_CHECKING:
    from clip_branches.engine.explain import Rule
    from clip_branches.engine.survey import Found


class SearchEngine(Protocol):
    """Answers about one generation of a catalogue: the same arguments give the same answer, from every engine.

    Holds no state of a request; any number of threads may ask at once. ``CatalogueEngine`` is the local one; each
    method is described there. An engine that cannot reach all of the catalogue raises ServiceUnavailable: an answer
    is whole or there is none.
    """

    @property
    def quantiser(self) -> Any:
        """What turned vectors into the catalogue's codes."""

    @property
    def size(self) -> int:
        """Live items."""

    @property
    def workers(self) -> Workers | None:
        """Threads of this process that share the training of a model."""

    def codes_of(self, ids: Any) -> Codes: ...

    def sample(self, n: int, generator: np.random.Generator, exclude: Any = ()) -> Codes: ...

    def nearest_all(self, vector: Any, reading: Reading | None = None) -> AnswerSet: ...

    def nearest(self, vector: Any, k: int, reading: Reading | None = None) -> AnswerSet: ...

    def search(self, model: Any, reading: Reading | None = None) -> AnswerSet: ...

    def surveyed(self, rule: Rule, boxes: Sequence[Box], k: int, reading: Reading | None = None) -> list[Found]: ...

    def count(self, boxes: Sequence[Box]) -> NDArray[np.int64]: ...

    def count_within(self, boxes: Sequence[Box], answer: AnswerSet) -> NDArray[np.int64]: ...

    def coverage(self, boxes: Sequence[Box], answer: AnswerSet) -> tuple[int, NDArray[np.int64]]: ...

    def problems(self) -> list[str]:
        """Why it cannot answer now; empty when it can. Quick."""

    def retire(self) -> None:
        """Another generation has taken over: what it holds beyond this process may go once nobody asks any more."""
