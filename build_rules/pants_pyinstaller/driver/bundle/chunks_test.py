from __future__ import annotations

import random
from pathlib import Path

from pants_pyinstaller.driver.bundle import chunks


def cut(content: bytes, folder: Path) -> list[bytes]:
    folder.mkdir()
    (folder / "file").write_bytes(content)
    number = chunks.cut(str(folder / "file"), str(folder / "chunks"))
    found = [path.read_bytes() for path in sorted((folder / "chunks").iterdir())]
    assert len(found) == number
    return found


def test_like_files_have_all_but_a_few_chunks_in_common(tmp_path: Path) -> None:
    """Also behind the place where they differ in length."""
    content = random.Random(1).randbytes(20_000_000)
    changed = content[:4_000_000] + b"another module, longer" + content[4_000_005:]
    first, second = cut(content, tmp_path / "first"), cut(changed, tmp_path / "second")
    assert b"".join(first) == content
    assert b"".join(second) == changed
    assert len(first) > 40
    assert sum(map(len, set(second) - set(first))) < 2_000_000


def test_files_without_a_boundary(tmp_path: Path) -> None:
    assert cut(b"", tmp_path / "empty") == []
    assert cut(b"x" * 1000, tmp_path / "even") == [b"x" * 1000]
