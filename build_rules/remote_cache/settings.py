"""What a cache server is told: its options, checked before anything starts."""

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
"""Loopback, on the port that REAPI servers usually take."""

DEFAULT_INSTANCE: Final = "main"
"""What clients give as `[GLOBAL].remote_instance_name`."""

MIN_SECRET_BYTES: Final = 32
"""RFC 7518, 3.2: a key of HS256 is at least as long as the hash."""

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
        """Whether only this machine can reach it. A name counts if it is `localhost`."""
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
    """All that a server needs to know.

    folder     holds everything that it keeps
    max_bytes  how much it keeps at most; the least recently used goes first
    max_age    what nobody asked for in this time goes too
    keep_free  bytes of the disk that are left to others, whatever `max_bytes` says
    secret     signs tokens; None: nobody is asked for one
    metrics    where Prometheus finds metrics over HTTP; None: nowhere
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
            f"{text!r} is no address: write HOST:PORT, such as {DEFAULT_LISTEN} or [::1]:8980"
        )
    return Address(match[1] or match[2], int(match[3]))


def parse_size(text: str) -> int:
    """Bytes: `500M`, `20G`, `1.5T`; powers of 1000. Raises CacheError."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)b?", text.strip().lower())
    size = round(float(match[1]) * _UNITS[match[2]]) if match else 0
    if not size:
        raise CacheError(f"{text!r} is no size: write a number and K, M, G or T, such as 20G")
    return size


def parse_age(text: str) -> timedelta:
    """`36h`, `30d`, `8w`. Raises CacheError."""
    match = re.fullmatch(r"(\d+)\s*([smhdw])", text.strip().lower())
    if match is None or not int(match[1]):
        raise CacheError(f"{text!r} is no time: write a number and s, m, h, d or w, such as 30d")
    return timedelta(**{_UNITS_OF_TIME[match[2]]: int(match[1])})


def default_folder(environment: Mapping[str, str]) -> Path:
    """`remote-cache` in the user's cache directory (XDG Base Directory Specification)."""
    base = environment.get("XDG_CACHE_HOME")
    if not base or not os.path.isabs(base):
        base = str(Path(environment.get("HOME") or Path.home(), ".cache"))
    return Path(base, "pants-remote-cache")


def read_tls(certificate: Path | None, key: Path | None) -> Tls | None:
    """The certificate, tried out. Raises CacheError if one is missing or they don't fit."""
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise CacheError("TLS needs both --tls-certificate and --tls-key")
    for option, path in (("--tls-certificate", certificate), ("--tls-key", key)):
        if not os.access(path, os.R_OK):
            raise CacheError(f"{option}: {path} can't be read")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except (ssl.SSLError, OSError, ValueError) as error:
        raise CacheError(
            f"{certificate} and {key} are no certificate and its private key in PEM: {error}"
        ) from error
    return Tls(certificate, key)


def read_secret(path: Path | None) -> str | None:
    """The secret in a file, without the line's end. Raises CacheError if it is short or open."""
    if path is None:
        return None
    try:
        secret = path.read_text(encoding="utf-8").strip()
        mode = path.stat().st_mode
    except (OSError, UnicodeDecodeError) as error:
        raise CacheError(f"--secret-file: {path} can't be read: {error}") from error
    if len(secret.encode()) < MIN_SECRET_BYTES:
        raise CacheError(
            f"--secret-file: {path} holds {len(secret.encode())} bytes, and whoever guesses them "
            f"writes to the cache. Make one: openssl rand -hex {MIN_SECRET_BYTES} > {path}"
        )
    if mode & 0o077:
        raise CacheError(f"--secret-file: others can read {path}: chmod 600 {path}")
    return secret


def check_exposure(settings: ServerSettings, *, trusted_network: bool) -> None:
    """Raises CacheError for a server that others reach and that asks them for nothing.

    Who may write to a cache decides what everybody's builds contain.
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
            f"{settings.listen} can be reached from other machines, and whoever writes to the "
            f"cache decides what others build. Add {' and '.join(missing)}, or say that you trust "
            "everybody who reaches it: --trusted-network"
        )
