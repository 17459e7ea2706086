"""Calls of the signing tools: a call is data, and only this module makes it."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from release.errors import ReleaseError

_TIMEOUT = 3600.0
"""Seconds; Apple's service usually takes minutes, and its own timeout is shorter."""

_SOURCES = {
    "osslsigncode": "apt-get install osslsigncode, or brew install osslsigncode",
    "codesign": "it is part of macOS",
    "security": "it is part of macOS",
    "ditto": "it is part of macOS",
    "xcrun": "on macOS, run xcode-select --install",
}


@dataclass(frozen=True)
class Call:
    """A program and its arguments. `secret_input` is its standard input, which no log and no
    process list shows."""

    argv: tuple[str, ...]
    secret_input: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return shlex.join(self.argv) + (" < (secret)" if self.secret_input is not None else "")


@dataclass(frozen=True)
class Output:
    code: int
    stdout: str = ""
    stderr: str = ""


Runner = Callable[[Call], Output]
"""Makes a call and returns its output; raises ReleaseError if the program is missing."""


def run(call: Call) -> Output:
    """Make a call. The program sees none of the release's settings, which include secrets."""
    program = Path(call.argv[0]).name
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RELEASE_")}
    try:
        done = subprocess.run(
            call.argv,
            env=environment,
            input=call.secret_input or "",
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT,
            check=False,
        )
    except FileNotFoundError as error:
        source = _SOURCES.get(program, "install it")
        raise ReleaseError(f"{program} is not installed here: {source}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ReleaseError(f"{program} cannot be run: {error}") from error
    return Output(done.returncode, done.stdout, done.stderr)


def demand(runner: Runner, call: Call, purpose: str) -> Output:
    """Make a call that must succeed; `purpose` says what it is for, for the message."""
    output = runner(call)
    if output.code != 0:
        said = [line.strip() for line in (output.stderr + output.stdout).splitlines()]
        words = "; ".join(line for line in said if line)[-1000:] or "it said nothing"
        raise ReleaseError(f"{purpose} failed: `{call}` ended with {output.code}: {words}")
    return output
