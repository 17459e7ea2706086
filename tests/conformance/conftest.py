"""Programs unfrozen, by plain PyInstaller and by the driver."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest
import tomllib

from conformance.distributions import make_site
from pants_pyinstaller.driver import contract
from pants_pyinstaller.testing.freezer import Freezer, PlainPyInstaller

PROGRAMS = Path(__file__).parent / "programs"
KINDS = sorted(path.name for path in PROGRAMS.iterdir() if path.is_dir())
PATIENCE_S = 600


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a program printed, and what it left behind."""

    facts: dict[str, str]
    status: int
    stderr: str
    left: list[str]


@dataclasses.dataclass(frozen=True)
class Program:
    """One program in its forms; ``differences`` are names of facts to reasons."""

    unfrozen: Outcome
    plain: Outcome
    frozen: dict[str, Outcome]
    differences: dict[str, str]


def outcome(command: list[str], folder: Path, **environment: str) -> Outcome:
    """Run a program with an empty home and temporary directory."""
    temporary = folder / "tmp"
    home = folder / "home"
    for path in (temporary, home):
        path.mkdir(parents=True)
    done = subprocess.run(
        command,
        cwd=home,
        env={
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(home),
            "TMPDIR": str(temporary),
            "LANG": "C.UTF-8",
            **environment,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE_S,
    )
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    facts = dict(line.split(": ", 1) for line in lines if ": " in line)
    left = sorted(path.name for path in temporary.iterdir() if path.name.startswith("_MEI"))
    return Outcome(facts, done.returncode, done.stderr.decode("utf-8", "replace"), left)


@pytest.fixture(scope="session")
def freezer(tmp_path_factory: pytest.TempPathFactory) -> Freezer:
    """A layer over the distributions that the programs use."""
    root = tmp_path_factory.mktemp("freezer")
    for name in ("site", "wheels"):
        (root / name).mkdir()
    make_site(root / "wheels", root / "site")
    made = Freezer(root)
    made.prepare()
    return made


@pytest.fixture(scope="session")
def program(freezer: Freezer, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Program]:
    """The outcomes of a kind's program: built and run once, plain PyInstaller at the same time."""
    plain = PlainPyInstaller(freezer.root, tmp_path_factory.mktemp("plain"))

    def by_driver(kind: str, app: contract.AppRequest, folder: Path) -> dict[str, Outcome]:
        freezer.must(contract.APP, app)
        found = {}
        for mode in (contract.ONE_FILE, contract.ONE_DIR):
            executable = freezer.finish(app, mode=mode, output=f"{kind}/{mode}")
            found[mode] = outcome([str(executable)], folder / mode)
        return found

    def by_hand(kind: str, app: contract.AppRequest, folder: Path) -> Outcome:
        sources = freezer.root / kind / "src"
        data = [
            f"--add-data={freezer.root / path}:{os.path.dirname(dest)}"
            for dest, path in (app.data or {}).items()
        ]
        options = ["--onefile", f"--paths={sources}", *data]
        executable = plain.freeze_file(sources / "app/main.py", *options, name=f"{kind}/program")
        return outcome([str(executable)], folder / "plain")

    @cache
    def of(kind: str) -> Program:
        folder = tmp_path_factory.mktemp(kind)
        files = {"app/facts.py": (PROGRAMS / "facts.py").read_text()}
        for path in sorted((PROGRAMS / kind / "app").rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                files[path.relative_to(PROGRAMS / kind).as_posix()] = path.read_text()
        data = {dest: f"{kind}/src/{dest}" for dest in files if not dest.endswith(".py")}
        app = freezer.app(kind, files, "app.main", data=data)
        modules = f"{freezer.root / kind / 'src'}{os.pathsep}{freezer.root / 'site'}"
        with ThreadPoolExecutor(2) as threads:
            ours = threads.submit(by_driver, kind, app, folder)
            theirs = threads.submit(by_hand, kind, app, folder)
            unfrozen = outcome(
                [sys.executable, "-m", "app.main"], folder / "unfrozen", PYTHONPATH=modules
            )
        reasons = PROGRAMS / kind / "differences.toml"
        differences = tomllib.loads(reasons.read_text()) if reasons.exists() else {}
        return Program(unfrozen, theirs.result(), ours.result(), differences)

    return of
