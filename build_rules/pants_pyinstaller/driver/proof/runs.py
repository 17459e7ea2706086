"""Runs of the recorder: frozen in a bundle made of the layers, unfrozen over the installed site directory."""

from __future__ import annotations

import ast
import dis
import marshal
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .. import contract
from ..analysis import interpreter, reduction
from ..bundle import archive, shape
from ..bundle.contents import Layers
from ..errors import DriverError
from . import recorder

PATIENCE = 120.0
"""Seconds without progress after which the module being imported counts as hanging, unless it only lacks a processor:
see ``is_stuck``."""

_IDLE = 2.0

NEVER_IMPORTED = ("antigravity", "this", "__hello__", "__main__", "idlelib", "turtledemo", "test")
"""Modules that run a program when they are imported: a browser opens, text is printed."""

DEMONSTRATIONS = frozenset({"demo", "demos", "examples"})
"""Packages of such modules, in lower case: those of pywin32 open windows, write backups and connect to servers."""


@dataclass
class Job:
    """What a run shall import and look at.

    :param attributes: (module, names that it must have after the imports).
    :param versions: (distribution, version).
    :param resources: (package, path below it) that importlib.resources must find.
    :param dynamic: record every import request (costs a little at each import).
    :param own: modules whose loaders are of interest: an import hook may have loaded them.
    """

    modules: Sequence[str]
    attributes: Sequence[tuple[str, Sequence[str]]] = ()
    versions: Sequence[tuple[str, str]] = ()
    resources: Sequence[tuple[str, str]] = ()
    record: bool = True
    dynamic: bool = False
    own: Sequence[str] = ()


@dataclass
class Outcome:
    """What happened to one module: None for success, else exception's type and message and where it was raised."""

    error: tuple[str, str] | None
    file: str = ""
    where: Sequence[str] = ()

    def describe(self) -> str:
        """For a message."""
        return "imported" if self.error is None else f"{self.error[0]}: {self.error[1]}"


@dataclass
class Report:
    """All that a run wrote down.

    :param missed_modules: module that nobody has -> (module of the job, who asked).
    :param missed_files: path below the root that is not there -> the same.
    :param requests: (importer, imported) of every import; ``unmet``: of those that failed.
    :param importers: (what was put before Python's own finders, module during whose import).
    :param loaders: module of ``Job.own`` -> its loader, where that is none of Python's or PyInstaller's.
    :param executed: functions of reduced code that were called, or whose code somebody looked at.
    :param restarted: something started the executable again; what that process did is not in the report.
    """

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    missed_modules: dict[str, tuple[str, str]] = field(default_factory=dict)
    missed_files: dict[str, tuple[str, str]] = field(default_factory=dict)
    requests: set[tuple[str, str]] = field(default_factory=set)
    unmet: set[tuple[str, str]] = field(default_factory=set)
    faults: list[tuple[str, ...]] = field(default_factory=list)
    importers: list[tuple[str, str]] = field(default_factory=list)
    loaders: dict[str, str] = field(default_factory=dict)
    executed: set[str] = field(default_factory=set)
    restarted: bool = False


class Reached(Exception):
    """A run of reduced code (``analysis.reduction``) came to what was left out of it.

    :param executed: the functions; none where no more functions would do.
    """

    def __init__(self, executed: set[str], reason: str) -> None:
        super().__init__(executed, reason)
        self.executed, self.reason = executed, reason


def run(command: Sequence[str], job: Job, root: str, work: str) -> Report:
    """Run the recorder by ``command`` until every module of the job has an outcome.

    :raises Reached: the outcomes are not those of the whole code.

    The surroundings are a user's: see ``surroundings``; another working directory, stdin at its end.

    :param root: directory whose missing files are of interest; "" for the frozen bundle's own.
    """
    report = Report()
    names = list(job.modules)
    home = tempfile.mkdtemp(dir=work, prefix="home-")
    elsewhere = tempfile.mkdtemp(dir=work, prefix="cwd-")
    finished = False
    while not finished:
        out = os.path.join(work, "report.txt")
        job_file = os.path.join(work, "job.bin")
        with open(job_file, "wb") as file:
            file.write(
                marshal.dumps(
                    {
                        "root": root,
                        "home": home,
                        "modules": names,
                        "attributes": [(module, list(found)) for module, found in job.attributes],
                        "versions": list(job.versions),
                        "resources": list(job.resources),
                        "record": job.record,
                        "dynamic": job.dynamic,
                        "own": list(job.own),
                        "mark": reduction.MARK,
                        "statement": dis.opmap["IMPORT_NAME"],
                    }
                )
            )
        open(out, "w").close()
        with open(os.path.join(work, "output.txt"), "wb") as output:
            process = subprocess.Popen(
                [*command, job_file, out],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=elsewhere,
                env=surroundings(home),
                start_new_session=True,
            )
            hung = _watch(process, out)
        finished, started = _read(out, report)
        if finished:
            break
        if started is None:
            with open(os.path.join(work, "output.txt"), encoding="utf-8", errors="replace") as text:
                tail = text.read()[-3000:]
            raise DriverError(
                f"the proof's own program does not start (exit code {process.returncode}):\n"
                f"{tail.strip() or '(no output)'}\n"
                "The interpreter or a library that every program needs is not usable from a bundle."
            )
        what = "hangs: no progress for 2 minutes" if hung else _ended(process.returncode)
        report.outcomes[started] = Outcome(("end of the process", what))
        names = names[names.index(started) + 1 :]
    if report.executed:
        raise Reached(report.executed, "functions were executed that were expected not to be")
    return report


_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def surroundings(home: str, bare: bool = False) -> dict[str, str]:
    """The environment in a proof: a user's PATH and language, an empty HOME, no PYTHON*.

    :param bare: less PATH and LANG, as under some process managers; not on Windows, where no process is without PATH.
    """
    environment = {"HOME": home, "TMPDIR": home}
    if not bare:
        environment |= {"PATH": _PATH, "LANG": "C.UTF-8"}
    if sys.platform == "win32":
        environment = {"USERPROFILE": home, "TEMP": home, "TMP": home}
        for name in ("COMSPEC", "SYSTEMROOT", "WINEPREFIX", "WINDIR"):
            if name in os.environ:
                environment[name] = os.environ[name]
        # Both for finding system libraries and for modules that take it for granted.
        environment["PATH"] = os.path.join(os.environ["SYSTEMROOT"], "System32")
    for name in ("QEMU_LD_PREFIX", "QEMU_CPU"):
        if name in os.environ:
            environment[name] = os.environ[name]
    return environment


def _ended(code: int) -> str:
    return f"ended by signal {-code}" if code < 0 else f"exit code {code}"


def cpu_seconds(group: int) -> float | None:
    """CPU time so far of a process group, whose leader may only wait for the program that it unpacked and started.

    None where the system does not tell (no /proc), or where the group has ended.
    """
    ticks: list[int] = []
    for entry in os.listdir("/proc") if os.path.isdir("/proc/self") else ():
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                    fields = file.read().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[2]) == group:
                ticks.append(
                    sum(map(int, fields[11:15]))
                )  # its own, and that of children that ended
    return sum(ticks) / os.sysconf("SC_CLK_TCK") if ticks else None


def is_stuck(wall: float, cpu: float | None) -> bool:
    """Whether a process without progress hangs: it waits for something, or runs without an end.

    One that could not run for want of a processor (an emulated one on a busy machine) does neither.

    :param wall, cpu: seconds since its last progress; ``cpu`` None: not known.
    """
    return wall > PATIENCE and (cpu is None or cpu < _IDLE or cpu > PATIENCE)


def _watch(process: subprocess.Popen[bytes], out: str) -> bool:
    """Wait; True when the process had to be killed for want of progress."""
    size, since, used = -1, time.monotonic(), 0.0
    while True:
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            now, total = os.path.getsize(out), cpu_seconds(process.pid)
            if now != size:
                size, since, used = now, time.monotonic(), total or 0.0
            elif is_stuck(time.monotonic() - since, None if total is None else total - used):
                _kill(process)
                return True
        else:
            return False


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a process, and with it the program that a one-file executable started."""
    if os.name == "posix":
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def _read(path: str, report: Report) -> tuple[bool, str | None]:
    """Add the lines of ``path``; returns whether the run came to its end, and the module it was at."""
    started: str | None = None
    finished = False
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                item = ast.literal_eval(line)
            except (ValueError, SyntaxError):
                continue  # the last line of a process that was ended while writing
            kind = item[0]
            if kind == "start":
                started = item[1]
            elif kind == "ok":
                report.outcomes[item[1]] = Outcome(None, item[2])
            elif kind == "fail":
                report.outcomes[item[1]] = Outcome((item[2], item[3]), where=item[4])
            elif kind == "module":
                report.missed_modules.setdefault(item[1], (item[2], item[3]))
            elif kind == "file":
                report.missed_files.setdefault(item[1].replace("\\", "/"), (item[2], item[3]))
            elif kind == "request":
                report.requests.add((item[1], item[2]))
            elif kind == "unmet":
                report.unmet.add((item[1], item[2]))
            elif kind == "importer":
                report.importers.append((item[1], item[2]))
            elif kind == "executed":
                report.executed.add(reduction.identity_of(item[1]))
            elif kind == "restarted":
                report.restarted = True
            elif kind == "loader":
                report.loaders[item[1]] = item[2]
            elif kind == "end":
                finished = True
            else:
                report.faults.append(tuple(item))
    return finished, started


# --- Frozen -----------------------------------------------------------------------------------------------------------


def frozen_command(
    layers: Layers,
    work: str,
    mode: str = contract.ONE_DIR,
    pack: str | None = None,
) -> list[str]:
    """Make a bundle with the recorder as entry script, in the shape that ships, read-only; returns how to start it."""
    directory = os.path.join(work, "bundle")
    shutil.rmtree(directory, ignore_errors=True)
    code = marshal.dumps(compile(recorder.SOURCE, "pyi_recorder.py", "exec", dont_inherit=True))
    entry = archive.packed("pyi_recorder", "s", code, 1)
    path = shape.for_proof(layers, directory, mode, pack, [entry])
    if os.name == "posix":
        for folder, _, _ in os.walk(directory, topdown=False):
            os.chmod(folder, 0o555)
    return [path]


def release(work: str) -> None:
    """Make the bundle below ``work`` removable again."""
    for folder, _, _ in os.walk(os.path.join(work, "bundle")):
        os.chmod(folder, 0o755)


# --- Unfrozen
# -----------------------------------------------------------------------------------------------------------

_LOADER = r'''
import sys
sys.path[:] = PATHS
import _imp
import importlib.machinery as machinery
import marshal
import mmap
import zlib


plain_get_code = machinery.SourceFileLoader.get_code


def get_code(self, name):
    """Python's own, except for code that the layer has compiled already; hooks are left as they are in any Python."""
    entry = CODE.get(self.path) if type(self) is machinery.SourceFileLoader else None
    if entry is None:
        return plain_get_code(self, name)
    offset, length = entry
    code = marshal.loads(zlib.decompress(BLOB[offset:offset + length]))
    _imp._fix_co_filename(code, self.path)
    return code


machinery.SourceFileLoader.get_code = get_code
with open(BLOB_PATH, "rb") as file:
    BLOB = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
with open(CODE_PATH, "rb") as file:
    CODE = marshal.load(file)
import site
site.addsitedir(SITE)
'''


def unfrozen_command(
    layer_path: str, layer: Any, site: str, roots: Sequence[str], work: str
) -> list[str]:
    """How to run the recorder in an ordinary environment: see ``unfrozen_start``."""
    script = os.path.join(work, "recorder.py")
    with open(script, "w", encoding="utf-8") as text:
        text.write(unfrozen_start(layer_path, layer, site, roots, work) + recorder.SOURCE)
    return [sys.executable, "-I", "-S", "-B", "-X", "utf8", script]


def unfrozen_start(layer_path: str, layer: Any, site: str, roots: Sequence[str], work: str) -> str:
    """Source text that makes an interpreter an ordinary environment: on sys.path are the standard library, ``roots``
    and ``site``.

    ``.pth`` files of ``site`` do what they do at the start of any Python (pywin32's makes its libraries loadable).
    """
    site = os.path.realpath(site)
    library = interpreter.library_paths()
    code: dict[str, tuple[int, int]] = {}
    if layer.optimize == 0:
        for node in layer.nodes:
            if node.length and node.source:
                where = site if node.owner >= 0 else library[0]
                code[os.path.join(where, *node.source.split("/"))] = (node.offset, node.length)
    code_path = os.path.abspath(os.path.join(work, "code.bin"))
    with open(code_path, "wb") as file:
        file.write(marshal.dumps(code))
    paths = [*library, *(os.path.abspath(root) for root in roots), site]
    blob = os.path.abspath(os.path.join(layer_path, contract.LAYER_MODULES))
    return (
        f"PATHS, SITE = {paths!r}, {site!r}\nBLOB_PATH = {blob!r}\nCODE_PATH = {code_path!r}\n"
        + _LOADER
    )


# --- Comparison
# -----------------------------------------------------------------------------------------------------------
