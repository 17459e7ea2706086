"""MinGW's compiler, told to give the same bytes for the same sources."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import AssemblyError

# What it writes by itself from the time and the output's path: time stamps, the base address of a DLL.
_FLAGS = ("-O2", "-s", "-Wl,--no-insert-timestamp,--build-id=none,--disable-auto-image-base")


@dataclass(frozen=True)
class MinGW:
    """MinGW's programs for one architecture, by the prefix of their names, as `x86_64-w64-mingw32-`."""

    prefix: str

    def link(self, arguments: Sequence[str], output: Path) -> None:
        """Compile and link. Raises AssemblyError if the compiler is missing or refuses."""
        run([f"{self.prefix}gcc", *_FLAGS, *arguments, "-o", str(output)])

    def library(self, arguments: Sequence[str], output: Path) -> None:
        """The same for a DLL that needs no runtime of C. Raises AssemblyError."""
        self.link(["-shared", "-nostdlib", "-Wl,-e,DllMain", *arguments], output)

    def resource(self, script: Path, output: Path) -> None:
        """Compile a resource script, whose file names are relative to its own folder."""
        command = [f"{self.prefix}windres", "-O", "coff", f"-I{script.parent}", str(script)]
        run([*command, str(output)])


def run(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise AssemblyError(
            f"{command[0]} cannot be run: {error.strerror}. "
            "Install MinGW-w64 (Debian: apt-get install gcc-mingw-w64-x86-64)."
        ) from None
    if done.returncode:
        raise AssemblyError(f"{' '.join(command)} failed:\n{done.stderr.strip()}")
