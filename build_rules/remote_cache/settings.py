"""A cache server's options, validated before anything starts."""

from __future__ import annotations

import ipaddress
import os
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from remote_cache.errors import CacheError

DEFAULT_LISTEN: Final = "127.0.0.1:8980"
"""Loopback, on the usual port of REAPI servers."""

DEFAULT_INSTANCE: Final = "main"
"""What clients give as `[GLOBAL].remote_instance_name`."""

MIN_SECRET_BYTES: Final = 32
"""RFC 7518, 3.2: a key for HS256 must be at least as long as the hash."""

_UNITS: Final = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_UNITS_OF_TIME: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True)
class Address:
    """Where the server listens. Port 0: any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it. The only name that counts is `localhost`."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


@dataclass(frozen=True)
class Tls:
    """Paths of PEM files: the certificate with its chain, and its private key."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class ServerSettings:
    """A server's settings.

    folder     where everything is stored
    max_bytes  maximum size; the least recently used entries are evicted first
    max_age    entries unused for this long are evicted too
    keep_free  bytes to leave free on the disk, whatever `max_bytes` allows
    secret     signs tokens; None: clients need none
    metrics    where metrics are served over HTTP for Prometheus; None: nowhere
    """

    folder: Path
    listen: Address
    max_bytes: int
    max_age: timedelta
    keep_free: int
    instance: str = DEFAULT_INSTANCE
    tls: Tls | None = None
    secret: str | None = None
    metrics: Address | None = None
    threads: int = 32


def parse_address(text: str) -> Address:
    """`HOST:PORT`, an IPv6 address in brackets. Raises CacheError."""
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^:\[\]/]+)):(\d{1,5})", text.strip())
    if match is None or int(match[3]) > 65535:
        raise CacheError(
            f"{text!r} is not an address: write HOST:PORT, such as {DEFAULT_LISTEN} or [::1]:8980"
        )
    return Address(match[1] or match[2], int(match[3]))


def parse_size(text: str) -> int:
    """Bytes: `500M`, `20G`, `1.5T`; powers of 1000. Raises CacheError."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)b?", text.strip().lower())
    size = round(float(match[1]) * _UNITS[match[2]]) if match else 0
    if not size:
        raise CacheError(f"{text!r} is not a size: write a number and K, M, G or T, such as 20G")
    return size


def parse_age(text: str) -> timedelta:
    """`36h`, `30d`, `8w`. Raises CacheError."""
    match = re.fullmatch(r"(\d+)\s*([smhdw])", text.strip().lower())
    if match is None or not int(match[1]):
        raise CacheError(
            f"{text!r} is not a duration: write a number and s, m, h, d or w, such as 30d"
        )
    return timedelta(**{_UNITS_OF_TIME[match[2]]: int(match[1])})


def default_folder(environment: Mapping[str, str]) -> Path:
    """`remote-cache` in the user's cache directory (XDG Base Directory Specification)."""
    base = environment.get("XDG_CACHE_HOME")
    if not base or not os.path.isabs(base):
        base = str(Path(environment.get("HOME") or Path.home(), ".cache"))
    return Path(base, "pants-remote-cache")


def read_tls(certificate: Path | None, key: Path | None) -> Tls | None:
    """Load the certificate. Raises CacheError if a file is missing or they don't match."""
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise CacheError("TLS needs both --tls-certificate and --tls-key")
    for option, path in (("--tls-certificate", certificate), ("--tls-key", key)):
        if not os.access(path, os.R_OK):
            raise CacheError(f"{option}: {path} cannot be read")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except (ssl.SSLError, OSError, ValueError) as error:
        raise CacheError(
            f"{certificate} and {key} are not a certificate and its private key in PEM: {error}"
        ) from error
    return Tls(certificate, key)


def read_secret(path: Path | None) -> str | None:
    """The secret in a file, without the line end. Raises CacheError if it is too short or others
    can read it."""
    if path is None:
        return None
    try:
        secret = path.read_text(encoding="utf-8").strip()
        mode = path.stat().st_mode
    except (OSError, UnicodeDecodeError) as error:
        raise CacheError(f"--secret-file: {path} cannot be read: {error}") from error
    if len(secret.encode()) < MIN_SECRET_BYTES:
        raise CacheError(
            f"--secret-file: {path} holds {len(secret.encode())} bytes, too few: anyone who "
            f"guesses them can write to the cache. Make one: openssl rand -hex {MIN_SECRET_BYTES} > {path}"
        )
    if mode & 0o077:
        raise CacheError(f"--secret-file: others can read {path}: run chmod 600 {path}")
    return secret


def check_exposure(settings: ServerSettings, *, trusted_network: bool) -> None:
    """Raises CacheError for a server that others can reach without TLS and tokens.

    Whoever can write to a cache decides what everyone's builds contain.
    """
    if settings.listen.loopback or trusted_network:
        return
    missing = [
        words
        for words, there in (
            ("--tls-certificate and --tls-key", settings.tls),
            ("--secret-file", settings.secret),
        )
        if not there
    ]
    if missing:
        raise CacheError(
            f"{settings.listen} is reachable from other machines, and whoever can write to the "
            f"cache decides what others build. Add {' and '.join(missing)}, or declare that you "
            "trust everyone who can reach it: --trusted-network"
        )
