"""Words cannot find a drawing style, ten labels over two rounds can: the platform's promise, by clicks on the page."""

from __future__ import annotations

import pytest

from tests.browser.person import Person
from tests.scenario import LABELS, QUERY, Api, Labels, best_cut, quality


@pytest.mark.slow
def test_ten_clicked_labels_find_every_picture_of_a_style(person: Person) -> None:
    api = Api(person.url)
    ranking = api.all_of(api.search(text=QUERY)[0])
    truth = api.having(ranking, lambda metadata: metadata["style"] == "chalk")

    person.visit()
    person.search(QUERY)
    labels = Labels()
    _mark(person, ranking, labels.first_round(ranking, truth))
    person.refine()
    first = api.all_of(api.search(text=QUERY, positive=labels.right, negative=labels.wrong)[0])
    assert person.total == len(first)
    _mark(person, first, labels.second_round(first, truth))
    assert sum(person.labels) == LABELS
    person.refine()

    answer = api.all_of(api.search(text=QUERY, positive=labels.right, negative=labels.wrong)[0])
    assert person.total == len(answer)
    person.scrolls_to_the_end()
    assert person.id_of(len(answer) - 1) == answer[-1]
    found = quality(answer, truth)
    assert found.f1 >= 0.85, found
    assert found.f1 > best_cut(ranking, truth)


def _mark(person: Person, shown: list[int], labels: Labels) -> None:
    for mark, ids in ((person.mark_right, labels.right), (person.mark_wrong, labels.wrong)):
        for item in ids:
            index = shown.index(item)
            person.brings_into_sight(index)
            assert person.id_of(index) == item
            mark(index)
