"""The engine over real catalogues of several segments, with and without deleted items."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from clip_branches.catalogue import Catalogue
from clip_branches.encoding.quantiser import Quantiser
from clip_branches.engine import (
    Box,
    BoxIndex,
    CatalogueEngine,
    explanation_boxes,
    fit_feedback,
    index_order,
)
from clip_branches.errors import DamagedFile, InvalidInput, UnknownItem
from tests import naive
from tests.unit.catalogues import items, writer
from tests.unit.engine_codes import clumps

ROWS = (300, 1, 250)


class Stage:
    """A catalogue of three segments, what its codes and ids are, and an engine over it."""

    def __init__(self, folder: Path, deleted: tuple[int, ...]) -> None:
        self.all_codes, self.clump = clumps(sum(ROWS), seed=4)
        self.quantiser = Quantiser().fit(self.all_codes.astype(np.float32) / 100 - 1)
        ids, start = np.zeros(0, np.uint64), 0
        with writer(folder) as target:
            for count in ROWS:
                own = slice(start, start + count)
                order = index_order(self.all_codes[own])
                self.all_codes[own], self.clump[own] = self.all_codes[own][order], self.clump[own][order]
                given = np.random.default_rng(count).permutation(target.new_ids(count))
                index = BoxIndex.build(self.all_codes[own], presorted=True, block_size=32)
                target.add_segment(items(given), np.zeros((count, 2), np.float32), index.save)
                ids, start = np.concatenate([ids, given]), start + count
            target.commit()
        self.catalogue = Catalogue.open(folder / "catalogues" / "small")
        live = ~np.isin(ids, deleted)
        self.ids, self.codes, self.clump = ids[live], self.all_codes[live], self.clump[live]
        catalogue = self.catalogue
        if deleted:  # deleting comes with a later format of work; what the engine reads of it is this
            catalogue = SimpleNamespace(
                segments=catalogue.segments,
                locate=catalogue.locate,
                contains=lambda wanted: self.catalogue.contains(wanted) & np.isin(wanted, deleted, invert=True),
                deleted=np.array(deleted, np.uint64),
            )
        self.engine = CatalogueEngine.open(catalogue, self.quantiser)  # type: ignore[arg-type]


@pytest.fixture(scope="module", params=[(), (0, 7, 299, 300, 420)], ids=["whole", "deleted"])
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return Stage(tmp_path_factory.mktemp("engine"), request.param)


def _labels(stage: Stage) -> dict[str, np.ndarray]:
    return {
        "positive": stage.codes[stage.clump == 1][:6],
        "negative": stage.codes[stage.clump != 1][:6],
        "unlabelled": stage.codes[::3],
    }


def test_size_and_codes(stage: Stage) -> None:
    assert stage.engine.size == len(stage.ids)
    chosen = np.random.default_rng(0).permutation(len(stage.ids))[:40]
    assert np.array_equal(stage.engine.codes_of(stage.ids[chosen]), stage.codes[chosen])
    assert stage.engine.codes_of([]).shape == (0, 32)
    with pytest.raises(UnknownItem):
        stage.engine.codes_of([10**6])


def test_the_whole_catalogue_is_ranked_and_nearest_is_its_head(stage: Stage) -> None:
    vector = np.random.default_rng(2).normal(size=32).astype(np.float32)
    exact = stage.quantiser.decode(stage.codes).astype(np.float64) @ vector
    ranked = stage.engine.nearest_all(vector)
    assert sorted(ranked.ids.tolist()) == sorted(stage.ids.tolist())
    by_id = dict(zip(stage.ids.tolist(), exact, strict=True))
    assert np.allclose(ranked.scores, [by_id[i] for i in ranked.ids.tolist()], atol=1e-4)
    assert ranked.ids.tolist() == naive.best_first(ranked.ids.tolist(), ranked.scores.tolist())
    for k in (1, 10, 10**6):
        assert stage.engine.nearest(vector, k).ids.tolist() == ranked.ids[:k].tolist()
    for wrong in (np.ones(31), np.full(32, np.nan)):
        with pytest.raises(InvalidInput, match="The 'vector'"):
            stage.engine.nearest_all(wrong)


@pytest.mark.parametrize("name", ["auto", "linear", "branch", "ensemble"])
def test_search_spans_segments_and_skips_the_deleted(stage: Stage, name: str) -> None:
    vectors = stage.quantiser.decode(stage.codes)
    anchor = vectors[stage.clump == 1].mean(axis=0) - vectors.mean(axis=0)
    model = fit_feedback(name, **_labels(stage), quantiser=stage.quantiser, anchor=anchor, random_state=0)
    answer = stage.engine.search(model)
    assert sorted(answer.ids.tolist()) == sorted(stage.ids[model.predict(stage.codes) == 1].tolist())
    assert answer.ids.tolist() == naive.best_first(answer.ids.tolist(), answer.scores.tolist())
    assert (answer.votes is None) == (name in ("auto", "linear"))
    if answer.votes is not None:
        assert (answer.votes >= 1).all()
    found = np.isin(stage.ids, answer.ids)
    assert 2 * (found & (stage.clump == 1)).sum() / (found.sum() + (stage.clump == 1).sum()) > 0.7


@pytest.mark.parametrize("name", ["auto", "branch", "ensemble"])
def test_boxes_that_explain_an_answer_hold_most_of_it_and_are_counted_exactly(stage: Stage, name: str) -> None:
    labels = _labels(stage)
    model = fit_feedback(name, **labels, quantiser=stage.quantiser, random_state=0)
    boxes = explanation_boxes(model, **labels, random_state=0)
    answer = stage.engine.search(model)
    assert 1 <= len(boxes) <= 12
    assert len(set(boxes)) == len(boxes)
    assert stage.engine.count(boxes).tolist() == naive.count(boxes, stage.codes)
    accepted = stage.codes[np.isin(stage.ids, answer.ids)]
    assert stage.engine.count_within(boxes, answer).tolist() == naive.count(boxes, accepted)
    assert (naive.hits(boxes, accepted) > 0).mean() > 0.7
    assert stage.engine.count([]).tolist() == stage.engine.count_within([], answer).tolist() == []
    assert stage.engine.count([Box([2], [9], [3])]).tolist() == [0]


def test_a_sample_is_live_distinct_seeded_and_leaves_out_what_it_should(stage: Stage) -> None:
    rows = {code.tobytes(): i for code, i in zip(stage.codes, stage.ids.tolist(), strict=True)}
    excluded = stage.ids[:25].tolist()

    def draw(n: int, seed: int) -> list[int]:
        return [rows[code.tobytes()] for code in stage.engine.sample(n, np.random.default_rng(seed), exclude=excluded)]

    for n in (0, 1, 100, 10**5):
        drawn = draw(n, 1)
        assert len(drawn) == len(set(drawn)) == min(n, len(stage.ids) - 25)
        assert not set(drawn) & set(excluded)
    assert draw(50, 1) == draw(50, 1) != draw(50, 2)
    seen = {i for seed in range(60) for i in draw(30, seed)}
    assert len(seen) > 0.9 * (len(stage.ids) - 25)


def test_users_at_once_get_the_answers_they_would_get_alone(stage: Stage) -> None:
    def ask(seed: int) -> tuple[bytes, ...]:
        generator = np.random.default_rng(seed)
        picked = stage.engine.sample(60, generator)
        model = fit_feedback(
            "ensemble" if seed % 2 else "auto",
            positive=picked[:5], negative=picked[5:10], unlabelled=picked[10:], quantiser=stage.quantiser,
            random_state=generator,
        )  # fmt: skip
        answer = stage.engine.search(model)
        return (answer.ids.tobytes(), answer.scores.tobytes())

    alone = [ask(seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ask, list(range(4)) * 3)) == alone * 3


def test_an_index_of_another_segment_is_refused(stage: Stage, tmp_path: Path) -> None:
    BoxIndex.build(stage.codes[:9]).save(tmp_path / "boxes.cbx")
    first = stage.catalogue.segments[0]
    swapped = SimpleNamespace(index_path=tmp_path / "boxes.cbx", rows=first.rows, ids=first.ids)
    catalogue = SimpleNamespace(segments=(swapped,), deleted=np.zeros(0, np.uint64))
    with pytest.raises(DamagedFile, match=r"boxes\.cbx must hold the 300 rows of its segment. Got 9"):
        CatalogueEngine.open(catalogue, stage.quantiser)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "magic"}, "The 'model' must be one of auto, linear, branch, ensemble. Got 'magic'"),
        ({"positive": None}, "mark one that is right"),
        ({"positive": np.zeros((0, 32), np.uint8)}, "mark one that is right"),
    ],
)
def test_feedback_that_cannot_be_learned_from_says_why(stage: Stage, changes: dict[str, object], message: str) -> None:
    arguments = {"name": "auto", **_labels(stage), **changes}
    with pytest.raises(InvalidInput, match=message):
        fit_feedback(arguments.pop("name"), **arguments)  # type: ignore[arg-type]
