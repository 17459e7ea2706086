"""The other side: PyInstaller by hand, in a virtual environment made by pip."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from comparison.processes import Usage
from comparison.workspaces import LOCK, PYINSTALLER_LOCK, Clone

_SPEC: Final = "bench/plain/agent-runner.spec"


class Plain:
    """One clone's virtual environment and builds; `python` is the interpreter to freeze."""

    def __init__(self, clone: Clone, python: Path, pip_cache: Path) -> None:
        self._clone = clone
        self._python = python
        self._venv = clone.root.parent / "venv"
        self._environment = {
            "PIP_CACHE_DIR": str(pip_cache),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            # PyInstaller keeps its cache of processed libraries there; cold, like the home.
            "PYINSTALLER_CONFIG_DIR": str(clone.root.parent / "home" / "pyinstaller"),
        }
        self.phases: dict[str, Usage] = {}
        """Everything that `clean` measures."""

    @property
    def one_file(self) -> Path:
        return self._clone.root / "dist/one-file/agent-runner"

    @property
    def one_dir(self) -> Path:
        return self._clone.root / "dist/one-dir/agent-runner"

    def clean(self) -> Usage:
        self.phases = {"install": self.make_venv().then(self.install()), "build": self.build()}
        return self.phases["install"].then(self.phases["build"])

    def make_venv(self) -> Usage:
        return self._clone.run(self._python, "-m", "venv", self._venv)

    def install(self) -> Usage:
        """Make the environment match the locks."""
        return self._clone.run(
            *(self._venv / "bin/python", "-m", "pip", "install", "--quiet", "--no-deps"),
            *("--require-hashes", "-r", LOCK, "-r", PYINSTALLER_LOCK),
            extra=self._environment,
        )

    def build(self, version: str = "dev") -> Usage:
        return self._build("one-file", "--version", version)

    def build_one_dir(self) -> Usage:
        return self._build("one-dir", "--onedir")

    def _build(self, mode: str, *options: str) -> Usage:
        return self._clone.run(
            *(self._venv / "bin/python", "-m", "PyInstaller", "--noconfirm"),
            *("--log-level", "WARN", "--workpath", f"build/{mode}", "--distpath", f"dist/{mode}"),
            *(_SPEC, "--", *options),
            extra=self._environment,
        )

    def versions(self) -> dict[str, str]:
        """The names and versions of the build tools that pip installed."""
        output = self._clone.root.parent / "tools.json"
        self._clone.run(
            *(self._venv / "bin/python", "-c"),
            "import importlib.metadata as m, json, pathlib, sys;"
            "pathlib.Path(sys.argv[1]).write_text(json.dumps("
            "{n: m.version(n) for n in ('pip', 'pyinstaller', 'pyinstaller-hooks-contrib')}))",
            output,
        )
        found: dict[str, str] = json.loads(output.read_text())
        return found
