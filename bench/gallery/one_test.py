from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gallery import one


def started(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_program_is_run_to_its_end(tmp_path: Path) -> None:
    folder = tmp_path / "home"
    folder.mkdir()
    code = "import os; print(os.getcwd()); raise SystemExit(3)"
    assert one.run(started(code), folder, {}) == (3, f"{folder}\n", "")


def test_a_program_that_starts_itself_for_ever_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(one, "MOST_PROCESSES", 3)
    folder = tmp_path / "home"
    folder.mkdir()
    code = "import os, time\nfor _ in range(6): os.fork() or time.sleep(600)\nos.wait()"
    status, _, _ = one.run(started(code), folder, {})
    assert status == "started itself again and again: more than 3 processes"


def test_children_of_a_group_of_their_own_are_ended_as_well(tmp_path: Path) -> None:
    folder = tmp_path / "home"
    folder.mkdir()
    code = (
        "import os, subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], process_group=0)\n"
        "print(child.pid)"
    )
    status, output, errors = one.run(started(code), folder, {})
    assert (status, errors) == (0, "")
    with pytest.raises(ProcessLookupError):
        _signal_unless_zombie(int(output))


def _signal_unless_zombie(pid: int) -> None:
    state = Path(f"/proc/{pid}/stat")
    if state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z":
        raise ProcessLookupError
    os.kill(pid, 0)


def test_a_folder_counts_its_files_and_links(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/file").write_bytes(bytes(10))
    (tmp_path / "link").symlink_to("folder")
    assert one.size(tmp_path) == 10 + len("folder")
    assert one.size(tmp_path / "folder/file") == 10


def test_the_session_of_a_process_is_known() -> None:
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as process:
        assert one.members(process.pid) == [process.pid]
        one.end(process.pid)
    assert one.members(process.pid) == []
