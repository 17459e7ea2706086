"""Tools that do not work."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from pants_pyinstaller.driver.analysis import preflight
from pants_pyinstaller.driver.errors import DriverError


@pytest.mark.skipif(sys.platform != "linux", reason="other systems need no binutils")
def test_broken_objdump_stops_before_anything_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "objdump"
    tool.write_text(
        "#!/bin/sh\necho 'objdump: error while loading shared libraries: libctf.so.0' >&2\nexit 127\n"
    )
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(DriverError, match=r"objdump does not work on this machine: .*libctf.so.0"):
        preflight.check_tools(strip=True)
