"""First starts of the launcher, with small locks in place of Pants' own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import bootstrap

HERE = Path(__file__).resolve().parent
REAL_LOCKS = HERE.parent / "3rdparty" / "python"


def pinned(lock: str, name: str) -> str:
    """The entry of one distribution, with its hashes."""
    lines = (REAL_LOCKS / lock).read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"{name}=="))
    entry = [lines[start]]
    for line in lines[start + 1 :]:
        if not line.startswith("    --hash"):
            break
        entry.append(line)
    return "\n".join(entry) + "\n"


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """bootstrap.py beside locks of which that for Pants holds one small distribution."""
    locks = tmp_path / "3rdparty" / "python"
    locks.mkdir(parents=True)
    (locks / "pants.lock").write_text(pinned("pants.lock", "ansicolors"))
    shutil.copy(REAL_LOCKS / "pex.lock", locks)
    copy = tmp_path / "build_support" / "bootstrap.py"
    copy.parent.mkdir()
    shutil.copy(HERE / "bootstrap.py", copy)
    return copy


def start(program: Path, home: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(program), str(home)],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    """Wait until `path` exists, for as long as `process` runs."""
    while not path.exists():
        assert process.poll() is None, f"{path} did not appear: {process.communicate()[1]}"
        time.sleep(0.01)


def test_a_killed_first_start_is_repaired_and_the_next_two_do_not_collide(
    program: Path, tmp_path: Path
) -> None:
    home = tmp_path / "setup" / "key"
    killed = start(program, home)
    wait_for(home / "venv", killed)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert not (home / "env").exists()

    both = [start(program, home), start(program, home)]
    said = [process.communicate()[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert sum("installing Pants" in text for text in said) == 1
    assert sum("waiting for another first start" in text for text in said) == 1

    # The environment file is what the launcher reads: a shell must be able to.
    shown = subprocess.run(
        [
            "sh",
            "-c",
            '. "$1/env" && "$LAUNCHER_PYTHON39" -V && "$LAUNCHER_PYTHON313" -V',
            "sh",
            home,
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert [line.rsplit(".", 1)[0] for line in shown.split("\n")[:2]] == [
        "Python 3.9",
        "Python 3.13",
    ]
    assert (home / "pex").is_file()


def test_a_missing_interpreter_is_named_with_a_remedy(program: Path, tmp_path: Path) -> None:
    # The lock of uv, the last resort, is not there either.
    done = subprocess.run(
        [sys.executable, str(program), str(tmp_path / "setup" / "key")],
        env={"PATH": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Python 3.9 and 3.13 not found" in done.stderr
    assert "pyenv install 3.9" in done.stderr
    assert "Traceback" not in done.stderr


def test_shims_on_path_lead_to_the_versions_behind_them(tmp_path: Path) -> None:
    interpreter = tmp_path / "pyenv" / "versions" / "3.13.9" / "bin" / "python3.13"
    interpreter.parent.mkdir(parents=True)
    interpreter.symlink_to(sys.executable)
    shim = tmp_path / "pyenv" / "shims" / "python3.13"
    shim.parent.mkdir()
    shim.write_text("#!/bin/sh\nexit 127\n")  # as pyenv's, where no version is active
    shim.chmod(0o755)
    environ = {"PATH": str(shim.parent), "HOME": str(tmp_path / "empty")}
    assert list(bootstrap.candidates("3.13", environ)) == [shim, interpreter]
