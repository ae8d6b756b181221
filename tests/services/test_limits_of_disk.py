"""What the requests of answers may take on disk: in bytes, and what was not asked for longest goes first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from flask import Flask

from tests.services.conftest import NAME, ask

LIMIT = 1_000_000
# Of twenty words nothing is left but their length: each request is about 20,000 bytes.
LONG = [f"{number} " + "x" * 990 for number in range(20)]


def test_requests_stay_within_their_bytes(start_search: Callable[..., Flask], own_data: Path) -> None:
    app = start_search(own_data, requests_disk_mb=1, answers_disk_mb=0, answers_in_memory=1)
    client = app.test_client()

    def found(result_set: str) -> int:
        return client.get(f"/v1/catalogues/{NAME}/results/{result_set}?limit=1").status_code

    def stored() -> dict[str, int]:
        return {path.parent.name: path.stat().st_size for path in (own_data / "answers").rglob("request.json")}

    first, *others = (ask(client, text=f"picture {number}", without=LONG, limit=1)["result_set"] for number in range(2))
    size = stored()[first]
    assert size > LIMIT / 60
    for number in range(2, 2 * LIMIT // size):
        others.append(ask(client, text=f"picture {number}", without=LONG, limit=1)["result_set"])
        assert found(first) == 200  # it is asked for again and again
    left = stored()
    assert sum(left.values()) <= LIMIT * 17 / 16  # the folder is looked through after each sixteenth
    gone = [result_set for result_set in others if result_set not in left]
    # The oldest of all but the one that was read, and nothing else.
    assert gone == others[: len(gone)]
    assert len(gone) >= 40
    assert found(first) == 200
    assert {found(result_set) for result_set in gone[:3]} == {404}
    assert found(others[-1]) == 200
