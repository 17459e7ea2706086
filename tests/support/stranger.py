"""Somebody with Pants and an empty cache, who has nothing of this repository."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Stranger:
    """Runs commands that find `pants` on their PATH."""

    environment: Mapping[str, str]

    @classmethod
    def make(cls, folder: Path, pants: Path) -> Stranger:
        """With the program `pants`, and with caches of builds below `folder`."""
        programs = folder / "bin"
        programs.mkdir(parents=True)
        (programs / "pants").write_text(f'#!/bin/sh\nexec {shlex.quote(str(pants))} "$@"\n')
        (programs / "pants").chmod(0o755)
        return cls(
            {
                **os.environ,
                "PATH": f"{programs}:{os.environ['PATH']}",
                # Where Pants looks for interpreters by default.
                "PANTS_PYTHON_BOOTSTRAP_SEARCH_PATH": '["<PYENV>", "<PATH>"]',
                # A wheel of the same version from an earlier run must not be found.
                "PANTS_LOCAL_STORE_DIR": str(folder / "store"),
                "PANTS_DYNAMIC_UI": "false",
                "PANTS_PANTSD": "false",
                "PANTS_ANONYMOUS_TELEMETRY_ENABLED": "false",
            }
        )

    def run(self, command: str, folder: Path) -> str:
        """A shell's command that has to succeed; returns its output and errors."""
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=folder,
            env=dict(self.environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=1800,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}"
        return done.stdout
