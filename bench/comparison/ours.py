"""Our side: `./pants package` with its own local store, caches and daemon."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from comparison.processes import Usage, cpu_seconds
from comparison.workspaces import (
    LOCK,
    PYINSTALLER_LOCK,
    BenchError,
    Clone,
    share_wheel_caches,
)

_BUILD: Final = Path("backend/services/agent-runner/BUILD")
_ONE_FILE: Final = "backend/services/agent-runner:agent-runner"
_ONE_DIR: Final = "backend/services/agent-runner:one-dir"
_ONE_DIR_TARGET: Final = """
pyinstaller_binary(
    name="one-dir",
    mode="one-dir",
    entry_point="agent_runner.main:main",
    build_info={"version": "{release.version}", "commit": "{release.commit}"},
    output_path="bench/one-dir/agent-runner",
)
"""
_STOP_S: Final = 30.0

TEN: Final[Mapping[str, Sequence[str]]] = {
    "http": ("httpx", "certifi"),
    "web": ("starlette.applications", "uvicorn"),
    "settings": ("pydantic_settings", "dotenv"),
    "redis_client": ("redis.asyncio",),
    "logs": ("structlog", "orjson"),
    "grpc_client": ("grpc", "google.protobuf.json_format"),
    "temporal": ("temporalio.client", "temporalio.worker"),
    "openai_client": ("openai", "tiktoken"),
    "anthropic_client": ("anthropic",),
    "mcp_client": ("mcp.client.stdio", "yaml"),
}
"""Ten small programs, by name, with the distributions that each imports."""


def ten_files() -> dict[str, str]:
    """The ten programs and their BUILD file, by path below a folder `ten`."""
    build = ['python_sources(sources=["*.py"])\n']
    files = {}
    for name, modules in TEN.items():
        # The layer contains the whole resolve, so the imports need no owner.
        lines = [f"import {module}  # pants: no-infer-dep" for module in modules]
        lines += ["", "", "def main() -> None:", f'    print("{name}")', ""]
        files[f"{name}_program.py"] = "\n".join(lines)
        build.append(f'pyinstaller_binary(name="{name}", entry_point="ten.{name}_program:main")\n')
    return {**files, "__init__.py": "", "BUILD": "\n".join(build)}


def warm(clone: Clone, launcher_cache: Path, caches: Path, bumped: str) -> None:
    """Fill the wheel caches that all clones share.

    Everything else stays cold: the caches of analyses and of built layers are the clone's own.
    """
    pants = Ours(clone, launcher_cache, caches)
    try:
        pants.start_daemon()
        indexes, links = pants.python_repos()
        # Pex installs uv itself; any run of a program over uv's resolve fetches it.
        pants.run("run", "build_support:lock", "--", "--help")
    finally:
        pants.stop()
    index_args = [
        *(("--default-index", indexes[0]) if indexes else ("--no-index",)),
        *(part for index in indexes[1:] for part in ("--index", index)),
        *(part for link in links for part in ("--find-links", link)),
    ]
    uv = clone.root.parent / "uv"
    python = interpreter(launcher_cache)
    clone.run(python, "-m", "venv", uv)
    clone.run(
        *(uv / "bin/python", "-m", "pip", "install", "--quiet", "--require-hashes"),
        *("--no-deps", "-r", "3rdparty/python/uv.lock"),
    )
    pin = clone.root / "bumped.txt"
    pin.write_text(bumped)
    for number, lock in enumerate((LOCK, PYINSTALLER_LOCK, pin)):
        clone.run(
            *(uv / "bin/uv", "pip", "install", "--quiet", "--no-config", "--no-deps"),
            *("--require-hashes", "--only-binary", ":all:", "--python", python),
            *("--cache-dir", caches / "pyinstaller_uv", "--link-mode", "copy"),
            *("--target", clone.root.parent / f"site-{number}", *index_args),
            *("--requirement", lock),
        )


def interpreter(launcher_cache: Path) -> Path:
    """The Python that the launcher `./pants` chose for the frozen program.

    Raises BenchError if it has not been started yet.
    """
    for settings in sorted(launcher_cache.glob("*/env"), key=lambda path: path.stat().st_mtime):
        for line in settings.read_text().splitlines():
            name, _, value = line.partition("=")
            if name == "LAUNCHER_PYTHON313":
                return Path(*shlex.split(value))
    raise BenchError(f"no installation of ./pants below {launcher_cache}: run ./pants --version")


class Ours:
    """One clone's Pants.

    launcher_cache: where the `pants` launcher keeps its installations; these are shared.
    caches: named caches shared by all clones: those of wheels.
    """

    def __init__(self, clone: Clone, launcher_cache: Path, caches: Path) -> None:
        folder = clone.root.parent
        self._clone = clone
        self._environment = {
            "PANTS_SETUP_CACHE": str(launcher_cache),
            "PANTS_LOCAL_STORE_DIR": str(folder / "store"),
            "PANTS_NAMED_CACHES_DIR": str(folder / "caches"),
            "PANTS_PANTSRC": "false",
        }
        share_wheel_caches(folder / "caches", caches)

    @property
    def one_file(self) -> Path:
        return self._clone.root / "dist/backend.services.agent-runner/agent-runner"

    @property
    def one_dir(self) -> Path:
        return self._clone.root / "dist/bench/one-dir/agent-runner"

    def daemon(self) -> int:
        """Raises BenchError if none runs."""
        for path in self._clone.root.glob(".pids/*/pantsd/pid"):
            with contextlib.suppress(ValueError):
                return int(path.read_text())
        raise BenchError(f"no Pants daemon runs in {self._clone.root}")

    def start_daemon(self) -> Usage:
        usage = self._clone.run("./pants", "--version", extra=self._environment)
        daemon = self.daemon()
        # It has just started, so its usage so far is the cost of the start.
        return Usage(usage.cpu_s + cpu_seconds([daemon]), usage.wall_s, usage.peak_bytes)

    def stop(self) -> None:
        try:
            daemon = self.daemon()
        except BenchError:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(daemon, signal.SIGTERM)
        end = time.monotonic() + _STOP_S
        while Path(f"/proc/{daemon}").exists() and time.monotonic() < end:
            time.sleep(0.1)

    def run(self, *arguments: str, version: str | None = None) -> Usage:
        """Run `./pants ARGUMENTS` in this clone, and measure it with the daemon's work. Raises CommandFailed."""
        extra = {"PANTS_RELEASE_VERSION": version} if version else {}
        daemon = self.daemon()
        usage = self._clone.run(
            "./pants", *arguments, daemon=daemon, extra={**self._environment, **extra}
        )
        if self.daemon() != daemon:
            raise BenchError(f"Pants restarted its daemon during ./pants {' '.join(arguments)}")
        return usage

    def build(self, version: str | None = None) -> Usage:
        return self.run("package", _ONE_FILE, version=version)

    def build_one_dir(self) -> Usage:
        build = self._clone.root / _BUILD
        if _ONE_DIR_TARGET not in build.read_text():
            with build.open("a") as file:
                file.write(_ONE_DIR_TARGET)
        return self.run("package", _ONE_DIR)

    def build_ten(self) -> Usage:
        folder = self._clone.root / "bench/ten"
        folder.mkdir(parents=True)
        for name, text in ten_files().items():
            (folder / name).write_text(text)
        return self.run("package", "bench/ten:")

    def digest(self) -> str:
        """SHA-256 of the one-file executable."""
        return hashlib.sha256(self.one_file.read_bytes()).hexdigest()

    def python_repos(self) -> tuple[list[str], list[str]]:
        """Pants' [python-repos].indexes and .find_links."""
        done = subprocess.run(
            ["./pants", "help-all"],
            env={**self._clone.environment, **self._environment},
            cwd=self._clone.root,
            stdout=subprocess.PIPE,
            check=True,
        )
        scope = json.loads(done.stdout)["scope_to_help_info"]["python-repos"]
        values = {
            option["config_key"]: option["value_history"]["ranked_values"][-1]["value"]
            for option in (*scope["basic"], *scope["advanced"])
        }
        return list(values["indexes"]), list(values["find_links"])
