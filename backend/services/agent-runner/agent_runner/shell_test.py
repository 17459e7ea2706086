from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

import pytest

from agent_runner import processes, shell
from agent_runner.testing_support import run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the commands are POSIX shell")

MARK = "shell-test"


def environment(home: Path, *passed_on: str) -> dict[str, str]:
    return processes.clean_environment(str(home), MARK, passed_on, os.environ)


def unmarked(home: Path) -> dict[str, str]:
    """Without the mark only the group leads to a command's processes."""
    return {k: v for k, v in environment(home).items() if k != processes.SANDBOX_MARK}


def execute(
    home: Path,
    command: str,
    *,
    timeout: float = 20,
    output_limit: int = 10_000,
    marked: bool = False,
) -> shell.CommandResult:
    return run(
        shell.run(
            command,
            cwd=str(home),
            environment=environment(home) if marked else unmarked(home),
            timeout=timeout,
            output_limit=output_limit,
        )
    )


def assert_gone(pid_file: Path) -> None:
    pid = int(pid_file.read_text())
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return
        if state == "Z":
            return
        time.sleep(0.02)
    pytest.fail(f"process {pid} still runs")


def test_output_and_exit_code(tmp_path: Path) -> None:
    result = execute(tmp_path, "pwd; echo err >&2; exit 3")
    assert (result.exit_code, result.truncated, result.timed_out) == (3, False, False)
    assert result.output.splitlines() == [str(tmp_path), "err"]


def test_the_environment_is_clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/bundle")
    monkeypatch.setenv("WANTED", "yes")
    names = set(environment(tmp_path, "WANTED", "ABSENT"))
    assert names == {"PATH", "HOME", "PWD", "LANG", "TMPDIR", "WANTED", processes.SANDBOX_MARK}
    shown = execute(tmp_path, "env").output
    assert "sk-secret" not in shown
    assert f"HOME={tmp_path}" in shown


def test_stdin_is_empty(tmp_path: Path) -> None:
    assert execute(tmp_path, "cat; echo end").output == "end\n"


def test_a_time_limit_kills_the_whole_group(tmp_path: Path) -> None:
    started = time.monotonic()
    result = execute(
        tmp_path, "echo begun; sh -c 'echo $$ > child; exec sleep 60' & wait", timeout=0.7
    )
    assert result.timed_out
    assert result.exit_code is None
    assert result.output == "begun\n"
    assert time.monotonic() - started < 15
    assert_gone(tmp_path / "child")


def test_cancelling_kills_the_whole_group(tmp_path: Path) -> None:
    async def scenario() -> None:
        task = asyncio.create_task(
            shell.run(
                "sh -c 'echo $$ > child; exec sleep 60' & wait",
                cwd=str(tmp_path),
                environment=unmarked(tmp_path),
                timeout=60,
                output_limit=1000,
            )
        )
        while not (tmp_path / "child").exists() or not (tmp_path / "child").read_text():
            await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(scenario())
    assert_gone(tmp_path / "child")


def test_background_processes_end_with_the_command(tmp_path: Path) -> None:
    started = time.monotonic()
    result = execute(tmp_path, "sleep 60 & echo $! > child; echo done")
    assert (result.exit_code, result.output) == (0, "done\n")
    assert time.monotonic() - started < 15
    assert_gone(tmp_path / "child")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="found by /proc")
def test_a_process_that_left_the_group_is_found_by_its_mark(tmp_path: Path) -> None:
    command = "setsid sh -c 'echo $$ > child; exec sleep 60' & sleep 0.5; echo done"
    assert execute(tmp_path, command, marked=True).output == "done\n"
    assert_gone(tmp_path / "child")


def test_long_output_keeps_both_ends_in_bounded_memory(tmp_path: Path) -> None:
    result = execute(tmp_path, "echo first; yes middle | head -c 3000000; echo last")
    assert result.truncated
    assert result.output.startswith("first\n")
    assert result.output.endswith("last\n")
    assert len(result.output) < 10_200
    assert "bytes of output left out" in result.output


def test_a_capture_drops_exactly_the_middle() -> None:
    capture = shell.Capture(10)
    for piece in (b"abc", b"defgh", b"ijklmnop", b"q"):
        capture.add(piece)
    assert capture.dropped == 7
    assert capture.text().startswith("abcde\n")
    assert capture.text().endswith("\nmnopq")


def test_a_character_across_both_halves_survives() -> None:
    capture = shell.Capture(8)
    capture.add("abcü€".encode())
    assert capture.text() == "abcü€"
