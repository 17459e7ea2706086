"""A server filled by a first build, and workplaces for further builds."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.cache_builds import Filled, StartServer, Workplace
from support.cache_server import CacheServer, make_python
from support.clones import REPOSITORY


@pytest.fixture(scope="session")
def launcher() -> Path:
    """The installations of ./pants, shared: users set up the same prefix on all machines too."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("PANTS_SETUP_CACHE") or Path(cache, "pants/setup"))


@pytest.fixture(scope="session")
def caches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pants' named caches, for all builds except those that must start without."""
    return tmp_path_factory.mktemp("caches")


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory, launcher: Path, caches: Path) -> Filled:
    work = tmp_path_factory.mktemp("filled")
    python = make_python(REPOSITORY, work / "venv")
    with CacheServer(python, REPOSITORY, work / "cache") as server:
        first = Workplace(work / "first", launcher, caches).build(server.address)
    assert first.exit_code == 0, first.output
    assert first.sha256 is not None
    assert first.hits == 0
    assert first.counters["remote_cache_write_successes"] == len(first.ran) > 5
    return Filled(python, work / "cache", first)


@pytest.fixture
def workplace(tmp_path: Path, launcher: Path, caches: Path) -> Workplace:
    return Workplace(tmp_path / "place", launcher, caches)


@pytest.fixture
def start(filled: Filled, tmp_path: Path) -> Iterator[StartServer]:
    """Starts a server over a copy of the filled folder, after `damage` changed it."""
    servers: list[CacheServer] = []

    def start_one(*options: str, damage: Callable[[Path], None] | None = None) -> CacheServer:
        folder = filled.copy(tmp_path / f"cache-{len(servers)}")
        if damage is not None:
            damage(folder)
        server = CacheServer(filled.python, REPOSITORY, folder, *options)
        server.__enter__()
        servers.append(server)
        return server

    yield start_one
    for server in servers:
        server.__exit__(None, None, None)
