"""A TCP proxy on loopback that can be a bad network: slow, silent, cut, and counted."""

from __future__ import annotations

import contextlib
import enum
import socket
import threading
import time
from types import TracebackType
from typing import Final, Self

_CHUNK: Final = 64 * 1024


class Mode(enum.Enum):
    """What happens to bytes: they pass, or are swallowed while connections stay open."""

    PASS = "pass"
    SILENT = "silent"


class TcpProxy:
    """Forwards 127.0.0.1:`port` to `target`.

    bytes_per_s   limit for each direction of each connection; None: none
    cut_after     bytes from the server after which every connection is cut and none accepted
    """

    def __init__(
        self,
        target: tuple[str, int],
        *,
        mode: Mode = Mode.PASS,
        bytes_per_s: int | None = None,
        cut_after: int | None = None,
    ) -> None:
        self._target = target
        self._mode = mode
        self._bytes_per_s = bytes_per_s
        self._cut_after = cut_after
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self.to_server = 0
        """Bytes that clients sent, so far."""
        self.to_client = 0
        """Bytes that the server sent, so far."""
        self.connections = 0
        self.was_cut = False

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
            if self._mode is Mode.SILENT:
                self._keep(client)
                self._start(self._swallow, client)
                continue
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

    def _swallow(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(_CHUNK):
                self.to_server += len(data)

    def _pump(self, source: socket.socket, sink: socket.socket, upwards: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_CHUNK):
                with self._lock:
                    if upwards:
                        self.to_server += len(data)
                    else:
                        self.to_client += len(data)
                    cut = self._cut_after is not None and self.to_client > self._cut_after
                if cut:
                    self.cut()
                    return
                if self._bytes_per_s:
                    time.sleep(len(data) / self._bytes_per_s)
                sink.sendall(data)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        """End every connection, and accept none any more: the server has died."""
        self.was_cut = True
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

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.cut()
        for one in self._open:
            one.close()
