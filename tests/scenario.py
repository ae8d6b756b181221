"""Finding every picture of one drawing style: no caption names a style, so words alone cannot, and ten labels can.

The same person for HTTP and for the browser: looks at pictures in the order in which they are shown, knows a style
when seeing it, and marks a few. Truth comes from the catalogue's metadata.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

import requests

QUERY = "a house"
STYLES = ("flat", "ink", "watercolour", "pixel", "chalk")
LABELS = 10
_PAGE = 1_000
_LOOKED_AT = 60  # pictures of a screen or two


@dataclass
class Labels:
    """What has been marked so far; ids."""

    right: list[int] = field(default_factory=list)
    wrong: list[int] = field(default_factory=list)

    @property
    def count(self) -> int:
        return len(self.right) + len(self.wrong)

    def first_round(self, shown: Sequence[int], truth: Collection[int]) -> Labels:
        """Marks the first three that are right and the first three that are not."""
        fresh = [item for item in shown if item not in self.right and item not in self.wrong]
        right = [item for item in fresh if item in truth][:3]
        wrong = [item for item in fresh if item not in truth][:3]
        return self._marked(right, wrong)

    def second_round(self, answer: Sequence[int], truth: Collection[int]) -> Labels:
        """Looks at the end of the answer, where the doubtful ones are, and marks what is left of the ten labels."""
        left = LABELS - self.count
        fresh = [item for item in reversed(answer) if item not in self.right and item not in self.wrong]
        wrong = [item for item in fresh[:_LOOKED_AT] if item not in truth][: left // 2]
        right = [item for item in fresh[:_LOOKED_AT] if item in truth][: left - len(wrong)]
        return self._marked(right, wrong)

    def _marked(self, right: list[int], wrong: list[int]) -> Labels:
        self.right += right
        self.wrong += wrong
        return Labels(right, wrong)


@dataclass(frozen=True)
class Quality:
    """How good an answer is against the truth."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


def quality(answer: Collection[int], truth: Collection[int]) -> Quality:
    hits = len(set(answer) & set(truth))
    return Quality(hits / len(answer) if answer else 0.0, hits / len(truth))


def best_cut(ranking: Sequence[int], truth: Collection[int]) -> float:
    """The best F1 that any cut through a ranking could reach: more than its user could know how to choose."""
    hits, best = 0, 0.0
    for taken, item in enumerate(ranking, start=1):
        hits += item in truth
        best = max(best, 2 * hits / (taken + len(truth)))
    return best


class Api:
    """The web service's API, as a program uses it."""

    def __init__(self, url: str, catalogue: str = "demo") -> None:
        self._url = f"{url}/api/catalogues/{catalogue}"

    def search(self, **request: object) -> tuple[str, int]:
        """The result set and its total."""
        answer = requests.post(f"{self._url}/search", json=request, timeout=60)
        answer.raise_for_status()
        body = answer.json()
        return str(body["result_set"]), int(body["total"])

    def all_of(self, result_set: str) -> list[int]:
        """Every id of an answer, best first, by its pages."""
        ids: list[int] = []
        while True:
            page = self._get(f"results/{result_set}?offset={len(ids)}&limit={_PAGE}")
            ids += [hit["id"] for hit in page["hits"]]
            if len(ids) >= page["total"]:
                return ids

    def having(self, ids: Iterable[int], wanted: Callable[[dict[str, object]], bool]) -> set[int]:
        """Those of ``ids`` whose metadata are wanted."""
        rest = list(ids)
        found = set()
        for start in range(0, len(rest), 500):
            asked = ",".join(str(item) for item in rest[start : start + 500])
            items = self._get(f"items?ids={asked}")["items"]
            found |= {item["id"] for item in items if wanted(item["metadata"])}
        return found

    def _get(self, path: str) -> dict[str, list[dict[str, object]]]:  # type: ignore[type-arg]
        answer = requests.get(f"{self._url}/{path}", timeout=60)
        answer.raise_for_status()
        return answer.json()  # type: ignore[no-any-return]
