"""Which of Microsoft's runtimes are too old for which files."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from pants_pyinstaller.driver.analysis import msvc
from pants_pyinstaller.driver.errors import DriverError

_SETUPTOOLS = importlib.util.find_spec("setuptools")
assert _SETUPTOOLS is not None
assert _SETUPTOOLS.origin is not None
LAUNCHER = Path(_SETUPTOOLS.origin).parent / "cli-64.exe"


def runtime(version: tuple[int, int], *exports: str) -> msvc.Image:
    return msvc.Image((14, 29), {"kernel32.dll": frozenset()}, frozenset(exports), version)


def user(linker: tuple[int, int], *names: str) -> msvc.Image:
    return msvc.Image(linker, {"vcruntime140.dll": frozenset(names)})


def test_a_runtime_as_new_as_the_newest_linker_is_right() -> None:
    images = {
        "VCRUNTIME140.dll": runtime((14, 44), "memset"),
        "a.pyd": user((14, 44), "memset"),
        "gnu.pyd": user((2, 46), "memset"),
        "other.pyd": msvc.Image((14, 51), {"msvcp140-abc.dll": frozenset({"x"})}),
    }
    assert msvc.faults(images) == []


def test_what_a_newer_linker_wrote_and_what_lacks_a_symbol_is_named() -> None:
    images = {
        "vcruntime140.dll": runtime((14, 0), "memset"),
        "a.pyd": user((14, 51), "memset"),
        "b.pyd": user((14, 0), "__CxxFrameHandler4"),
    }
    assert msvc.faults(images) == [
        "a.pyd was linked by 14.51, vcruntime140.dll is 14.0",
        "b.pyd takes __CxxFrameHandler4 from vcruntime140.dll, which does not export it",
    ]


def test_real_files_are_read(tmp_path: Path) -> None:
    found = msvc.read(str(LAUNCHER))
    assert found is not None
    assert "CreateFileA" in found.imports["kernel32.dll"]
    assert found.linker[0] == 14
    (tmp_path / "text.dll").write_text("not a PE file")
    assert msvc.read(str(tmp_path / "text.dll")) is None


def test_a_bundle_with_a_runtime_that_lacks_a_symbol_is_refused(tmp_path: Path) -> None:
    """The launcher exports nothing: under the name of a library that it loads itself it lacks everything."""
    content = LAUNCHER.read_bytes()
    assert content.count(b"KERNEL32.dll") == 1
    user_of_it = tmp_path / "user.exe"
    user_of_it.write_bytes(content.replace(b"KERNEL32.dll\0", b"MSVCP140.dll\0"))
    (tmp_path / "msvcp140.dll").write_bytes(content)
    with pytest.raises(DriverError, match=r"user.exe takes \w+ from msvcp140.dll") as caught:
        msvc.refuse_old_runtime(
            {"user.exe": str(user_of_it), "msvcp140.dll": str(tmp_path / "msvcp140.dll")}
        )
    assert "Lock a newer msvc-runtime" in str(caught.value)
