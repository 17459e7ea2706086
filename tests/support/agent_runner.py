"""The agent-runner executable under test.

The build hands it to tests as a file (`runtime_package_dependencies`). AGENT_RUNNER_BINARY names
another one, or a command line: `python -m agent_runner.main` while developing, or a launcher before
a foreign platform's executable (`qemu-aarch64 -L SYSROOT PROGRAM`, `wine PROGRAM.exe`).
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from support.process import RunningProcess

VARIABLE: Final = "AGENT_RUNNER_BINARY"
START_TIMEOUT_S: Final = 120.0
"""A one-file program unpacks itself first, which is slow under emulation."""


class ProgramMissing(RuntimeError):
    """There is no agent-runner to test; the text says how to name one."""


def find_command() -> list[str]:
    """The command line that starts agent-runner. Raises ProgramMissing."""
    named = os.environ.get(VARIABLE)
    if named:
        return shlex.split(named)
    built = sorted(
        path
        for path in Path.cwd().glob("*/agent-runner*")
        if path.is_file() and path.suffix in ("", ".exe") and os.access(path, os.X_OK)
    )
    if len(built) != 1:
        raise ProgramMissing(
            f"{len(built)} built agent-runner executables below {Path.cwd()}:"
            f" run these tests through the build (`./pants test tests::`), or set {VARIABLE}"
        )
    return [str(built[0])]


@dataclass(frozen=True)
class AgentRunner:
    """The program, and the temporary directory of each of its processes.

    Its processes inherit nothing: their environment is what a test names, plus `minimal`. They
    start in `cwd`, by default `temporary`.
    """

    command: tuple[str, ...]
    temporary: Path
    cwd: Path | None = None

    @property
    def minimal(self) -> dict[str, str]:
        """What the operating system needs to start a process, and the temporary directory.

        Windows' sockets need SYSTEMROOT.
        """
        own = {"TMPDIR": str(self.temporary), "TMP": str(self.temporary)}
        return own | {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}

    @property
    def frozen(self) -> bool:
        """False for an interpreter that runs the sources."""
        return "-m" not in self.command

    def start(self, *arguments: str, **environment: str) -> RunningProcess:
        """Starts it; use the result as a context."""
        return RunningProcess(
            [*self.command, *arguments],
            {**self.minimal, **environment},
            cwd=self.cwd or self.temporary,
        )

    def run(self, *arguments: str, **environment: str) -> RunningProcess:
        """Runs it to its end; the result holds the exit code and the output."""
        with self.start(*arguments, **environment) as process:
            process.wait(START_TIMEOUT_S)
        return process

    def unpacked(self) -> list[Path]:
        """Directories that a one-file program unpacked itself to and did not remove."""
        return sorted(self.temporary.glob("_MEI*"))


def events(process: RunningProcess) -> list[dict[str, Any]]:
    """The JSON log lines on standard error so far."""
    found = []
    for line in process.stderr.splitlines():
        if line.startswith("{"):
            entry = json.loads(line)
            assert isinstance(entry, dict)
            found.append(entry)
    return found


def wait_for_event(
    process: RunningProcess, name: str, timeout_s: float = START_TIMEOUT_S
) -> Mapping[str, Any]:
    """The first log entry whose `event` is `name`; raises as `RunningProcess.wait_for_line`."""

    def is_it(line: str) -> bool:
        return line.startswith("{") and json.loads(line).get("event") == name

    entry: dict[str, Any] = json.loads(process.wait_for_line(is_it, timeout_s))
    return entry


def python_environment() -> dict[str, str]:
    """The path from which a Python child process can import what the tests can."""
    paths = [str(Path(path).absolute()) for path in sys.path if path]
    return {"PYTHONPATH": os.pathsep.join(paths)}
