"""Ends connections to a remote cache that have fallen silent, so that no build waits for one forever.

Pants 2.17 bounds its lookups, but not the transfer of a blob: a server that stops in the middle of one,
with its connection open, keeps a build waiting, even for a process that has ended here in the
meantime. Once the connection is gone Pants takes the blob for missing.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import struct
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

logger = logging.getLogger(__name__)

SILENT_S = 20.0
"""How long nothing may come on a connection. Servers that work answer, or at least take what they are
sent, much sooner (HTTP/2 tells the sender of it); a connection that only rests is opened again."""

_PORTS = {"grpc": 80, "grpcs": 443, "http": 80, "https": 443}
_LAST_DATA_RECEIVED = struct.Struct("52xI")
"""tcpi_last_data_recv of Linux' struct tcp_info: milliseconds since something came (tcp(7))."""


def addresses(store_address: str) -> set[tuple[str, int]]:
    """Host addresses and port of `[GLOBAL].remote_store_address`; none if it can't be resolved."""
    try:
        url = urlsplit(store_address)
        port = url.port or _PORTS[url.scheme]
        found = socket.getaddrinfo(url.hostname, port, type=socket.SOCK_STREAM)
    except (OSError, KeyError, ValueError):
        return set()
    return {(str(entry[4][0]), port) for entry in found}


@contextmanager
def _opened(descriptor: int) -> Iterator[socket.socket | None]:
    """A file descriptor of this process as a socket; None if it is none, or none any more."""
    copy = None
    with contextlib.suppress(OSError):
        copy = os.dup(descriptor)  # so that nobody else gets the number meanwhile
    if copy is None:
        yield None
        return
    try:
        found = socket.socket(fileno=copy)
    except OSError:
        os.close(copy)
        yield None
        return
    with found:
        yield found


def end_silent(peers: Collection[tuple[str, int]], silent_s: float = SILENT_S) -> int:
    """Shut down this process's connections to `peers` that have been silent; how many those were.

    Linux alone tells of a connection's silence; elsewhere nothing is done.
    """
    if sys.platform != "linux" or not peers:
        return 0
    ended = 0
    for name in os.listdir("/proc/self/fd"):
        with _opened(int(name)) as connection:
            if connection is None:
                continue
            try:
                if connection.getpeername()[:2] not in peers:
                    continue
                info = connection.getsockopt(
                    socket.IPPROTO_TCP, socket.TCP_INFO, _LAST_DATA_RECEIVED.size
                )
                silent_ms: int = _LAST_DATA_RECEIVED.unpack(info)[0]
                if silent_ms < silent_s * 1000:
                    continue
                connection.shutdown(socket.SHUT_RDWR)
            except (OSError, struct.error):
                continue  # no connection, or one that has just ended
        ended += 1
        logger.debug("ended a connection to the remote cache: silent for %d s", silent_ms // 1000)
    return ended
