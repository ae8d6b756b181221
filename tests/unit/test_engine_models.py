from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

from clip_branches.engine import BoxIndex, BranchEnsemble, DecisionBranch, LinearScorer, fit_feedback
from clip_branches.engine.subsets import feature_subsets
from clip_branches.errors import InvalidInput
from tests import naive
from tests.unit.engine_codes import clumps

CODES, CLUMP = clumps(600)
RIGHT, WRONG = CODES[CLUMP == 0], CODES[CLUMP != 0]
MODELS = [DecisionBranch(random_state=0), BranchEnsemble(n_estimators=7, random_state=0), LinearScorer()]
by_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)


def _sample(positives: int = 8, negatives: int = 8, unlabelled: int = 150) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    codes = np.vstack([RIGHT[:positives], WRONG[:negatives]])
    return codes, np.repeat([1, 0], [positives, negatives]), CODES[-unlabelled:] if unlabelled else CODES[:0]


def _fitted(model: Any, **counts: int) -> Any:
    codes, labels, unlabelled = _sample(**counts)
    return clone(model).fit(codes, labels, unlabelled=unlabelled)


def _state(model: Any) -> tuple[Any, ...]:
    if isinstance(model, LinearScorer):
        return (model.weights_.tobytes(), float(model.bias_), float(model.threshold_))
    return (model.boxes_, _state(model.ranker_), getattr(model, "need_", 1))


@by_model
def test_parameters_follow_scikit_learn(model: Any) -> None:
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    name = sorted(model.get_params())[0]
    assert copy.set_params(**{name: 3}).get_params()[name] == 3
    assert not [name for name in vars(model) if name.endswith("_")]
    assert _fitted(model).n_features_in_ == 32
    with pytest.raises(InvalidInput, match="must be fitted before it can answer"):
        model.predict(CODES)


@by_model
@pytest.mark.parametrize("counts", [(1, 0), (1, 1), (5, 0), (20, 20), (1, 30)])
@pytest.mark.parametrize("unlabelled", [0, 10, 150])
def test_the_indexed_answer_is_complete_and_ordered(model: Any, counts: tuple[int, int], unlabelled: int) -> None:
    fitted = _fitted(model, positives=counts[0], negatives=counts[1], unlabelled=unlabelled)
    rows, values = BoxIndex.build(CODES, block_size=32).search(fitted)
    if isinstance(model, LinearScorer):
        ref = naive.linear_scores(CODES, fitted.weights_, fitted.bias_)
        accepted = np.flatnonzero(ref >= fitted.threshold_)
        assert rows.tolist() == naive.best_first(accepted, ref[accepted])
        assert values.tobytes() == ref[rows].tobytes()
    else:
        branches = fitted.boxes_ if isinstance(model, BranchEnsemble) else [fitted.boxes_]
        votes = naive.branch_votes(branches, CODES)
        accepted = np.flatnonzero(votes >= getattr(fitted, "need_", 1))
        assert sorted(rows) == accepted.tolist()
        assert values.tolist() == votes[rows].tolist()
        linear = naive.linear_scores(CODES, fitted.ranker_.weights_, fitted.ranker_.bias_)
        margins = linear[rows] - fitted.ranker_.threshold_
        assert (np.diff(margins) <= 1e-5 * (1 + np.abs(margins[1:])) ** 2).all()
    assert fitted.predict(CODES).nonzero()[0].tolist() == sorted(rows)


@by_model
def test_models_find_the_rest_of_a_clump(model: Any) -> None:
    fitted = _fitted(model, positives=10, negatives=10)
    accepted, truth = fitted.predict(CODES).astype(bool), CLUMP == 0
    assert 2 * (accepted & truth).sum() / (accepted.sum() + truth.sum()) > 0.8


@by_model
def test_all_right_labels_work_and_only_wrong_ones_say_what_is_missing(model: Any) -> None:
    assert _fitted(model, positives=3, negatives=0, unlabelled=0).predict(RIGHT[:3]).all()
    with pytest.raises(InvalidInput, match="must hold at least one 1"):
        clone(model).fit(WRONG[:5], np.zeros(5))


@by_model
def test_the_same_row_labelled_both_ways_is_no_crash(model: Any) -> None:
    codes = np.repeat(RIGHT[:1], 4, axis=0)
    clone(model).fit(codes, [1, 0, 1, 0]).predict(codes)


@by_model
@pytest.mark.parametrize(
    "changes",
    [
        {"labels": [0, 2, 1]},
        {"labels": [1, 0]},
        {"labels": ["a", "b", "c"]},
        {"sample_weight": [1, 1]},
        {"sample_weight": [1, -1, 1]},
        {"sample_weight": [1, np.nan, 1]},
        {"sample_weight": [0, 0, 1]},
        {"unlabelled": np.zeros((3, 31), np.uint8)},
        {"codes": np.zeros((0, 32), np.uint8), "labels": []},
    ],
)
def test_bad_input_raises_and_an_older_fit_never_answers(model: Any, changes: dict[str, Any]) -> None:
    """Fault 4: a failed fit was swallowed and the previous request's model answered."""
    fitted = _fitted(model)
    arguments: dict[str, Any] = {"codes": CODES[:3], "labels": [1, 0, 0], **changes}
    with pytest.raises(InvalidInput, match="must be"):
        fitted.fit(**arguments)
    with pytest.raises(InvalidInput, match="must be fitted"):
        BoxIndex.build(CODES).search(fitted)


@by_model
def test_fits_at_once_do_not_disturb_each_other_nor_any_global_seed(model: Any) -> None:
    """Fault 5: one mutable model and global random seeds."""
    np.random.seed(1)  # noqa: NPY002
    before = np.random.get_state()[1].tobytes()  # noqa: NPY002
    alone = [_state(_fitted(model, positives=n)) for n in (3, 8, 12)]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda n: _state(_fitted(model, positives=n)), (3, 8, 12) * 4))
    assert together == alone * 4
    assert np.random.get_state()[1].tobytes() == before  # noqa: NPY002


def test_the_seed_decides() -> None:
    for model in MODELS[:2]:
        one, same = _fitted(model), _fitted(model)
        assert _state(one) == _state(same)
    assert one.boxes_ != _fitted(clone(model).set_params(random_state=1)).boxes_


def test_boxes_use_the_features_of_one_subset() -> None:
    subsets = feature_subsets(0)
    sizes = np.diff(subsets.starts).tolist()
    assert sizes == [4] * 64 + [6] * 32 + [8] * 8 + [32]
    allowed = {frozenset(part.tolist()) for part in np.split(subsets.features, subsets.starts[1:-1])}
    for branch in _fitted(MODELS[1]).boxes_:
        assert branch
        assert all(any(part.issuperset(box.features) for part in allowed) for box in branch)


def test_a_weightless_label_counts_for_nothing() -> None:
    codes, labels, _ = _sample(positives=6, negatives=6)
    weight = np.ones(12)
    weight[[5, 11]] = 0
    kept = weight > 0
    for model in (DecisionBranch(random_state=0), LinearScorer()):
        ref = clone(model).fit(codes[kept], labels[kept]).predict(CODES)
        assert clone(model).fit(codes, labels, sample_weight=weight).predict(CODES).tolist() == ref.tolist()


def test_votes_are_counted_by_branch_and_the_cut_is_chosen_out_of_bag() -> None:
    """Fault 2: boxes were counted for branches; section 7: a fixed half is far from the best cut."""
    ensemble = _fitted(BranchEnsemble(random_state=0), positives=20, negatives=20)
    assert ensemble.votes(CODES).tolist() == naive.branch_votes(ensemble.boxes_, CODES).tolist()
    assert 1 <= ensemble.need_ <= 25
    truth = CLUMP == 0

    def f1(need: int) -> float:
        accepted = ensemble.votes(CODES) >= need
        return 2 * (accepted & truth).sum() / (accepted.sum() + truth.sum())

    assert f1(ensemble.need_) > max(f1(need) for need in range(1, 26)) - 0.1


def test_one_label_gives_an_ensemble_that_accepts_it() -> None:
    ensemble = BranchEnsemble(random_state=0).fit(RIGHT[:1], [1])
    assert ensemble.predict(RIGHT[:1]).tolist() == [1]


def test_text_that_says_what_is_wanted_is_trusted_and_other_text_is_not() -> None:
    direction = RIGHT.mean(axis=0) - CODES.mean(axis=0)
    aside = np.random.default_rng(3).normal(size=32)
    aside -= direction * (aside @ direction) / (direction @ direction)
    top = np.argsort(-(CODES @ aside))[:80]
    labelled = np.concatenate([top[CLUMP[top] == 0][:8], top[CLUMP[top] != 0][:8]])
    trusts = []
    for anchor in (direction, aside):
        scorer = LinearScorer(anchor=anchor).fit(CODES[labelled], CLUMP[labelled] == 0, unlabelled=CODES[-200:])
        trusts.append(scorer.trust_)
    assert trusts[0] > 0.5 > trusts[1]


def test_labels_that_agree_with_the_text_leave_its_order_as_it_is() -> None:
    direction = RIGHT.mean(axis=0) - CODES.mean(axis=0)
    best = np.argsort(-(CODES @ direction), kind="stable")
    scorer = LinearScorer(anchor=direction).fit(CODES[best[:5]], np.ones(5), unlabelled=CODES[-200:])
    order = np.argsort(-scorer.decision_function(CODES), kind="stable")
    assert np.allclose((CODES @ direction)[order], (CODES @ direction)[best], rtol=1e-5)


def test_scores_of_a_linear_model_are_log_odds() -> None:
    scorer = _fitted(LinearScorer(), positives=10, negatives=10, unlabelled=300)
    odds = scorer.decision_function(CODES)
    for low, high in ((-3, -1), (1, 3)):
        band = (odds > low) & (odds < high)
        if band.sum() > 10:
            assert abs((CLUMP[band] == 0).mean() - (1 / (1 + np.exp(-odds[band]))).mean()) < 0.3
    assert (CLUMP[odds > 3] == 0).mean() > 0.9
    assert (CLUMP[odds < -3] == 0).mean() < 0.05


@pytest.mark.parametrize("anchor", [np.zeros(32), np.ones(31), np.full(32, np.nan)])
def test_an_anchor_that_is_no_direction_is_refused(anchor: np.ndarray) -> None:
    with pytest.raises(InvalidInput, match="The 'anchor' of LinearScorer must be"):
        LinearScorer(anchor=anchor).fit(CODES[:2], [1, 0])


def test_codes_that_never_vary_are_no_crash() -> None:
    flat = np.full((40, 32), 9, np.uint8)
    for name in ("auto", "branch", "ensemble"):
        model = fit_feedback(name, positive=flat[:2], negative=flat[:2], unlabelled=flat, anchor=np.ones(32))
        rows, _ = BoxIndex.build(flat).search(model)
        assert len(rows) in (0, 40)
