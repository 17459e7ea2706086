"""The backend's wheel, as `make backend-wheel` builds it, and somebody who uses it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from support.clones import REPOSITORY
from support.stranger import Stranger


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
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
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture
def stranger(tmp_path: Path) -> Stranger:
    pants = Path(os.environ.get("QUICKSTART_PANTS", REPOSITORY / "pants"))
    return Stranger.make(tmp_path / "stranger", pants)
