from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from support.tcp_proxy import Failure, TcpProxy


@pytest.fixture
def echo() -> Iterator[tuple[str, int]]:
    """A server that sends back what it gets."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    def answer(connection: socket.socket) -> None:
        with connection:
            while data := connection.recv(4096):
                connection.sendall(data)

    threading.Thread(target=serve, daemon=True).start()
    yield listener.getsockname()
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def test_bytes_pass_and_are_counted(echo: tuple[str, int]) -> None:
    with TcpProxy(echo) as proxy:
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as client:
            client.sendall(b"x" * 1000)
            assert client.recv(1000, socket.MSG_WAITALL) == b"x" * 1000
        assert (proxy.to_server, proxy.to_client, proxy.connections) == (1000, 1000, 1)


def test_a_silent_one_takes_all_and_says_nothing(echo: tuple[str, int]) -> None:
    with (
        TcpProxy(echo, failure=Failure.SILENT) as proxy,
        socket.create_connection(("127.0.0.1", proxy.port), timeout=0.3) as client,
    ):
        client.sendall(b"anybody there?")
        with pytest.raises(TimeoutError):
            client.recv(1)


def test_one_falls_silent_in_the_middle(echo: tuple[str, int]) -> None:
    """Open connections stay so, and new ones are accepted; neither gets an answer."""
    with TcpProxy(echo, failure=Failure.SILENT, after=10) as proxy:
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=0.3) as client:
            client.sendall(b"first")
            assert client.recv(5, socket.MSG_WAITALL) == b"first"
            client.sendall(b"second")
            with pytest.raises(TimeoutError):
                client.recv(1)
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=0.3) as client:
            client.sendall(b"third")
            with pytest.raises(TimeoutError):
                client.recv(1)
        assert proxy.failed


def test_one_that_dies_takes_its_connections_with_it(echo: tuple[str, int]) -> None:
    with TcpProxy(echo, failure=Failure.CUT, after=10) as proxy:
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as client:
            client.sendall(b"y" * 100)
            assert client.recv(100) == b""
        assert proxy.failed
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", proxy.port), timeout=10)
