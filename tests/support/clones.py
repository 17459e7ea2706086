"""Clones of this repository, and a clean environment for their builds."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parents[2]

# Settings of builds in the caller's shell must not reach them.
_DROPPED: Final = re.compile(r"PANTS_|PYTHON|VIRTUAL_ENV|XDG_|PYINSTALLER_|SOURCE_DATE_EPOCH")


def builder_environment(caller: Mapping[str, str], home: Path) -> dict[str, str]:
    """The caller's environment with another home directory and without settings of builds."""
    kept = {name: value for name, value in caller.items() if not _DROPPED.match(name)}
    if "PIP_CONFIG_FILE" not in kept:
        # the user's package index stays known although HOME is another one
        for candidate in (".config/pip/pip.conf", ".pip/pip.conf"):
            if (path := Path(caller.get("HOME", "/"), candidate)).is_file():
                kept["PIP_CONFIG_FILE"] = str(path)
    return {**kept, "HOME": str(home)}


def clone(commit: str, folder: Path) -> None:
    """Clone this repository into `folder` and check out `commit`."""
    for command in (
        ["git", "clone", "--quiet", "--no-checkout", str(REPOSITORY), str(folder)],
        ["git", "-C", str(folder), "checkout", "--quiet", "--detach", commit],
    ):
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
