"""Where a service may listen: to this machine as it likes, beyond it only knowing who asks."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from clip_branches.access import check_exposure, mode_of
from clip_branches.access.commands import main
from clip_branches.access.exposure import is_loopback
from clip_branches.access.secret import SharedSecret
from clip_branches.errors import ConfigurationError
from clip_branches.settings import DataSettings, SearchSettings, ServiceSettings, WebSettings

EACH = [SearchSettings, DataSettings, WebSettings]


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost", "LOCALHOST", "::ffff:127.0.0.1"]
)
def test_this_machine_is_open_by_itself(tmp_path: Path, host: str) -> None:
    settings = WebSettings(host=host, data_dir=tmp_path)
    assert is_loopback(host)
    assert mode_of(settings) == "open"
    check_exposure(settings)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "", "::", "192.168.1.5", "8.8.8.8", "example.org", "127.1", "localhost.evil.com"]
)
@pytest.mark.parametrize("kind", EACH)
def test_beyond_it_keys_are_asked_for_and_there_must_be_one(
    tmp_path: Path, kind: type[ServiceSettings], host: str
) -> None:
    settings = kind(host=host, data_dir=tmp_path)
    assert mode_of(settings) == "keys"
    with pytest.raises(ConfigurationError) as caught:
        check_exposure(settings)
    assert "clip_branches.access add" in caught.value.message
    assert "\n" not in caught.value.message
    CliRunner().invoke(main, ["--data-dir", str(tmp_path), "add", "ada", "--scopes", "read"])
    check_exposure(settings)
    CliRunner().invoke(main, ["--data-dir", str(tmp_path), "revoke", "ada"])
    with pytest.raises(ConfigurationError):
        check_exposure(settings)


@pytest.mark.parametrize("kind", EACH)
def test_open_beyond_it_needs_to_be_told_that_the_network_is_trusted(
    tmp_path: Path, kind: type[ServiceSettings]
) -> None:
    CliRunner().invoke(main, ["--data-dir", str(tmp_path), "add", "ada", "--scopes", "read"])
    with pytest.raises(ConfigurationError, match=f"{kind.service.upper()}_TRUSTED_NETWORK=true"):
        check_exposure(kind(host="0.0.0.0", access="open", data_dir=tmp_path))
    trusted = kind(host="0.0.0.0", trusted_network=True, data_dir=tmp_path)
    check_exposure(trusted)
    assert mode_of(trusted) == "open"
    assert mode_of(kind(host="0.0.0.0", trusted_network=True, access="keys")) == "keys"


def test_a_container_says_where_its_port_is_published(tmp_path: Path) -> None:
    check_exposure(WebSettings(host="0.0.0.0", published_host="127.0.0.1", data_dir=tmp_path))
    with pytest.raises(ConfigurationError, match=r"10\.0\.0\.1"):
        check_exposure(WebSettings(host="0.0.0.0", published_host="10.0.0.1", data_dir=tmp_path))


def test_what_a_server_listens_on_counts_not_what_the_settings_say(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="open to anybody"):
        check_exposure(WebSettings(data_dir=tmp_path), bound="0.0.0.0")


def test_the_pages_service_may_be_the_only_one_to_get_in(tmp_path: Path) -> None:
    SharedSecret(tmp_path).keys_for("test")
    check_exposure(SearchSettings(host="0.0.0.0", data_dir=tmp_path))
    with pytest.raises(ConfigurationError):
        check_exposure(WebSettings(host="0.0.0.0", data_dir=tmp_path))
