"""An ASGI application served on a free loopback port, from a thread of the test process.

Uvicorn and Starlette are in the service's lock anyway (through `mcp`), and one engine serves every
HTTP stand-in: the model endpoints, the Daytona API and MCP over HTTP.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any, Final, Self

import uvicorn

START_TIMEOUT_S: Final = 10.0
STOP_TIMEOUT_S: Final = 10.0


@contextlib.contextmanager
def closed_port() -> Iterator[int]:
    """A port that refuses connections while the context is open: bound, but never listening."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


@contextlib.contextmanager
def silent_port() -> Iterator[int]:
    """A port that accepts connections and never answers, like a hung server."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield listener.getsockname()[1]


class _Server(uvicorn.Server):
    """Uvicorn's server, which tells another thread when it is up or has failed."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.decided = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets=sockets)
        finally:
            self.decided.set()


class LoopbackServer:
    """Serves `app` on 127.0.0.1 while the context is open.

    Raises RuntimeError when the application does not start or does not stop in time.
    """

    def __init__(self, app: Any) -> None:
        self._app = app
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self.port = 0
        self.closing = threading.Event()

    @property
    def root_url(self) -> str:
        """`http://127.0.0.1:PORT`, without a trailing slash."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        server = _Server(
            uvicorn.Config(
                self._app,
                log_level="warning",
                access_log=False,
                lifespan="auto",
                timeout_graceful_shutdown=2,
            )
        )
        thread = threading.Thread(
            target=server.run, args=([listener],), name=f"loopback-{self.port}", daemon=True
        )
        thread.start()
        self._server, self._thread = server, thread
        if not server.decided.wait(START_TIMEOUT_S) or not server.started:
            raise RuntimeError(f"the loopback server on port {self.port} did not start")
        return self

    def __exit__(self, *error: object) -> None:
        assert self._server is not None
        assert self._thread is not None
        self.closing.set()
        self._server.should_exit = True
        self._thread.join(STOP_TIMEOUT_S)
        if self._thread.is_alive():
            raise RuntimeError(f"the loopback server on port {self.port} did not stop")
