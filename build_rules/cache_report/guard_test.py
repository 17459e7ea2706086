from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterator

import pytest

from cache_report.guard import addresses, end_silent


@pytest.fixture
def connected() -> Iterator[tuple[socket.socket, socket.socket, tuple[str, int]]]:
    """A client's end of a connection, the server's end, and the server's address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        peer: tuple[str, int] = listener.getsockname()
        with socket.create_connection(peer, timeout=10) as client:
            server, _ = listener.accept()
            with server:
                yield client, server, peer


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of a connection's silence")
def test_a_silent_connection_is_ended(
    connected: tuple[socket.socket, socket.socket, tuple[str, int]],
) -> None:
    client, server, peer = connected
    server.sendall(b"first")
    assert client.recv(5) == b"first"
    time.sleep(0.5)
    client.sendall(b"still there?")  # what is sent is no sign of life
    assert end_silent({("127.0.0.1", peer[1] + 1)}, 0.3) == 0
    assert end_silent({peer}, 60) == 0
    assert end_silent({peer}, 0.3) == 1
    assert client.recv(1) == b""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of a connection's silence")
def test_a_connection_on_which_something_comes_stays(
    connected: tuple[socket.socket, socket.socket, tuple[str, int]],
) -> None:
    client, server, peer = connected
    time.sleep(0.5)
    server.sendall(b"here")
    assert client.recv(4) == b"here"
    assert end_silent({peer}, 0.3) == 0
    server.sendall(b"still")
    assert client.recv(5) == b"still"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, which only Linux has")
def test_nothing_stays_open() -> None:
    before = len(os.listdir("/proc/self/fd"))
    end_silent({("127.0.0.1", 1)})
    assert len(os.listdir("/proc/self/fd")) == before


def test_addresses() -> None:
    assert addresses("grpc://127.0.0.1:8980") == {("127.0.0.1", 8980)}
    assert addresses("grpcs://127.0.0.1") == {("127.0.0.1", 443)}
    assert addresses("grpc://no-such-host.invalid:1") == set()
    assert addresses("nonsense") == set()
