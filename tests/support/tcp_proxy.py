"""A TCP proxy on loopback that simulates a bad network (slow, silent, cut) and counts bytes."""

from __future__ import annotations

import contextlib
import enum
import socket
import threading
import time
from typing import Final, Self

_CHUNK: Final = 64 * 1024


class Failure(enum.Enum):
    """How a server fails: its connections end, or stay open but silent."""

    CUT = "cut"
    SILENT = "silent"


class TcpProxy:
    """Forwards 127.0.0.1:`port` to `target`.

    bytes_per_s   limit for each direction of each connection; None: none
    failure       what happens once the server has sent `after` bytes; None: nothing
    """

    def __init__(
        self,
        target: tuple[str, int],
        *,
        bytes_per_s: int | None = None,
        failure: Failure | None = None,
        after: int = 0,
    ) -> None:
        self._target = target
        self._bytes_per_s = bytes_per_s
        self._failure = failure
        self._after = after
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self.to_server = 0
        """Bytes that clients sent, so far."""
        self.to_client = 0
        """Bytes that the server sent, so far."""
        self.connections = 0
        self.failed = False
        """Whether the failure has begun."""

    @property
    def address(self) -> str:
        """`127.0.0.1:PORT`."""
        return f"127.0.0.1:{self.port}"

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            try:
                server = socket.create_connection(self._target)
            except OSError:
                client.close()
                continue
            self._keep(client, server)
            self._start(self._pump, client, server, True)
            self._start(self._pump, server, client, False)

    @staticmethod
    def _start(work: object, *arguments: object) -> None:
        threading.Thread(target=work, args=arguments, daemon=True).start()  # type: ignore[arg-type]

    def _keep(self, *sockets: socket.socket) -> None:
        with self._lock:
            self._open.update(sockets)

    def _count(self, number: int, upwards: bool) -> bool:
        """Whether so many bytes more pass; the first that don't are the failure's beginning."""
        with self._lock:
            if upwards:
                self.to_server += number
            else:
                self.to_client += number
            if self._failure is None or self.to_client < self._after:
                return True
            self.failed = True
        return False

    def _pump(self, source: socket.socket, sink: socket.socket, upwards: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_CHUNK):
                if self._count(len(data), upwards):
                    if self._bytes_per_s:
                        time.sleep(len(data) / self._bytes_per_s)
                    sink.sendall(data)
                elif self._failure is Failure.CUT:
                    self.cut()
                    return
        if self.failed and self._failure is Failure.SILENT:
            return  # the other side does not learn that this one has gone
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        """End every connection and accept no more: the server has died."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            sockets = list(self._open)
        for one in sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *error: object) -> None:
        self.cut()
        for one in self._open:
            one.close()
