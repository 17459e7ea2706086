"""Copies one program out of an installed distribution into the working directory.

    python export_program.py DISTRIBUTION PROGRAM

Run by the build (an `adhoc_tool`), so that a server's executable is an ordinary cached file which
tests depend on. Exits 1 with one line when the distribution does not hold the program.
"""

from __future__ import annotations

import importlib.metadata
import shutil
import sys
from pathlib import Path


def locate(distribution: str, program: str) -> Path:
    """The file `program` that `distribution` installed, as a script or inside its package.

    Raises FileNotFoundError.
    """
    files = importlib.metadata.files(distribution) or []
    # A tool that lays out its own environments (Pex) moves scripts without touching RECORD.
    candidates = [Path(str(one.locate())) for one in files if one.name == program]
    candidates.append(Path(sys.prefix) / "bin" / program)
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise FileNotFoundError(f"{distribution} installed no `{program}` for {sys.platform}")


def main(distribution: str, program: str) -> None:
    """Writes `./PROGRAM`, executable."""
    shutil.copyfile(locate(distribution, program), f"{program}.part")
    Path(f"{program}.part").chmod(0o755)
    Path(f"{program}.part").replace(program)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (FileNotFoundError, importlib.metadata.PackageNotFoundError) as error:
        raise SystemExit(f"export_program: {error}") from None
