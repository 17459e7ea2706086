"""This agent-runner's version, commit, platform and Python."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FILE: Final = "build_info.json"
"""Written at the root of the frozen program's bundle: one flat JSON object of strings, every key
optional."""

_SYSTEMS: Final = {"linux": "linux", "darwin": "darwin", "win32": "windows", "cygwin": "windows"}
_MACHINES: Final = {
    "x86_64": "amd64",
    "amd64": "amd64",
    "x64": "amd64",
    "aarch64": "arm64",
    "arm64": "arm64",
}


@dataclass(frozen=True)
class BuildInfo:
    """`version` is "dev" outside a versioned build; `commit` is None outside a tagged one."""

    version: str
    commit: str | None
    platform: str
    python: str

    def lines(self) -> str:
        """What `agent-runner --version` prints."""
        shown = [
            f"agent-runner {self.version}",
            f"platform: {self.platform}",
            f"python: {self.python}",
        ]
        if self.commit:
            shown.append(f"commit: {self.commit}")
        return "\n".join(shown)


def platform_name() -> str:
    """`OS-arch` in the spelling of the release archives, such as `linux-amd64`."""
    machine = platform.machine().lower()
    return (
        f"{_SYSTEMS.get(sys.platform, sys.platform)}-{_MACHINES.get(machine, machine or 'unknown')}"
    )


def from_mapping(values: Mapping[str, object]) -> BuildInfo:
    def value(key: str) -> str | None:
        found = values.get(key)
        return found.strip() or None if isinstance(found, str) else None

    return BuildInfo(
        version=value("version") or "dev",
        commit=value("commit"),
        platform=platform_name(),
        python=platform.python_version(),
    )


def load(bundle: Path | None = None) -> BuildInfo:
    """Read the bundle's file. A missing or broken one is a "dev" build: `--version` never fails."""
    root = bundle or _bundle()
    values: object = {}
    if root is not None:
        try:
            values = json.loads((root / FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            values = {}
    return from_mapping(values if isinstance(values, dict) else {})


def _bundle() -> Path | None:
    root = getattr(sys, "_MEIPASS", None)
    return Path(root) if root else None
