"""Several terms with weights, and what they share with the rest of a query."""

from __future__ import annotations

import numpy as np
from flask.testing import FlaskClient

from tests.services.conftest import NAME, ask, every_hit


def test_a_term_alone_is_the_text(search: FlaskClient) -> None:
    text = every_hit(search, ask(search, text="a red boat")["result_set"], limit=240)
    term = every_hit(search, ask(search, terms=[{"text": " a  red boat", "weight": 3}])["result_set"], limit=240)
    assert [hit["id"] for hit in term] == [hit["id"] for hit in text]
    assert np.allclose([hit["score"] for hit in term], [hit["score"] for hit in text], atol=1e-5)


def test_terms_are_added_by_their_weights(search: FlaskClient) -> None:
    """Scores are dot products with unit(t + g a), so up to one factor they are those of t plus g times those of a."""

    def scores(**request: object) -> dict[int, float]:
        hits = every_hit(search, ask(search, **request)["result_set"], limit=240)
        return {hit["id"]: hit["score"] for hit in hits}

    text, term = scores(text="a boat"), scores(text="a tree")
    both = scores(text="a boat", terms=[{"text": "a tree", "weight": 0.5}])
    ids = sorted(both)
    expected = np.array([text[i] + 0.5 * term[i] for i in ids])
    found = np.array([both[i] for i in ids])
    factor = float(expected @ found / (found @ found))
    assert np.allclose(found * factor, expected, atol=1e-4)


def test_the_order_of_terms_does_not_make_another_request(search: FlaskClient) -> None:
    one = ask(search, text="x", terms=[{"text": "b"}, {"text": "a", "weight": 2}])
    other = ask(search, text="x", terms=[{"text": "a"}, {"text": "b"}, {"text": " a "}])
    assert one["result_set"] == other["result_set"]
    assert one["result_set"] != ask(search, text="x", terms=[{"text": "b"}])["result_set"]


def test_a_term_without_words_is_no_term(search: FlaskClient) -> None:
    assert ask(search, text="x", terms=[{"text": " "}])["result_set"] == ask(search, text="x")["result_set"]
    answer = search.post(f"/v1/catalogues/{NAME}/search", json={"terms": [{"text": "x", "weight": 0}]})
    assert answer.status_code == 400
    assert answer.json is not None
    assert "terms" in answer.json["error"]["field"]


def test_pages_of_an_answer_with_terms(search: FlaskClient) -> None:
    answer = ask(search, text="a boat", terms=[{"text": "a tree", "weight": 0.5}], limit=5)
    page = search.get(f"/v1/catalogues/{NAME}/results/{answer['result_set']}?limit=5").json
    assert page is not None
    assert page["hits"] == answer["hits"]
