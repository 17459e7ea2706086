"""The backend's wheel, as `make backend-wheel` builds it, and somebody who uses it.

Variables: QUICKSTART_PANTS, the program `pants` to use; QUICKSTART_WHEEL, a folder with a wheel that is
built already.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from support.clones import REPOSITORY
from support.stranger import Stranger


@pytest.fixture(scope="session")
def wheel() -> Path:
    if given := os.environ.get("QUICKSTART_WHEEL"):
        (found,) = Path(given).resolve().glob("*.whl")
        return found
    folder = "dist/backend-wheel"  # Pants writes nowhere else than below the repository
    shutil.rmtree(REPOSITORY / folder, ignore_errors=True)
    subprocess.run(
        [
            *("./pants", "--no-pantsd", "--tag=['backend-wheel']", f"--pants-distdir={folder}"),
            *("package", "build_rules:backend-wheel"),
        ],
        cwd=REPOSITORY,
        env={**os.environ, "PANTS_DYNAMIC_UI": "false"},
        check=True,
        timeout=1800,
    )
    (found,) = (REPOSITORY / folder).glob("*.whl")
    return found


@pytest.fixture
def stranger(tmp_path: Path) -> Stranger:
    pants = Path(os.environ.get("QUICKSTART_PANTS", REPOSITORY / "pants")).resolve()
    return Stranger.make(tmp_path / "stranger", pants)
