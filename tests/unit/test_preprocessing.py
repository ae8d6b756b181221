"""Small parts of the stages: progress, worker processes, summaries, example queries, command line."""

from __future__ import annotations

import io
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clip_branches.errors import ClipBranchesError
from preprocessing.examples import suggest_examples
from preprocessing.pool import default_workers, map_pieces
from preprocessing.progress import Progress, duration
from preprocessing.report import Note, Summary


def test_pieces_come_back_in_order_and_none_is_lost() -> None:
    pieces = list(range(-50, 0))
    assert list(map_pieces(abs, pieces, 2)) == list(map_pieces(abs, pieces, 1)) == list(range(50, 0, -1))
    assert list(map_pieces(abs, [], 2)) == []
    assert default_workers() >= 1


def test_a_worker_that_dies_is_one_clear_error() -> None:
    with pytest.raises(ClipBranchesError, match=r"ended by itself.*--workers 1"):
        list(map_pieces(os._exit, [1, 1, 1], 2))


def test_lines_now_and_then_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    with Progress("embed", 4_000, already=1_000, stream=stream) as progress:
        progress.update(1)
        assert stream.getvalue() == ""
        monkeypatch.setattr("preprocessing.progress._LINE_EVERY_S", 0.0)
        progress.update(999)
    line = stream.getvalue()
    assert line.startswith("embed: 2,000 of 4,000 (50 %), ")
    assert "images/s, about" in line
    assert line.count("\n") == 1


def test_a_bar_on_a_terminal() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    with Progress("filter", 10, stream=stream) as progress:
        progress.update(5)
    assert "filter" in stream.getvalue()
    assert "10" in stream.getvalue()


def test_durations_for_people() -> None:
    assert [duration(s) for s in (0.4, 8, 89, 180, 7_500, float("inf"))] == [
        "0 s",
        "8 s",
        "89 s",
        "3 min",
        "2 h 05 min",
        "unknown time",
    ]


def test_a_summary_counts_reasons_and_gives_an_example_of_each() -> None:
    dropped = [
        Note("a.jpg", "duplicate", "the same bytes as 0.jpg"),
        Note("b.jpg", "duplicate", "the same bytes as 0.jpg"),
        Note("c.jpg", "undecodable", "not an image"),
    ]
    lines = Summary("filter", 1_000, 900, 103, 2.0, dropped, [Note("x", "caption without image", "row 3")]).lines()
    assert lines == [
        "filter: 1,000 kept, 3 dropped (duplicate 2, undecodable 1), 1 warning (caption without image 1); 2.0 s, "
        "450 images a second, 103 taken over from an earlier run",
        "  duplicate: for instance a.jpg: the same bytes as 0.jpg",
        "  undecodable: for instance c.jpg: not an image",
        "  caption without image: for instance x: row 3",
    ]


@given(st.lists(st.none() | st.sampled_from(["cat", "dog", "a red car", "x" * 80]) | st.text(max_size=70), max_size=60))
def test_examples_are_short_captions_without_repeats(captions: list[str | None]) -> None:
    examples = suggest_examples(captions)
    assert len(examples) == len(set(examples)) <= 6
    assert all(0 < len(example) <= 60 and example in captions for example in examples)
    if any(caption and len(caption) <= 60 for caption in captions):
        assert examples


def test_the_most_frequent_captions_come_first() -> None:
    assert suggest_examples(["cat", "dog", "dog", None])[0] == "dog"
    assert suggest_examples([f"picture {number}" for number in range(600)]) == [
        f"picture {number}" for number in range(0, 600, 100)
    ]
