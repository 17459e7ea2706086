"""Freezes programs as the rules do, and as PyInstaller's own command line does."""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from pants_pyinstaller.driver import contract

DRIVER = Path(contract.__file__).resolve().parent
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **contract.ENVIRONMENT}


@dataclasses.dataclass
class Freezer:
    """Runs driver programs as the rules do: a process each, in one directory, relative paths."""

    root: Path

    def prepare(self) -> None:
        """Analyse, try and pack the distributions in ``site``."""
        (self.root / "tool").symlink_to(tool_directory())
        self.must(contract.LAYER, contract.LayerRequest("site", "tool", "layer", cache="cache"))
        self.must(contract.TRACE, contract.TraceRequest("layer", "site", "trace", cache="cache"))
        self.must(contract.PACK, contract.PackRequest("layer", "pack", cache="cache"))

    def run(self, program: str, request: contract.Request) -> subprocess.CompletedProcess[str]:
        (self.root / f"{program}.json").write_text(request.to_json())
        return subprocess.run(
            [
                sys.executable,
                *contract.INTERPRETER_FLAGS,
                str(DRIVER / "__main__.py"),
                program,
                f"{program}.json",
            ],
            cwd=self.root,
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
        )

    def must(self, program: str, request: contract.Request) -> str:
        """Run a program that must succeed; returns what it said."""
        done = self.run(program, request)
        assert done.returncode == 0, done.stderr
        return done.stderr

    def app(
        self, name: str, files: Mapping[str, str], entry_point: str, **fields: object
    ) -> contract.AppRequest:
        """Write first-party sources and return their request."""
        for path, text in files.items():
            target = self.root / name / "src" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        return contract.AppRequest(
            layer="layer",
            site="site",
            tool="tool",
            trace="trace",
            output=f"{name}/app",
            source_roots=(f"{name}/src",),
            entry_point=entry_point,
            **fields,  # type: ignore[arg-type]
        )

    def check(
        self,
        request: contract.AppRequest,
        allow: dict[str, str] | None = None,
        mode: str = contract.ONE_DIR,
    ) -> contract.CheckRequest:
        return contract.CheckRequest(
            mode=mode,
            pack="pack",
            layer="layer",
            app=request.output,
            site="site",
            tool="tool",
            trace=request.trace,
            output=request.output.replace("/app", "/check"),
            source_roots=request.source_roots,
            allow=allow,
        )

    def assembly(self, request: contract.AppRequest, **fields: object) -> contract.AssembleRequest:
        values: dict[str, object] = {
            "layer": "layer",
            "site": "site",
            "pack": "pack",
            "app": request.output,
            "check": request.output.replace("/app", "/check"),
            "tool": "tool",
            "output": request.output.replace("/app", "/dist"),
            "name": "program",
            **fields,
        }
        return contract.AssembleRequest(**values)  # type: ignore[arg-type]

    def freeze(self, request: contract.AppRequest, **fields: object) -> Path:
        """App, check and assembly; returns the executable."""
        self.must(contract.APP, request)
        return self.finish(request, **fields)

    def finish(self, request: contract.AppRequest, **fields: object) -> Path:
        """Check and assembly of what ``app`` has made; returns the executable."""
        assembly = self.assembly(request, **fields)
        self.must(contract.CHECK, self.check(request, mode=assembly.mode))
        self.must(contract.ASSEMBLE, assembly)
        path = contract.executable_path("program", assembly.mode, os.name == "nt")
        return self.root / assembly.output / path


def tool_directory() -> Path:
    """The directory that PyInstaller is installed in."""
    spec = importlib.util.find_spec("PyInstaller")
    assert spec is not None, "these tests need PyInstaller beside pytest"
    assert spec.origin is not None
    return Path(spec.origin).parent.parent


@dataclasses.dataclass
class PlainPyInstaller:
    """Freezes a script by PyInstaller's own command line."""

    root: Path
    work: Path

    def freeze(self, name: str, script: str) -> Path:
        """A one-dir bundle of a script of this text."""
        path = self.work / f"{name}.py"
        path.write_text(script)
        return self.freeze_file(path, "--onedir")

    def freeze_file(self, script: Path, *options: str, name: str | None = None) -> Path:
        """The executable that PyInstaller makes of a script, in ``--onedir`` or ``--onefile``."""
        folder, _, name = (name or script.stem).rpartition("/")
        work = self.work / folder
        work.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [
                *(sys.executable, "-s", "-m", "PyInstaller", "--log-level", "ERROR"),
                *("--noconfirm", "--name", name, *options, str(script)),
            ],
            cwd=work,
            env={
                **ENVIRONMENT,
                "PYTHONPATH": f"{self.root / 'site'}{os.pathsep}{self.root / 'tool'}",
                "PYINSTALLER_CONFIG_DIR": str(self.work / "config"),
                "PYINSTALLER_ZLIB_COMPRESSION_LEVEL": "1",
            },
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        made = work / "dist" / name
        return made / name if made.is_dir() else made


def start(
    executable: Path, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a frozen program with nothing in its environment."""
    return subprocess.run(
        [str(executable), *arguments],
        env=environment,
        cwd="/",
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
