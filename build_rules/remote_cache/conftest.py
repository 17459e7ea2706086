"""Servers as processes, for the tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2 as reapi

from remote_cache.testing_support import Server, StartServer, digest


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests that don't damage it; each uses its own digests."""
    server = Server(tmp_path_factory.mktemp("shared") / "cache", "--metrics", "127.0.0.1:0")
    yield server
    server.kill()


@pytest.fixture
def action(request: pytest.FixtureRequest) -> reapi.Digest:
    """An action that no other test uses."""
    return digest(request.node.nodeid.encode())


@pytest.fixture
def start(tmp_path: Path) -> Iterator[StartServer]:
    """Starts servers over one folder, and ends those that a test leaves."""
    started: list[Server] = []

    def start_one(*options: str, prefix: tuple[str, ...] = ()) -> Server:
        started.append(Server(tmp_path / "cache", *options, prefix=prefix))
        return started[-1]

    yield start_one
    for server in started:
        server.kill()
