"""API keys: made, shown once, kept as digests, found by who holds them, revoked without a restart."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from clip_branches.access import LOCAL, Caller, KeyRing, Passing
from clip_branches.access.commands import main
from clip_branches.access.tokens import Token, is_of, new_token, read_token
from clip_branches.errors import ClipBranchesError, DamagedFile, NotAuthenticated, StorageError
from tests.clock import Clock

ASKED = ("GET", "/v1/catalogues/demo/items")


def access(data_dir: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--data-dir", str(data_dir), *arguments])


def made(data_dir: Path, name: str, *arguments: str) -> str:
    result = access(data_dir, "add", name, *arguments)
    assert result.exit_code == 0, result.output
    return result.stdout.strip()


def test_a_key_is_shown_once_and_kept_as_a_digest(tmp_path: Path) -> None:
    key = made(tmp_path, "ada", "--scopes", "read,label")
    path = tmp_path / "access" / "keys.json"
    assert read_token(key) is not None
    assert key.rsplit("_", 1)[1] not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert key not in access(tmp_path, "list").output
    assert [entry.name for entry in path.parent.iterdir() if entry.name.startswith(".tmp")] == []


def test_whoever_holds_a_key_is_known_by_it(tmp_path: Path) -> None:
    key = made(tmp_path, "ada", "--scopes", "read,label", "--catalogues", "a,b", "--quota", "100/day")
    caller = KeyRing(tmp_path).caller(key)
    assert caller == Caller(
        f"key:{key.split('_')[1]}", "ada", frozenset(("read", "label")), frozenset("ab"), frozenset(), 100
    )
    assert caller.sees("a")
    assert not caller.sees("c")
    assert not caller.may("admin")


def test_changes_are_seen_without_a_restart(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path)
    assert ring.caller(str(new_token())) is None
    key = made(tmp_path, "ada", "--scopes", "read")
    held = ring.caller(key)
    assert held is not None
    assert held.sees("patients")
    assert access(tmp_path, "private", "patients").exit_code == 0
    told = ring.caller(key)
    assert told is not None
    assert not told.sees("patients")
    ward = ring.caller(made(tmp_path, "ward", "--scopes", "read", "--catalogues", "patients"))
    assert ward is not None
    assert ward.sees("patients")
    assert access(tmp_path, "revoke", "ada").exit_code == 0
    assert ring.caller(key) is None
    assert ring.holder(held.owner.removeprefix("key:")) is None
    assert ring.has_keys


@pytest.mark.parametrize("changed", ["", "cb_", "x", "cb_000000000000_" + "A" * 43, "é" * 60, "cb_" + "0" * 10_000])
def test_what_is_no_key_is_nobodys(tmp_path: Path, changed: str) -> None:
    made(tmp_path, "ada", "--scopes", "read")
    assert KeyRing(tmp_path).caller(changed) is None


def test_every_character_of_a_key_counts(tmp_path: Path) -> None:
    key = made(tmp_path, "ada", "--scopes", "read")
    ring = KeyRing(tmp_path)
    for place in range(len(key)):
        other = "0" if key[place] != "0" else "1"
        assert ring.caller(key[:place] + other + key[place + 1 :]) is None
    assert ring.caller(key) is not None
    assert ring.caller(key + "A") is None


def test_a_digest_is_compared_whole() -> None:
    token = new_token()
    assert is_of(token, token.digest)
    assert not is_of(token, "0" * 64)
    assert not is_of(Token(token.id, token.secret[::-1]), token.digest)


def test_a_key_ends_when_it_said(tmp_path: Path) -> None:
    key = made(tmp_path, "guest", "--scopes", "read", "--days", "1")
    ring = KeyRing(tmp_path)
    assert ring.caller(key) is not None
    path = tmp_path / "access" / "keys.json"
    file = json.loads(path.read_text())
    file["keys"][0]["ends_at"] = "2020-01-01T00:00:00Z"
    path.write_text(json.dumps(file))
    assert ring.caller(key) is None
    assert "has ended" in access(tmp_path, "list").output
    assert not ring.has_keys


def test_a_file_that_somebody_damaged_lets_nobody_new_in_and_nobody_out(tmp_path: Path) -> None:
    key = made(tmp_path, "ada", "--scopes", "read")
    ring = KeyRing(tmp_path)
    assert ring.caller(key) is not None
    (tmp_path / "access" / "keys.json").write_text("{")
    assert ring.caller(key) is not None
    with pytest.raises(DamagedFile, match=r"keys\.json"):
        _ = KeyRing(tmp_path).has_keys
    refused = access(tmp_path, "add", "bob", "--scopes", "read")
    assert refused.exit_code == 1
    assert "keys.json" in refused.output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["add", "x", "--scopes", "write"], "scopes"),
        (["add", "x", "--scopes", ""], "scopes"),
        (["add", "x", "--scopes", "read", "--quota", "lots"], "1000/day"),
        (["add", "x", "--scopes", "read", "--catalogues", "../etc"], "catalogues"),
        (["add", "", "--scopes", "read"], "name"),
        (["revoke", "nobody"], "nobody"),
        (["allow", "everybody", "--scopes", "read"], "who"),
        (["disallow", "@nowhere.org"], "nowhere"),
        (["private", "../etc"], "private"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(tmp_path: Path, arguments: list[str], told: str) -> None:
    result = access(tmp_path, *arguments)
    assert result.exit_code in (1, 2)
    assert told in result.output
    assert "Traceback" not in result.output


def test_a_name_is_given_twice_only_after_it_was_revoked(tmp_path: Path) -> None:
    made(tmp_path, "ada", "--scopes", "read")
    assert access(tmp_path, "add", "ada", "--scopes", "read").exit_code == 1
    access(tmp_path, "revoke", "ada")
    made(tmp_path, "ada", "--scopes", "read")


def test_people_have_what_all_their_grants_give(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path)
    assert not ring.has_grants
    access(tmp_path, "private", "patients")
    access(tmp_path, "allow", "@example.org", "--scopes", "read", "--quota", "10/day")
    access(tmp_path, "allow", "group:ward", "--scopes", "read,label", "--catalogues", "patients")
    reader = ring.person("person:1", "Ada", "Ada@Example.org", [])
    assert reader is not None
    assert (reader.scopes, reader.sees("demo"), reader.sees("patients"), reader.per_day) == (
        frozenset(("read",)), True, False, 10,
    )  # fmt: skip
    nurse = ring.person("person:2", "Eve", "eve@example.org", ["ward"])
    assert nurse is not None
    assert (nurse.may("label"), nurse.sees("demo"), nurse.sees("patients"), nurse.per_day) == (True, True, True, None)
    assert ring.person("person:3", "Bob", "bob@example.org.evil.com", []) is None
    assert ring.person("person:3", "Bob", None, ["wards"]) is None
    access(tmp_path, "disallow", "@example.org")
    assert ring.person("person:1", "Ada", "ada@example.org", []) is None


def test_an_identity_is_passed_on_whole_and_only_when_signed(tmp_path: Path) -> None:
    passing, other = Passing(tmp_path / "a"), Passing(tmp_path / "b")
    caller = Caller("key:1", "Ada é", frozenset(("read",)), frozenset(("x",)), frozenset(("y",)))
    assert not passing.is_possible
    with pytest.raises(NotAuthenticated):
        passing.caller("anything", *ASKED)
    value = passing.signed(caller, *ASKED)
    assert value.isascii()
    assert Passing(tmp_path / "a").caller(value, *ASKED) == caller
    assert passing.caller(passing.signed(LOCAL, *ASKED), *ASKED) == LOCAL
    assert stat.S_IMODE((tmp_path / "a" / "access" / "secret").stat().st_mode) == 0o600
    for wrong in (other.signed(caller, *ASKED), value[:-1], "x" + value, "", "a.b", value.split(".")[0]):
        with pytest.raises(NotAuthenticated):
            passing.caller(wrong, *ASKED)


@pytest.mark.parametrize(
    "other",
    [("POST", ASKED[1]), ("GET", ASKED[1] + "/1"), ("GET", "/v1/catalogues/patients/items"), ("GET", ""), ("get", "é")],
)
def test_an_identity_is_good_for_the_request_that_it_was_signed_for(tmp_path: Path, other: tuple[str, str]) -> None:
    passing = Passing(tmp_path)
    with pytest.raises(NotAuthenticated, match="another request"):
        passing.caller(passing.signed(LOCAL, *ASKED), *other)
    assert passing.caller(passing.signed(LOCAL, *other), *other) == LOCAL


@pytest.mark.parametrize("ahead", [62, -62])
def test_an_identity_is_not_good_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ahead: int) -> None:
    """Nor is one of a service whose clock is that far ahead or behind."""
    passing, clock = Passing(tmp_path), Clock(monkeypatch)
    value = passing.signed(LOCAL, *ASKED)
    clock.moves_on(ahead * 0.9)
    assert passing.caller(value, *ASKED) == LOCAL
    clock.moves_on(ahead * 0.1)
    with pytest.raises(NotAuthenticated, match="60 seconds"):
        passing.caller(value, *ASKED)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match="secret"):
        Passing(tmp_path).signed(LOCAL, *ASKED)


def test_a_secret_that_was_cut_short_is_named(tmp_path: Path) -> None:
    (tmp_path / "access").mkdir()
    (tmp_path / "access" / "secret").write_text("short")
    with pytest.raises(ClipBranchesError, match="secret"):
        Passing(tmp_path).signed(LOCAL, *ASKED)
