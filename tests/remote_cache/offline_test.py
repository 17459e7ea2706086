"""A whole build without any network, from a directory of wheels."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from support.cache_builds import Workplace

_ISOLATED = ("unshare", "--map-root-user", "--net")
_LOCKS = ("lock-0", "pyinstaller", "uv")
_PEX_INSTALLS_WITH = ("pip==25.0.1", "setuptools==75.3.0", "wheel==0.45.1")
"""What `[python].pip_version = "latest"` means to the Pex of 3rdparty/python/pex.lock."""


@pytest.mark.skipif(
    sys.platform != "linux" or subprocess.run([*_ISOLATED, "true"], check=False).returncode != 0,
    reason="needs Linux and the right to make a network namespace",
)
def test_a_wheelhouse_serves_a_whole_build(tmp_path: Path, launcher: Path) -> None:
    workplace = Workplace(tmp_path / "place", launcher)
    wheelhouse = tmp_path / "wheelhouse"
    locks = [workplace.root / f"3rdparty/python/{name}.lock" for name in _LOCKS]
    python = tmp_path / "venv/bin/python"
    subprocess.run([sys.executable, "-m", "venv", str(python.parent.parent)], check=True)
    for wanted in (*(("--require-hashes", "-r", str(lock)) for lock in locks), _PEX_INSTALLS_WITH):
        subprocess.run(
            [
                *(str(python), "-m", "pip", "--quiet", "download", "--no-deps"),
                *("--only-binary", ":all:", "--dest", str(wheelhouse), *wanted),
            ],
            check=True,
        )
    build = workplace.build(
        None,
        prefix=_ISOLATED,
        python_repos_indexes="[]",
        python_repos_find_links=f"['{wheelhouse.as_uri()}']",
    )
    assert build.exit_code == 0, build.output
    assert build.sha256 is not None
