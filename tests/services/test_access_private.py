"""Private catalogues: for others they are not there, whichever way one asks, through the page's service too."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests

from clip_branches.access import ON_BEHALF_OF, KeyRing, Passing
from clip_branches.client import Client
from clip_branches.errors import NotAllowed, NotAuthenticated, UnknownCatalogue
from tests.running import Running
from tests.services.conftest import NAME
from tests.unit.test_access_keys import access, made

PRIVATE, OTHER = "patients", "nowhere"


@pytest.fixture(scope="module")
def keys() -> dict[str, str]:
    return {}


@pytest.fixture(scope="module")
def platform(
    noise_data: Path, tiny_models: Path, tmp_path_factory: pytest.TempPathFactory, keys: dict[str, str]
) -> Iterator[Running]:
    """All three services; the web service asks for keys, the others hold to what it passes on."""
    data_dir = tmp_path_factory.mktemp("private") / "data"
    shutil.copytree(noise_data, data_dir, ignore=shutil.ignore_patterns("answers", "cache"))
    shutil.copytree(data_dir / "catalogues" / NAME, data_dir / "catalogues" / PRIVATE)
    access(data_dir, "private", PRIVATE)
    keys["ward"] = made(data_dir, "ward", "--scopes", "read,label", "--catalogues", PRIVATE)
    keys["ada"] = made(data_dir, "ada", "--scopes", "read,label")
    keys["reader"] = made(data_dir, "reader", "--scopes", "read")
    keys["scraper"] = made(data_dir, "scraper", "--scopes", "admin")
    environment = {"MODELS_DIR": str(tiny_models), "WEB_ACCESS": "keys", "DATA_ACCESS": "keys"}
    with Running.over(data_dir, environment) as running:
        yield running


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def ask(platform: Running, key: str, path: str, body: dict[str, Any] | None = None) -> requests.Response:
    method = "GET" if body is None else "POST"
    return requests.request(method, platform.url + path, json=body, headers=bearer(key), timeout=60)


@pytest.fixture(scope="module")
def answer(platform: Running, keys: dict[str, str]) -> str:
    """A result set of the private catalogue."""
    found = ask(platform, keys["ward"], f"/api/catalogues/{PRIVATE}/search", {"text": "red"})
    assert found.status_code == 200, found.text
    return str(found.json()["result_set"])


def names(platform: Running, key: str) -> list[str]:
    return [one["name"] for one in ask(platform, key, "/api/catalogues").json()["catalogues"]]


def test_a_list_holds_what_its_reader_sees(platform: Running, keys: dict[str, str]) -> None:
    assert names(platform, keys["ward"]) == [PRIVATE]
    assert names(platform, keys["ada"]) == [NAME]


@pytest.mark.parametrize(
    "path",
    [
        "/items?ids=1,2",
        "/items/1",
        "/items/1/image?width=80",
        "/items/1/image",
        "/results/{answer}",
        "/results/{answer}/ids",
        "/results/{answer}/export?format=csv",
        "/results/{answer}/export?format=recipe",
        "/results/{answer}/facets",
        "/results/{answer}/map",
        "/results/{answer}/items/1",
        "/results/{answer}/boxes",
        "/results/{answer}/changes?since={answer}",
    ],
)
def test_what_is_hidden_is_answered_as_what_never_was(
    platform: Running, keys: dict[str, str], answer: str, path: str
) -> None:
    path = path.replace("{answer}", answer)
    assert ask(platform, keys["ward"], f"/api/catalogues/{PRIVATE}{path}").status_code in (200, 400)
    hidden = ask(platform, keys["ada"], f"/api/catalogues/{PRIVATE}{path}")
    absent = ask(platform, keys["ada"], f"/api/catalogues/{OTHER}{path}")
    assert hidden.status_code == absent.status_code == 404
    assert hidden.text.replace(PRIVATE, OTHER) == absent.text
    outside = ask(platform, keys["ward"], f"/api/catalogues/{NAME}{path}")
    assert outside.status_code == 404
    assert NAME not in outside.text.replace(f"'{NAME}'", "")


@pytest.mark.parametrize("call", ["search", "suggest"])
def test_nothing_is_searched_that_is_hidden(platform: Running, keys: dict[str, str], call: str) -> None:
    body = {"text": "red", "positive": [1], "negative": [2]}
    assert ask(platform, keys["ward"], f"/api/catalogues/{PRIVATE}/{call}", body).status_code == 200
    hidden = ask(platform, keys["ada"], f"/api/catalogues/{PRIVATE}/{call}", body)
    absent = ask(platform, keys["ada"], f"/api/catalogues/{OTHER}/{call}", body)
    assert (hidden.status_code, hidden.text.replace(PRIVATE, OTHER)) == (404, absent.text)


def test_an_answer_of_it_is_not_saved_by_others(platform: Running, keys: dict[str, str], answer: str) -> None:
    body = {"name": "x", "catalogue": PRIVATE, "result_set": answer}
    assert ask(platform, keys["ada"], "/api/saved/searches", body).status_code == 404
    assert ask(platform, keys["ward"], "/api/saved/searches", body).status_code == 201


def test_pictures_are_not_for_shared_caches(platform: Running, keys: dict[str, str]) -> None:
    picture = ask(platform, keys["ward"], f"/api/catalogues/{PRIVATE}/items/1/image?width=80")
    assert "private" in picture.headers["Cache-Control"]
    assert "public" not in picture.headers["Cache-Control"]
    assert {"Authorization", "Cookie"} <= {part.strip() for part in picture.headers["Vary"].split(",")}


def test_the_data_service_takes_keys_itself(platform: Running, keys: dict[str, str]) -> None:
    url = platform.address("data") + "/v1/catalogues"
    assert requests.get(url, timeout=30).status_code == 401
    for key, seen in (("ward", PRIVATE), ("ada", NAME)):
        told = requests.get(url, headers=bearer(keys[key]), timeout=30).json()
        assert [one["name"] for one in told["catalogues"]] == [seen]
    hidden = requests.get(f"{url}/{PRIVATE}/items/1", headers=bearer(keys["ada"]), timeout=30)
    absent = requests.get(f"{url}/{OTHER}/items/1", headers=bearer(keys["ada"]), timeout=30)
    assert (hidden.status_code, hidden.text.replace(PRIVATE, OTHER)) == (404, absent.text)


def test_an_identity_that_a_caller_makes_up_is_not_passed_on(platform: Running, keys: dict[str, str]) -> None:
    forged = {"X-On-Behalf-Of": "x", **bearer(keys["ada"])}
    answer = requests.get(platform.url + "/api/catalogues", headers=forged, timeout=30)
    assert answer.status_code == 401


def test_a_reader_reads_and_does_not_label(platform: Running, keys: dict[str, str]) -> None:
    assert ask(platform, keys["reader"], f"/api/catalogues/{NAME}/search", {"text": "red"}).status_code == 200
    labelled = ask(platform, keys["reader"], f"/api/catalogues/{NAME}/search", {"positive": [1], "negative": [2]})
    assert (labelled.status_code, labelled.json()["error"]["code"]) == (403, "not_allowed")


def test_health_is_told_to_everybody_and_figures_to_the_scraper(platform: Running, keys: dict[str, str]) -> None:
    assert requests.get(f"{platform.url}/readyz", timeout=30).json() == {"status": "ok", "reasons": []}
    assert requests.get(f"{platform.url}/metrics", timeout=30).status_code == 401
    assert ask(platform, keys["ada"], "/metrics").status_code == 403
    assert "http_requests_total" in ask(platform, keys["scraper"], "/metrics").text


def test_the_client_takes_a_key(
    platform: Running, keys: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with Client(platform.url, key=keys["ward"]) as client:
        assert client.search("red", limit=1).total > 0
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("CLIP_BRANCHES_KEY", keys["reader"])
    with Client(platform.url, catalogue=NAME) as client:
        found = client.search("red", limit=1)
        with pytest.raises(NotAllowed):
            found.refine(positive=[1], negative=[2])
        with pytest.raises(UnknownCatalogue):
            client.search("red", catalogue=PRIVATE)
    monkeypatch.delenv("CLIP_BRANCHES_KEY")
    monkeypatch.delenv("NETRC")
    with Client(platform.url, catalogue=NAME) as client, pytest.raises(NotAuthenticated):
        client.search("red")


def test_the_neighbours_calls_see_no_more(platform: Running, keys: dict[str, str]) -> None:
    """clip-retrieval's calls name no catalogue in their path."""
    url = platform.address("search")
    # The search service is open on this machine: whoever reaches it there sees all. Keys are what hides.
    assert PRIVATE in requests.get(f"{url}/indices-list", timeout=30).json()
    ada = KeyRing(platform.data_dir).caller(keys["ada"])
    assert ada is not None

    def as_ada(method: str, path: str, **options: Any) -> requests.Response:
        headers = {ON_BEHALF_OF: Passing(platform.data_dir).signed(ada, method, path)}
        return requests.request(method, url + path, headers=headers, timeout=60, **options)

    assert as_ada("GET", "/indices-list").json() == [NAME]
    for path, body in (
        ("/knn-service", {"text": "red", "indice_name": PRIVATE}),
        ("/metadata", {"ids": [1], "indice_name": PRIVATE}),
        (f"/v1/catalogues/{PRIVATE}/image-search", {"input_type": "text", "query": "red"}),
        (f"/v1/catalogues/{PRIVATE}/export", {"format": "csv", "name": "x", "ids": [1], "recipe": {}}),
    ):
        hidden = as_ada("POST", path, json=body)
        other = json.loads(json.dumps(body).replace(PRIVATE, OTHER))
        absent = as_ada("POST", path.replace(PRIVATE, OTHER), json=other)
        assert (hidden.status_code, hidden.text.replace(PRIVATE, OTHER)) == (404, absent.text)
    assert as_ada("POST", "/knn-service", json={"text": "red", "num_images": 1}).status_code == 200


def test_an_identity_that_somebody_caught_opens_nothing_else(platform: Running, keys: dict[str, str]) -> None:
    """A header of one request, sent again with others: to another route, catalogue, method and service."""
    ward = KeyRing(platform.data_dir).caller(keys["ward"])
    assert ward is not None
    asked = f"/v1/catalogues/{PRIVATE}/items/1"
    caught = {ON_BEHALF_OF: Passing(platform.data_dir).signed(ward, "GET", asked)}
    data, search = platform.address("data"), platform.address("search")
    assert requests.get(data + asked, headers=caught, timeout=60).status_code == 200
    for method, address in (
        ("GET", f"{data}{asked}/image"),
        ("GET", f"{data}/v1/catalogues/{PRIVATE}/items?ids=1"),
        ("GET", f"{data}/v1/catalogues/{NAME}/items/1"),
        ("HEAD", data + asked),
        ("GET", f"{search}/v1/catalogues"),
        ("POST", f"{search}/v1/catalogues/{PRIVATE}/search"),
    ):
        again = requests.request(method, address, headers=caught, json={}, timeout=60)
        assert again.status_code == 401, (method, address, again.text)


@pytest.mark.parametrize("name", ["a b", "%41", "..", "é", "a%2Fb", "x" * 5_000, "%", "a+b", "~a", "%C3%28"])
def test_names_of_any_letters_are_passed_on_as_they_are(platform: Running, keys: dict[str, str], name: str) -> None:
    """What was signed is what is asked, however an address is written: there is no such catalogue, and no 401."""
    for path in (f"/api/catalogues/{quote(name)}/items/1", f"/api/catalogues/{name}/items/1"):
        answer = ask(platform, keys["ada"], path)
        assert answer.status_code in (400, 404), (path[:50], answer.text)
