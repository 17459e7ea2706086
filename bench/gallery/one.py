"""Builds and runs one program in all its forms: `python -m gallery.one NAME FOLDER`.

A process for each program, so that the whole can be ended. What is known is written to
FOLDER/result.json after every step.
"""

from __future__ import annotations

import contextlib
import datetime
import importlib.metadata
import os
import platform
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from gallery.entries import BY_NAME, MAIN, Entry
from gallery.results import ONE_DIR, ONE_FILE, PLAIN, UNFROZEN, Form, Result, scrubbed, to_json
from pants_pyinstaller.driver import contract
from pants_pyinstaller.testing.freezer import Freezer, PlainPyInstaller

RESULT: Final = "result.json"
RUN_S: Final = 300
"""Seconds that a program may run; each needs a few."""
WATCH_S: Final = 0.25
MOST_PROCESSES: Final = 60
LONGEST: Final = 1_000_000
"""Bytes that are read of what a program printed."""
_TAIL: Final = 2000
_TOOLS: Final = ("pyinstaller", "pyinstaller-hooks-contrib")


class Gallery:
    """One program's scratch directory and what is known so far.

    root: the freezer's: an installed lock (`site`) and what is made of it.
    """

    def __init__(self, entry: Entry, root: Path) -> None:
        self.entry = entry
        self.root = root
        self.forms: dict[str, Form] = {}
        self.freezer = Freezer(root)
        self.names = {
            str(root): "SCRATCH",
            str(root.resolve()): "SCRATCH",
            sys.base_prefix: "PYTHON",
            sys.prefix: "TOOLS",
            str(Path(contract.__file__).resolve().parent): "DRIVER",
        }

    def keep(self) -> None:
        """Write what is known."""
        installed = {
            one.name.lower().replace("_", "-").replace(".", "-"): one.version
            for one in importlib.metadata.distributions(path=[str(self.root / "site")])
        }
        result = Result(
            name=self.entry.name,
            digest=self.entry.digest(),
            date=datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
            machine=machine(),
            versions={name: installed.get(name, "") for name in self.entry.shown},
            tools={
                "Python": platform.python_version(),
                **{name: importlib.metadata.version(name) for name in _TOOLS},
            },
            distributions=len(installed),
            forms=self.forms,
        )
        temporary = self.root / f"{RESULT}.tmp"
        temporary.write_text(to_json({self.entry.name: result}))
        temporary.replace(self.root / RESULT)

    def install(self) -> None:
        """The lock into `site`, by uv."""
        subprocess.run(
            [
                *(sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps"),
                *("--require-hashes", "--target", "site", "--python", sys.executable),
                *("--requirement", str(self.entry.lock)),
            ],
            cwd=self.root,
            check=True,
        )

    def built(self, name: str, build: Callable[[], Path], before_s: float = 0) -> None:
        """Build a form and run it; a build that fails is a result as well."""
        used = cpu_s()
        try:
            executable = build()
        except AssertionError as error:
            self.forms[name] = Form(
                failure=self.scrub(str(error)), build_s=before_s + cpu_s() - used
            )
        else:
            build_s = before_s + cpu_s() - used
            self.forms[name] = Form(
                build_s=round(build_s, 1),
                size=size(executable if name == ONE_FILE else executable.parent),
                failure="was built and did not end",
            )
            self.keep()
            self.ran(name, [str(executable)])
        self.keep()

    def ran(self, name: str, command: Sequence[str], **environment: str) -> None:
        """Run a form and note how it ended."""
        before = self.forms.get(name, Form())
        home, temporary = self.root / f"home-{name}", self.root / f"tmp-{name}"
        for path in (home, temporary):
            path.mkdir()
        surroundings = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(home),
            "TMPDIR": str(temporary),
            "LANG": "C.UTF-8",
            **environment,
        }
        status, output, errors = run(command, home, surroundings)
        named = {str(home): "HOME", str(temporary): "TMP"}
        self.forms[name] = Form(
            build_s=before.build_s,
            size=before.size,
            failure=status if isinstance(status, str) else "",
            status=None if isinstance(status, str) else status,
            output=self.scrub(output, named, whole=True),
            errors=self.scrub(errors, named) if status else "",  # what it warns of is its own
        )

    def scrub(self, text: str, named: Mapping[str, str] | None = None, whole: bool = False) -> str:
        """Without this machine's paths; its end alone unless the whole is asked for."""
        text = scrubbed(text, {**self.names, **(named or {})})
        return text if whole else text[-_TAIL:]

    def request(self) -> contract.AppRequest:
        """The program as a script, with its data files beside it."""
        entry, folder = self.entry, f"{self.entry.name}/src"
        shutil.copytree(
            entry.folder, self.root / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
        data = {path.relative_to(entry.folder).as_posix() for path in entry.data_files()}
        return self.freezer.app(
            entry.name,
            {},
            f"{folder}/{MAIN}",
            data={path: f"{folder}/{path}" for path in sorted(data)},
        )

    def all(self) -> None:
        """Install, run unfrozen, freeze in both modes, freeze by plain PyInstaller."""
        self.install()
        request = self.request()
        source = self.root / self.entry.name / "src"
        self.ran(
            UNFROZEN,
            [sys.executable, "-s", str(source / MAIN)],
            PYTHONPATH=str(self.root / "site"),
            PYTHONDONTWRITEBYTECODE="1",
        )
        self.keep()
        if self.forms[UNFROZEN].status != 0:
            return

        used = cpu_s()
        try:
            self.freezer.prepare()
        except AssertionError as error:
            failed = Form(failure=self.scrub(str(error)))
            self.forms.update({ONE_FILE: failed, ONE_DIR: failed})
            self.keep()
        else:
            layer_s = cpu_s() - used
            self.built(ONE_FILE, lambda: self.ours(request, ONE_FILE), layer_s)
            self.built(ONE_DIR, lambda: self.ours(request, ONE_DIR))

        def plain() -> Path:
            tool = self.root / "tool"
            assert tool.exists(), "the layer was not prepared"
            data = [
                f"--add-data={path}:{path.relative_to(self.entry.folder).parent}"
                for path in self.entry.data_files()
            ]
            made = PlainPyInstaller(self.root, self.root / "plain")
            return made.freeze_file(source / MAIN, "--onedir", *data, name=self.entry.name)

        self.built(PLAIN, plain)

    def ours(self, request: contract.AppRequest, mode: str) -> Path:
        modes = {ONE_FILE: contract.ONE_FILE, ONE_DIR: contract.ONE_DIR}
        shutil.rmtree(self.root / request.output, ignore_errors=True)
        shutil.rmtree(self.root / request.output.replace("/app", "/check"), ignore_errors=True)
        return self.freezer.freeze(request, mode=modes[mode], output=f"{self.entry.name}/{mode}")


def run(
    command: Sequence[str], cwd: Path, environment: Mapping[str, str]
) -> tuple[int | str, str, str]:
    """Exit status (or why it was ended by force), standard output and standard error of a program."""
    paths = [cwd.parent / f"{cwd.name}.{stream}" for stream in ("out", "err")]
    with (
        paths[0].open("wb") as output,
        paths[1].open("wb") as errors,
    ):  # no pipe that a child may keep
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
        try:
            status = watched(process)
        finally:
            end(process.pid)
            process.wait()
    texts = [path.read_bytes()[:LONGEST].decode("utf-8", "replace") for path in paths]
    return status, texts[0], texts[1]


def watched(process: subprocess.Popen[bytes]) -> int | str:
    """Wait for the end of a session's first process: its status, or why it should not go on.

    A frozen program that starts itself, and does not know it, starts itself for ever.
    """
    deadline = time.monotonic() + RUN_S
    while time.monotonic() < deadline:
        try:
            return process.wait(WATCH_S)
        except subprocess.TimeoutExpired:
            if len(members(process.pid)) > MOST_PROCESSES:
                return f"started itself again and again: more than {MOST_PROCESSES} processes"
    return f"did not end within {RUN_S} s"


def members(session: int) -> list[int]:
    """The processes of a session."""
    found = []
    for path in Path("/proc").iterdir():
        if path.name.isdecimal():
            try:
                if os.getsid(int(path.name)) == session:
                    found.append(int(path.name))
            except OSError:  # has ended in between
                continue
    return found


def end(session: int) -> None:
    """Kill all processes of a session, until none is left; those that ended are not waited for."""
    for _ in range(100):
        running = [pid for pid in members(session) if not _is_zombie(pid)]
        if not running:
            return
        for pid in running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def size(path: Path) -> int:
    """Bytes of a file, or of all files below a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(
        one.lstat().st_size for one in path.rglob("*") if not one.is_dir() or one.is_symlink()
    )


def cpu_s() -> float:
    """CPU seconds of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def machine() -> str:
    """The class of machine: system, processor architecture, cores, memory."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB"


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    Gallery(BY_NAME[sys.argv[1]], Path(sys.argv[2]).resolve()).all()
