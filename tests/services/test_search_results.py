"""Parts, columns, files and checks of answers, in process, against what each image says of itself."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from clip_branches.catalogue import Catalogue
from clip_branches.engine import AnswerSet
from clip_branches.errors import InvalidInput
from search_service.checking import draw_sample, judge
from search_service.columns import Columns
from search_service.exporting import Export, Group, written
from search_service.filters import Filters, read_where
from search_service.query import Query
from search_service.served import Served
from tests.unit.catalogues import items, write_index, writer

RESULT_SET = "0123456789abcdef0123456789abcdef"
KINDS = ["boat", "car", "", None]


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    """Two segments; the second lacks a column, and three items are deleted."""
    generator = np.random.default_rng(0)
    with writer(tmp_path) as target:
        ids = generator.permutation(target.new_ids(300))
        n = len(ids)
        known = {
            "kind": [KINDS[i % 4] for i in ids.tolist()],
            "stars": [None if i % 5 == 0 else int(i % 3) for i in ids.tolist()],
            "price": [float(i) / 2 for i in ids.tolist()],
            "liked": [bool(i % 2) for i in ids.tolist()],
        }
        target.add_segment(items(ids, **known), generator.normal(size=(n, 8)).astype(np.float32), write_index)
        more = target.new_ids(40)
        target.add_segment(
            items(more, kind=["=boat"] * 40), generator.normal(size=(40, 8)).astype(np.float32), write_index
        )
        target.commit()
    return Catalogue.open(tmp_path / "catalogues" / "small")


@pytest.fixture
def served(catalogue: Catalogue) -> Served:
    return Served("small", catalogue, None, None, None, "f" * 64, None)  # type: ignore[arg-type]


@pytest.fixture
def found(catalogue: Catalogue) -> AnswerSet:
    ids = np.random.default_rng(1).permutation(np.arange(1, 341))[:200].astype(np.uint64)
    return AnswerSet(ids, np.linspace(2, -1, 200, dtype=np.float32))


def query(**changes: Any) -> Query:
    values = {
        "text": "x", "image": None, "image_id": None, "without": (), "positive": (), "negative": (),
        "model": "linear", "seed": 0,
    }  # fmt: skip
    return Query(**{**values, **changes})


def metadata(catalogue: Catalogue, ids: Any) -> list[dict[str, Any]]:
    return [item["metadata"] for item in catalogue.items(ids)[0]]


def test_near_duplicates_are_told_wherever_they_are(catalogue: Catalogue, served: Served, found: AnswerSet) -> None:
    # Any column of that name is taken as it is; this catalogue has none, and then there are no groups.
    assert Filters().alike(served, RESULT_SET, found, [1, 2, 3]) == []


@pytest.mark.parametrize(
    ("conditions", "holds"),
    [
        (["kind:boat"], lambda m: m.get("kind") == "boat"),
        (["kind:boat", "kind:car"], lambda m: m.get("kind") in ("boat", "car")),
        (["kind:"], lambda m: not m.get("kind")),
        (["kind:=boat"], lambda m: m.get("kind") == "=boat"),
        (["kind:nothing like it"], lambda m: False),
        (["stars:2", "liked:true"], lambda m: m.get("stars") == 2 and m.get("liked") is True),
        (["stars:"], lambda m: m.get("stars") is None),
        (["price:10..20.5"], lambda m: m.get("price") is not None and 10 <= m["price"] <= 20.5),
        (["price:..20"], lambda m: m.get("price") is not None and m["price"] <= 20),
        (["price:100.."], lambda m: m.get("price") is not None and m["price"] >= 100),
        (["price:", "price:7"], lambda m: m.get("price") in (None, 7)),
    ],
)
def test_a_part_is_what_its_conditions_say(
    catalogue: Catalogue, served: Served, found: AnswerSet, conditions: list[str], holds: Any
) -> None:
    part = Filters().part(served, RESULT_SET, found, read_where(conditions))
    expected = [i for i, m in zip(found.ids.tolist(), metadata(catalogue, found.ids), strict=True) if holds(m)]
    assert part.ids.tolist() == expected
    assert part.scores.tolist() == [s for i, s in zip(found.ids, found.scores.tolist(), strict=True) if i in expected]


def test_counts_are_exact_and_ignore_their_own_condition(
    catalogue: Catalogue, served: Served, found: AnswerSet
) -> None:
    facets = Filters().facets(
        served, RESULT_SET, found, read_where(["kind:boat", "liked:true"]), result_set=RESULT_SET, of=200
    )
    known = metadata(catalogue, found.ids)
    assert facets.of == 200
    assert facets.total == sum(m.get("kind") == "boat" and m.get("liked") is True for m in known)
    columns = {facet.name: facet for facet in facets.columns}
    assert "width" not in columns  # the same for all: it tells nothing
    kinds = Counter(m.get("kind") or "" for m in known if m.get("liked") is True)
    assert {value.value: value.count for value in columns["kind"].values if value.count} == dict(kinds)
    liked = Counter(str(m["liked"]).lower() for m in known if m.get("kind") == "boat")
    assert {value.value: value.count for value in columns["liked"].values if value.count} == dict(liked)
    prices = [m["price"] for m in known if m.get("kind") == "boat" and m.get("liked") is True]
    low, high = (columns["price"].low, columns["price"].high) if "price" in columns else (None, None)
    assert (low, high) == ((min(prices), max(prices)) if prices else (None, None))


def test_a_value_that_is_asked_for_is_listed_though_nothing_has_it(served: Served, found: AnswerSet) -> None:
    facets = Filters().facets(served, RESULT_SET, found, read_where(["kind:zeppelin"]), result_set=RESULT_SET, of=200)
    assert facets.total == 0
    kind = next(facet for facet in facets.columns if facet.name == "kind")
    assert [value.count for value in kind.values if value.value == "zeppelin"] == [0]


def test_values_are_found_by_a_part_of_them(served: Served, found: AnswerSet) -> None:
    def kinds(where: list[str], find: list[str]) -> dict[str, int]:
        facets = Filters().facets(
            served, RESULT_SET, found, read_where(where), result_set=RESULT_SET, of=200, find=read_where(find, "find")
        )
        assert facets.total == Filters().part(served, RESULT_SET, found, read_where(where)).total
        return {value.value: value.count for facet in facets.columns if facet.name == "kind" for value in facet.values}

    every = kinds([], [])
    some = kinds([], ["kind:OA"])
    assert some == {kind: n for kind, n in every.items() if "oa" in kind}
    assert 0 < len(some) < len(every)
    assert kinds([], ["kind:zzz"]) == {}
    other = next(kind for kind in every if kind and "oa" not in kind)
    assert kinds([f"kind:{other}"], ["kind:oa"]) == {**some, other: every[other]}  # what is chosen stays in sight
    with pytest.raises(InvalidInput, match="colour") as error:
        kinds([], ["colour:red"])
    assert "kind" in error.value.message


@pytest.mark.parametrize("conditions", [["kind"], ["colour:red"], ["price:a..b"], ["price:20..10"]])
def test_a_condition_that_cannot_be_is_refused(served: Served, found: AnswerSet, conditions: list[str]) -> None:
    with pytest.raises(InvalidInput, match="condition") as error:
        Filters().part(served, RESULT_SET, found, read_where(conditions))
    assert error.value.field == "where"


def test_columns_are_those_of_every_segment(catalogue: Catalogue) -> None:
    assert Columns(catalogue).names == ("kind", "stars", "price", "liked", "width", "height")


def test_a_file_holds_every_image_with_its_label(catalogue: Catalogue, found: AnswerSet) -> None:
    right, wrong = int(found.ids[3]), int(found.ids[7])
    group = Group("x", frozenset({right}), frozenset({wrong}))
    export = Export(catalogue, "x", found.ids, found.scores, found.votes, [group], None, {"a": 1})
    rows = list(csv.DictReader(io.StringIO(b"".join(written(export, "csv").pieces).decode())))
    assert [int(row["id"]) for row in rows] == found.ids.tolist()
    assert [int(row["rank"]) for row in rows] == list(range(1, 201))
    assert {row["id"]: row["label"] for row in rows if row["label"]} == {str(right): "right", str(wrong): "wrong"}
    told = json.loads(b"".join(written(export, "json").pieces))
    assert told["recipe"] == {"a": 1}
    assert [image["id"] for image in told["images"]] == found.ids.tolist()
    by_id = {image["id"]: image for image in told["images"]}
    assert by_id[right]["label"] == "right"
    assert by_id[right]["metadata"] == metadata(catalogue, [right])[0]
    # What a spreadsheet would run as a formula is text there; JSON keeps it as it is.
    assert {row["kind"] for row in rows} >= {"'=boat", "boat"}
    assert "=boat" in {image["metadata"].get("kind") for image in told["images"]}


def test_an_empty_answer_is_a_file_too(catalogue: Catalogue) -> None:
    group = Group("x", frozenset(), frozenset())
    empty = Export(catalogue, "x", np.zeros(0, np.uint64), np.zeros(0, np.float32), None, [group], None, {})
    assert b"".join(written(empty, "csv").pieces).startswith(b"rank,id,score,votes,label,source")
    for form in ("json", "coco"):
        assert json.loads(b"".join(written(empty, form).pieces))["images"] == []
    assert pq.read_table(io.BytesIO(b"".join(written(empty, "parquet").pieces))).num_rows == 0


def test_a_sample_is_random_new_and_always_the_same(catalogue: Catalogue, found: AnswerSet) -> None:
    asked = query(positive=(int(found.ids[0]), 1), negative=(int(found.ids[1]),))
    sample = draw_sample(catalogue, RESULT_SET, asked, found)
    again = draw_sample(catalogue, RESULT_SET, asked, found)
    assert sample.ids.tolist() == again.ids.tolist()
    assert sample.ids.tolist() != draw_sample(catalogue, RESULT_SET[::-1], asked, found).ids.tolist()
    ids = sample.ids.tolist()
    assert len(set(ids)) == len(ids) == 340 - len({*asked.positive, *asked.negative})
    assert not {*asked.positive, *asked.negative} & set(ids)
    assert sample.inside.tolist() == [i in set(found.ids.tolist()) for i in ids]
    assert (sample.inside_size, sample.outside_size) == (int(sample.inside.sum()), int((~sample.inside).sum()))
    # While both last, two from outside for one from inside.
    assert abs(int(sample.inside[:90].sum()) - 30) <= 1


def test_every_image_outside_is_as_likely_to_be_drawn(catalogue: Catalogue, found: AnswerSet) -> None:
    """First draws of many samples: each of the 140 outside comes about equally often (a chi-square of 139 degrees)."""
    outside = sorted(set(range(1, 341)) - set(found.ids.tolist()))
    seen: Counter[int] = Counter()
    for number in range(400):
        sample = draw_sample(catalogue, f"{number:032x}", query(), found)
        seen.update(sample.ids[~sample.inside][:7].tolist())
    expected = 400 * 7 / len(outside)
    chi = sum((seen[i] - expected) ** 2 / expected for i in outside)
    assert set(seen) <= set(outside)
    assert chi < 139 + 4 * np.sqrt(2 * 139)


def test_judgements_become_an_interval_with_what_is_known(catalogue: Catalogue, found: AnswerSet) -> None:
    asked = query(positive=(int(found.ids[0]), 1 if 1 not in found.ids else int(found.ids[2])))
    sample = draw_sample(catalogue, RESULT_SET, asked, found)
    verdict = judge(RESULT_SET, sample, sample.inside.tolist())
    assert verdict.recall.low == pytest.approx(verdict.recall.high)
    assert verdict.recall.high == pytest.approx(200 / (200 + sample.known_outside))
    assert verdict.precision.low == 1
    assert verdict.more == 0
    early = judge(RESULT_SET, sample, sample.inside.tolist()[:30])
    assert early.recall.low < verdict.recall.low
    assert early.inside_judged + early.outside_judged == 30
    with pytest.raises(InvalidInput, match="at most"):
        judge(RESULT_SET, sample, [True] * (len(sample.ids) + 1))
