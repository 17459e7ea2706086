from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from remote_cache.errors import CacheError
from remote_cache.settings import (
    Address,
    ServerSettings,
    Tls,
    check_exposure,
    parse_address,
    parse_age,
    parse_size,
    read_secret,
    read_tls,
)

SETTINGS = ServerSettings(
    folder=Path("cache"),
    listen=Address("127.0.0.1", 8980),
    max_bytes=1,
    max_age=timedelta(days=1),
    keep_free=1,
)


def test_sizes_ages_and_addresses() -> None:
    assert [parse_size(text) for text in ("500M", "1.5g", "20 GB", "7")] == [
        *(500_000_000, 1_500_000_000, 20_000_000_000, 7)
    ]
    assert [parse_age(text) for text in ("36h", "30d")] == [timedelta(hours=36), timedelta(days=30)]
    assert str(parse_address("[::1]:80")) == "[::1]:80"
    assert parse_address("cache.example.com:443") == Address("cache.example.com", 443)


@pytest.mark.parametrize("text", ["", "0", "-1G", "5Q", "G"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(CacheError, match="such as 20G"):
        parse_size(text)


@pytest.mark.parametrize("text", ["", "8980", "host", "host:99999", "::1:80", "http://a:1"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(CacheError, match="HOST:PORT"):
        parse_address(text)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1", "localhost"])
def test_loopback_needs_nothing(host: str) -> None:
    check_exposure(replace(SETTINGS, listen=Address(host, 1)), trusted_network=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "cache.example.com"])
def test_others_are_asked_for_a_token_over_tls(host: str) -> None:
    exposed = replace(SETTINGS, listen=Address(host, 1))
    with pytest.raises(CacheError, match="--tls-certificate and --tls-key and --secret-file"):
        check_exposure(exposed, trusted_network=False)
    encrypted = replace(exposed, tls=Tls(Path("a"), Path("b")))
    with pytest.raises(CacheError, match=r"Add --secret-file, or"):
        check_exposure(encrypted, trusted_network=False)
    check_exposure(exposed, trusted_network=True)


def test_a_secret_is_long_and_closed(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("a" * 31)
    file.chmod(0o600)
    with pytest.raises(CacheError, match="openssl rand"):
        read_secret(file)
    file.write_text("a" * 32 + "\n")
    assert read_secret(file) == "a" * 32
    file.chmod(0o640)
    with pytest.raises(CacheError, match="chmod 600"):
        read_secret(file)
    with pytest.raises(CacheError, match="cannot be read"):
        read_secret(tmp_path / "none")


def test_a_certificate_that_is_none(tmp_path: Path) -> None:
    file = tmp_path / "a.pem"
    with pytest.raises(CacheError, match="both"):
        read_tls(file, None)
    with pytest.raises(CacheError, match="cannot be read"):
        read_tls(file, file)
    file.write_text("-----BEGIN CERTIFICATE-----\n")
    with pytest.raises(CacheError, match="not a certificate and its private key"):
        read_tls(file, file)
