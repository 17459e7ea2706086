"""Find the server programs that tests start."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path


class ServerMissing(RuntimeError):
    """A server program is missing on this machine; the message says how to get it."""


@dataclass(frozen=True)
class ServerProgram:
    """A server program.

    name: the file's name. variable: the environment variable that names another one.
    alternatives: other names on PATH. install: what to do where there is none.
    """

    name: str
    variable: str
    install: str
    alternatives: tuple[str, ...] = ()

    def find(self) -> Path:
        """The program: what the variable names, else the file beside this one (a dependency of the
        test in the build), else beside the interpreter (a virtual environment), else on PATH.

        Raises ServerMissing.
        """
        named = os.environ.get(self.variable)
        if named:
            found = shutil.which(named)
            if found is None:
                raise ServerMissing(f"{self.variable} names {named}, which is not an executable")
            return Path(found)
        for place in (Path(__file__).parent, Path(sys.prefix) / "bin"):
            if os.access(place / self.name, os.X_OK) and (place / self.name).is_file():
                return place / self.name
        for name in (self.name, *self.alternatives):
            on_path = shutil.which(name)
            if on_path:
                return Path(on_path)
        raise ServerMissing(
            f"no `{self.name}` executable: set {self.variable} to one, or {self.install}"
        )
