"""Words cannot find a drawing style, ten labels over two rounds can: the platform's promise, over HTTP."""

from __future__ import annotations

import pytest

from tests.running import Running
from tests.scenario import LABELS, QUERY, STYLES, Api, Labels, best_cut, quality


@pytest.mark.slow
@pytest.mark.parametrize("style", STYLES)
def test_ten_labels_find_every_picture_of_a_style(services: Running, style: str) -> None:
    api = Api(services.url)
    text, size = api.search(text=QUERY)
    ranking = api.all_of(text)
    assert len(ranking) == len(set(ranking)) == size
    truth = api.having(ranking, lambda metadata: metadata["style"] == style)
    assert 0.1 < len(truth) / size < 0.4

    labels = Labels()
    labels.first_round(ranking, truth)
    first, _ = api.search(text=QUERY, positive=labels.right, negative=labels.wrong)
    labels.second_round(api.all_of(first), truth)
    assert labels.count == LABELS
    second, total = api.search(text=QUERY, positive=labels.right, negative=labels.wrong)
    answer = api.all_of(second)
    assert len(answer) == len(set(answer)) == total

    found = quality(answer, truth)
    assert found.f1 >= 0.85, found
    assert found.f1 > best_cut(ranking, truth)
