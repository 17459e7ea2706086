from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

import stores

NOW = time.time()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's cache directory with an old installation and a named cache that is in use."""
    for name in ("PANTS_LOCAL_STORE_DIR", "PANTS_NAMED_CACHES_DIR", "PANTS_SETUP_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(stores, "running_pants", list)
    root = tmp_path / "pants"
    for name in ("lmdb_store/files", "named_caches/pex_root", "setup/0123"):
        file = root / name / "data"
        file.parent.mkdir(parents=True)
        file.write_bytes(b"x" * 100_000)
    long_ago = NOW - 40 * stores.DAY_S
    for path in (root / "setup/0123/data", root / "setup/0123"):
        os.utime(path, (long_ago, long_ago))
    return root


def test_what_there_is(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert stores.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    names = [line.split()[0] for line in lines if " days" in line]
    assert sorted(names) == ["lmdb_store", "named_caches/pex_root", "setup/0123"]
    assert any(line.startswith("setup/0123") and "40 days" in line for line in lines)


def test_the_unused_goes_whole_and_the_rest_stays(cache: Path) -> None:
    assert stores.main(["trim", "--unused", "30"]) == 0
    assert list((cache / "setup").iterdir()) == []
    assert (cache / "lmdb_store/files/data").exists()
    assert (cache / "named_caches/pex_root/data").exists()


def test_by_name(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert stores.main(["trim", "named_caches/pex_root"]) == 0
    assert not (cache / "named_caches/pex_root").exists()
    assert stores.main(["trim", "named_caches/none"]) == 1
    assert "there are lmdb_store, setup/0123" in capsys.readouterr().err


def test_not_under_a_running_pants(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stores, "running_pants", lambda: ["7 pantsd [somewhere]"])
    assert stores.main(["trim", "lmdb_store"]) == 1
    assert "7 pantsd [somewhere]" in capsys.readouterr().err
    assert (cache / "lmdb_store/files/data").exists()


def test_links_count_once(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 1_000_000)
    os.link(tmp_path / "a", tmp_path / "b")
    assert stores.measure("", tmp_path).size < 1_500_000
