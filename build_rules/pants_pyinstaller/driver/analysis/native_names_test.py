"""Names of modules in compiled code."""

from __future__ import annotations

from pathlib import Path

import pytest

from pants_pyinstaller.driver.analysis import native_names

MODULES = {"pack.inner", "pack.inner.deep", "pack.other", "pack.told"}


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"\0pack.inner.deep\0", {"pack.inner.deep"}),
        (b"\0pack.inner\0pack.other\0", {"pack.inner", "pack.other"}),
        (b"failed}pack.inner.deeprandrangepack.other", {"pack.inner.deep", "pack.other"}),
        (b"pack.innersettings", {"pack.inner"}),
        (b"\0Use pack.told, or pack.inner.\0", set()),
        (b"\0`pack.told`\0see docs.pack.told\0", set()),
        (b"\0pack.told.attribute\0", set()),
        (b"\0pack.absent\0repack.other\0", {"pack.other"}),
        (b"", set()),
    ],
)
def test_names(tmp_path: Path, content: bytes, found: set[str]) -> None:
    path = tmp_path / "native.so"
    path.write_bytes(content)
    assert native_names.find(str(path), "pack", MODULES.__contains__) == found
