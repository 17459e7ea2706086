"""A cache may save a build work, or do nothing: it must never change bytes or hang.

Real servers and real builds of a small program; faults of the network by a proxy on loopback, of the
disk by changed files. Run by `make test-cache`: a build inside of Pants' own test would wait for it.
"""

from __future__ import annotations

import errno
import hashlib
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from support.cache_builds import Build, Filled, StartServer, Workplace
from support.cache_server import CacheServer
from support.clones import REPOSITORY
from support.ports import free_port
from support.tcp_proxy import Failure, TcpProxy


def assert_same(build: Build, filled: Filled) -> None:
    assert build.exit_code == 0, build.output
    assert build.sha256 == filled.first.sha256


def test_another_clone_freezes_nothing(
    filled: Filled, start: StartServer, tmp_path: Path, launcher: Path
) -> None:
    """Elsewhere, with another home and nothing stored: no wheel is installed, nothing is frozen."""
    build = Workplace(tmp_path / "else where", launcher).build(start().address)
    assert_same(build, filled)
    assert build.ran == []
    assert build.hits == len(filled.first.ran)


def test_down_at_the_start(filled: Filled, workplace: Workplace) -> None:
    build = workplace.build(f"127.0.0.1:{free_port()}")
    assert_same(build, filled)
    assert sorted(build.ran) == sorted(filled.first.ran)
    assert "WARN" in build.output


def test_dies_in_the_middle(filled: Filled, start: StartServer, workplace: Workplace) -> None:
    with TcpProxy(start().target, failure=Failure.CUT, after=3_000_000) as proxy:
        build = workplace.build(proxy.address)
        assert proxy.failed
    assert_same(build, filled)
    assert build.ran


def test_slow(filled: Filled, start: StartServer, workplace: Workplace) -> None:
    """If a lookup takes longer than the process, the process runs here; the build doesn't wait."""
    with TcpProxy(start().target, bytes_per_s=500_000) as proxy:
        build = workplace.build(proxy.address)
        assert proxy.connections
    assert_same(build, filled)


@pytest.mark.parametrize("after", [0, 3_000_000], ids=["at once", "in a transfer"])
def test_hanging(filled: Filled, start: StartServer, workplace: Workplace, after: int) -> None:
    with TcpProxy(start().target, failure=Failure.SILENT, after=after) as proxy:
        build = workplace.build(proxy.address, session_end_tasks_timeout="20.0")
        assert proxy.failed
    assert_same(build, filled)
    assert build.ran


def test_the_token_is_refused(
    filled: Filled, start: StartServer, workplace: Workplace, tmp_path: Path
) -> None:
    secret, token = tmp_path / "secret", tmp_path / "token"
    secret.write_text("s" * 40)
    secret.chmod(0o600)
    token.write_text("no.such.token")
    build = workplace.build(
        start("--secret-file", str(secret)).address, remote_oauth_bearer_token_path=str(token)
    )
    assert_same(build, filled)
    assert build.hits == 0
    assert "Unauthenticated" in build.output


_SMALL_DISK = (
    *("unshare", "--map-root-user", "--mount"),
    *("sh", "-c", 'mount -t tmpfs -o size=8m none "$0" && exec "$@"'),
)


@pytest.mark.skipif(
    sys.platform != "linux"
    or subprocess.run([*_SMALL_DISK, tempfile.gettempdir(), "true"], check=False).returncode != 0,
    reason="needs Linux and the right to make a mount namespace",
)
def test_a_full_disk(filled: Filled, workplace: Workplace, tmp_path: Path) -> None:
    """What fits is stored, the rest is reported, and the next build uses what was stored."""
    folder = tmp_path / "disk"
    folder.mkdir()
    with CacheServer(
        *(filled.python, REPOSITORY, folder, "--keep-free", "1K"),
        prefix=(*_SMALL_DISK, str(folder)),
    ) as server:
        first = workplace.build(server.address)
        assert_same(first, filled)
        assert first.counters["remote_cache_write_errors"]
        assert f"Disk Error: {errno.ENOSPC}" in server.output
        again = workplace.build(server.address, local_store_dir=str(tmp_path / "empty"))
    assert_same(again, filled)
    assert again.hits
    assert again.ran


def test_all_has_expired(filled: Filled, start: StartServer, workplace: Workplace) -> None:
    server = start("--max-age", "1s")
    build = workplace.build(server.address)
    assert_same(build, filled)
    assert build.hits == 0
    assert "expired" in server.output


def test_large_outputs_are_stored_to_the_end(
    filled: Filled, launcher: Path, caches: Path, tmp_path: Path
) -> None:
    """150 MB of which none compresses, at 20 MB/s: what is still on its way when the build is done
    is waited for, and another clone has all of it."""
    size = 150_000_000
    with (
        CacheServer(filled.python, REPOSITORY, tmp_path / "cache") as server,
        TcpProxy(server.target, bytes_per_s=20_000_000) as proxy,
    ):
        first = Workplace(tmp_path / "first", launcher, caches, size).build(proxy.address)
        assert first.exit_code == 0, first.output
        assert first.counters["remote_cache_write_successes"] == len(first.ran)
        assert proxy.to_server > size
        again = Workplace(tmp_path / "again", launcher, caches, size).build(server.address)
    assert (again.exit_code, again.sha256) == (0, first.sha256), again.output
    assert again.ran == []


def blobs(folder: Path) -> list[Path]:
    return [path for path in (folder / "cas/objects").glob("*/*") if path.is_file()]


def corrupt(folder: Path) -> None:
    for path in blobs(folder):
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def remove_some(folder: Path) -> None:
    for number, path in enumerate(sorted(blobs(folder))):
        if number % 3 == 0:
            path.unlink()


def misdirect(folder: Path) -> None:
    """Each result names an output by a wrong digest, under a checksum that is right."""
    for path in (folder / "actions").glob("*/*"):
        result = path.read_bytes()[32:]
        digest = re.search(rb"[0-9a-f]{64}", result)
        assert digest is not None
        wrong = result.replace(digest[0], digest[0][::-1])
        path.write_bytes(hashlib.sha256(wrong).digest() + wrong)


@pytest.mark.parametrize("damage", [corrupt, remove_some, misdirect])
def test_a_damaged_cache(
    filled: Filled, start: StartServer, workplace: Workplace, damage: object
) -> None:
    """The damage is detected and repaired: the same build elsewhere hits everything again."""
    server = start(damage=damage)
    build = workplace.build(server.address)
    assert_same(build, filled)
    assert build.ran
