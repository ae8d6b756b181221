"""Simulated users: what they see, which of it they label, and how often they slip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.catalogues import Concept

SEEN = 60  # images of a page
_CLEAN = 100  # wrong images that the third user is given

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class User:
    """One way of labelling.

    kind: "mixed" labels ``labels`` of the page at random, right or wrong; "positives" marks that many right ones and
    nothing else, going on to further pages as needed; "given" gets that many right images at random and 100 that are
    surely wrong, so that nothing hangs on what the text had found. slips: share of labels turned round.
    """

    kind: str
    labels: int
    slips: float = 0.0
    rounds: int = 1

    @property
    def name(self) -> str:
        if self.kind != "mixed":
            return f"{self.labels} {'positives' if self.kind == 'positives' else 'given'}"
        return f"{self.labels} labels" + (f", {self.slips:.0%} wrong" if self.slips else "")

    def label(
        self, concept: Concept, ranking: Rows, seen: NDArray[np.bool_], first: bool, generator: np.random.Generator
    ) -> tuple[Rows, Rows]:
        """(right, wrong) rows newly labelled; ``ranking`` best first; ``seen`` (n,) is kept up to date."""
        fresh = ranking[~seen[ranking]]
        truth = concept.relevant[fresh]
        if self.kind == "given":
            right = generator.permutation(np.flatnonzero(concept.relevant))[: self.labels]
            wrong = generator.permutation(np.flatnonzero(~concept.relevant & ~concept.ignored))[:_CLEAN]
            seen[right] = seen[wrong] = True
            return right, wrong
        if self.kind == "positives":
            page = fresh[: max(SEEN, int(np.searchsorted(np.cumsum(truth), min(self.labels, truth.sum()))) + 1)]
            right = generator.permutation(page[concept.relevant[page]])[: self.labels]
            seen[page] = True
            return right, np.zeros(0, np.int64)
        page = fresh[:SEEN]
        seen[page] = True
        places = generator.permutation(SEEN)
        chosen = page[places[places < len(page)][: self.labels]]
        says = concept.relevant[chosen] ^ (generator.random(SEEN)[: len(chosen)] < self.slips)
        if first and not says.any():
            # Without a right image there is nothing to learn from: the user looks on until there is one.
            one = fresh[int(np.argmax(truth))]
            seen[fresh[: int(np.argmax(truth)) + 1]] = True
            chosen = np.append(chosen[chosen != one][: self.labels - 1], one)
            says = np.append(np.zeros(len(chosen) - 1, bool), True)
        return chosen[says], chosen[~says]


FULL = (
    *(User("given", n) for n in (5, 10, 20)),
    *(User("positives", n) for n in (5, 10, 20)),
    *(User("mixed", n, slips, 5) for n in (5, 10, 20, 60) for slips in (0.0, 0.05, 0.1)),
)
SMALL = (
    *(User("given", n) for n in (5, 10, 20)),
    User("positives", 10),
    User("mixed", 10, 0.0, 3),
    User("mixed", 10, 0.1, 3),
)
