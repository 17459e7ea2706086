"""The two sides of an exercise: the target's own interpreter, and an executable in the shape that ships."""

from __future__ import annotations

import ast
import marshal
import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from .. import contract
from ..analysis import compiled, entry_script, first_party, interpreter
from ..bundle import archive, head, shape
from ..bundle.contents import Layers
from ..errors import DriverError, listing
from . import exercise_recorder, runs, supervisor
from .exercise_compare import Side

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_READ = 1 << 22
"""Bytes of an output that are looked at."""

_RUNNER = """import sys
import traceback
{imports}
import {module} as tested

for name in {names!r}:
    try:
        {call}
    except Exception:
        traceback.print_exc()
        sys.exit(name + ": failed")
    print(name + ": passed", flush=True)
"""


@dataclass(frozen=True)
class Program:
    """An exercise as it runs.

    :param name: its module, for messages.
    :param module: what runs as ``__main__``: that module, or one that calls its test functions.
    """

    name: str
    module: str

    @property
    def program(self) -> str:
        """What the executable is called."""
        parts = self.module.split(".")
        return parts[-2] if parts[-1] == "__main__" and len(parts) > 1 else parts[-1]


@dataclass
class Seen:
    """What a run's recorders noted; see ``exercise_recorder``."""

    modules: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)
    distributions: set[str] = field(default_factory=set)
    groups: set[str] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Stage:
    """What all runs share.

    :param work: directory of everything that is written.
    :param own: directory with the first-party code and files, the exercises' too.
    :param sources: modules that the bundle has for the exercises' sake; ``data``: the same for files.
    """

    request: contract.ExerciseRequest
    work: str
    own: str
    programs: list[Program]
    sources: dict[str, first_party.Source]
    data: dict[str, str]


def prepare(request: contract.ExerciseRequest, layers: Layers, work: str) -> Stage:
    """Lay out what the runs share below ``work``.

    :raises DriverError: test functions that no caller but pytest can call.
    """
    work = os.path.realpath(work)
    own, tests = os.path.join(work, "own"), os.path.join(work, "tests")
    os.makedirs(tests)
    for root in (*request.source_roots, *request.exercise_roots):
        if os.path.isdir(root):
            shutil.copytree(root, own, ignore_dangling_symlinks=True, dirs_exist_ok=True)
    for dest in layers.app.files:
        target = os.path.join(own, *dest.split("/"))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy(layers.own_path(dest), target)
    for dest, link in layers.app.links.items():
        target = os.path.join(own, *dest.split("/"))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if os.path.lexists(target):
            os.unlink(target)
        os.symlink(link, target)
    programs = []
    for module, kind in sorted(request.exercises.items()):
        main = module
        if kind == contract.EXERCISE_TESTS:
            main = "exercise_" + module.replace(".", "_")
            with open(os.path.join(own, *module.split(".")) + ".py", "rb") as source:
                text = runner(module, source.read())
            with open(os.path.join(tests, main + ".py"), "w", encoding="utf-8") as file:
                file.write(text)
            shutil.copy(os.path.join(tests, main + ".py"), own)
        programs.append(Program(module, main))
    sources, data = first_party.read_sources(
        (*request.exercise_roots, tests), layers.layer.optimize
    )
    return Stage(request, work, own, programs, sources, data)


def runner(module: str, source: bytes) -> str:
    """Source text of a module that calls the test functions of ``module`` in their order.

    :raises DriverError: there are none, or some want arguments, which only pytest gives.
    """
    functions: dict[str, ast.FunctionDef | ast.AsyncFunctionDef] = {}
    wrong = []
    for node in ast.parse(source).body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if node.name.startswith("test"):
                functions[node.name] = node
        elif isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            wrong.append(f"class {node.name}: only functions are called")
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias.name for alias in node.names]
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            if any(name.partition(".")[0] == "pytest" for name in names):
                wrong.append(f"line {node.lineno}: imports pytest, which is not in the bundle")
    for name, function in functions.items():
        given = function.args
        needed = len(given.posonlyargs) + len(given.args) - len(given.defaults)
        needed += sum(default is None for default in given.kw_defaults)
        if needed:
            wrong.append(f"{name}: wants {needed} argument(s)")
    if wrong:
        raise DriverError(
            f"the tests in {module} cannot serve as exercises:\n{listing(wrong)}\n"
            "An exercise runs without pytest, so its test functions take no arguments (fixtures, parameters). "
            "Move what needs pytest to another file, or write the exercise as a program."
        )
    if not functions:
        raise DriverError(
            f"{module} holds no function whose name begins with 'test': as an exercise it does nothing"
        )
    waits = [
        name for name, function in functions.items() if isinstance(function, ast.AsyncFunctionDef)
    ]
    call = "getattr(tested, name)()"
    if waits:
        call = f"found = {call}\n        if name in {waits!r}:\n            asyncio.run(found)"
    return _RUNNER.format(
        imports="import asyncio\n" if waits else "",
        module=module,
        names=list(functions),
        call=call,
    )


def unfrozen(stage: Stage, layers: Layers, program: Program) -> tuple[Side, Seen, str]:
    """Run an exercise by the target's interpreter, as ``python -m`` does.

    :return: the run, what it looked for, and why the network could not be kept out (``supervisor.Ended``).
    """
    room = _room(stage, program, "unfrozen")
    site = os.path.realpath(stage.request.site)
    start = runs.unfrozen_start(stage.request.layer, layers.layer, site, [stage.own], room.work)
    start += exercise_recorder.unfrozen(room.report, site, stage.own, _own(layers))
    flags = _flags(stage.request.python_options, layers.layer.optimize)
    python = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
    if os.name == "nt":
        script = os.path.join(room.work, "start.py")
        start += f"import runpy\nrunpy._run_module_as_main({program.module!r})\n"
        command = [python, "-I", "-S", *flags, script]
    else:
        script = os.path.join(room.work, "start.txt")
        python = _environment(os.path.join(room.work, "venv"), python, script)
        command = [python, *flags, "-m", program.module]
    with open(script, "w", encoding="utf-8") as file:
        file.write(start)
    places = dict.fromkeys((stage.own, site, *interpreter.library_paths()), "<bundle>")
    places[python] = "<executable>"
    return room.run(command, places)


def frozen(
    stage: Stage, layers: Layers, early: Mapping[str, Sequence[str]], program: Program
) -> tuple[Side, Seen]:
    """Run an exercise frozen in the shape that ships."""
    request = stage.request
    room = _room(stage, program, "frozen")
    directory = os.path.join(room.work, "bundle")
    entry = entry_script.find(program.module, stage.sources, request.source_roots)
    own = {item.name for item in layers.app.modules if item.kind != "namespace"}
    extra = [
        archive.PyzEntry(item.name, archive.PYZ_KINDS[item.kind], item.blob)
        for item in stage.sources.values()
        if item.kind in archive.PYZ_KINDS and item.name not in own
    ]
    path = shape.for_proof(
        layers,
        directory,
        request.mode,
        request.pack,
        head.entry_parts(entry.entry, entry.code, request.mode == contract.ONE_FILE),
        name=program.program,
        contents=request.contents_directory,
        options=(*request.python_options, f"hash_seed={_hash_seed(request.python_options)}"),
        first=[
            _script(exercise_recorder.NAME, exercise_recorder.frozen(room.report, _own(layers)), 1)
        ],
        extra=extra,
        early=early,
        data=stage.data,
    )
    places = {os.path.join(directory, request.contents_directory): "<bundle>", path: "<executable>"}
    try:
        side, seen, _ = room.run([path], places)
    finally:
        shutil.rmtree(room.work, ignore_errors=True)
    return side, seen


def _own(layers: Layers) -> set[str]:
    """First-party sources, as paths below their root."""
    return {item.dest for item in layers.app.modules if item.dest.endswith(".py")}


def _script(name: str, text: str, level: int) -> archive.Part:
    code = compiled.compile_reproducibly(text, name + ".py")
    return archive.packed(name, "s", marshal.dumps(code), level)


def _environment(root: str, python: str, start: str) -> str:
    """Make a virtual environment whose interpreters execute ``start`` first; returns its Python.

    An environment rather than variables or flags: a program that starts ``sys.executable`` stays in it.
    """
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    site = os.path.join(root, "lib", version, "site-packages")
    os.makedirs(site)
    os.makedirs(os.path.join(root, "bin"))
    with open(os.path.join(root, "pyvenv.cfg"), "w", encoding="utf-8") as file:
        file.write(f"home = {os.path.dirname(python)}\ninclude-system-site-packages = false\n")
    with open(os.path.join(site, "start.pth"), "w", encoding="utf-8") as file:
        file.write(f"import builtins; builtins.exec(builtins.open({start!r}).read(), {{}})\n")
    path = os.path.join(root, "bin", "python")
    os.symlink(python, path)
    return path


def _hash_seed(options: Iterable[str]) -> str:
    """The seed of both sides, so that sets have one order: the target's, where it has one."""
    found = [option.partition("=")[2] for option in options if option.startswith("hash_seed=")]
    return found[-1] if found else "0"


def _flags(options: Iterable[str], optimize: int) -> list[str]:
    """What gives an interpreter that which ``python_options`` and ``optimize`` give a bootloader."""
    flags = ["-s", "-B", *["-O"] * optimize]
    for option in options:
        word, _, value = option.strip().partition(" ")
        if not word.startswith("hash_seed="):
            flags += [f"-{word}", value] if value else [f"-{word}"]
    return flags


@dataclass(frozen=True)
class _Room:
    """The surroundings of one run, as a user's: PATH, an empty HOME, another directory, no input, no PYTHON*.

    But for PYTHONHASHSEED, which children of both sides need to agree; a frozen program has it as an option.
    """

    stage: Stage
    work: str
    report: str

    def run(self, command: Sequence[str], places: Mapping[str, str]) -> tuple[Side, Seen, str]:
        """Run ``command``; what it leaves running is ended, what it leaves in files is below ``work``."""
        home, temporary, directory = (self._directory(name) for name in ("home", "t", "cwd"))
        environment = runs.surroundings(home)
        if os.name == "posix":
            environment |= {"PATH": _PATH, "LANG": "C.UTF-8", "TMPDIR": temporary}
        request = self.stage.request
        environment["PYTHONHASHSEED"] = _hash_seed(request.python_options)
        out, err = os.path.join(self.work, "out"), os.path.join(self.work, "err")
        ended = supervisor.supervise(
            command,
            environment,
            directory,
            out,
            err,
            request.timeout,
            request.network,
            self.work,
        )
        places = {
            **places,
            home: "<home>",
            temporary: "<temporary>",
            directory: "<directory>",
        }
        side = Side(ended.status, ended.overdue, _text(out), _text(err), places)
        return side, _seen(self.report), ended.shared_network

    def _directory(self, name: str) -> str:
        path = os.path.join(self.work, name)
        os.mkdir(path)
        return path


def _room(stage: Stage, program: Program, side: str) -> _Room:
    work = os.path.join(stage.work, f"{stage.programs.index(program)}{side[0]}")
    shutil.rmtree(work, ignore_errors=True)
    report = os.path.join(work, "report")
    os.makedirs(report)
    return _Room(stage, work, report)


def _text(path: str) -> str:
    with open(path, encoding="utf-8", errors="backslashreplace") as file:
        return file.read(_READ)


def _seen(report: str) -> Seen:
    seen = Seen()
    places = {
        "module": seen.modules,
        "file": seen.files,
        "distribution": seen.distributions,
        "group": seen.groups,
        "function": seen.functions,
    }
    for entry in sorted(os.listdir(report)):
        with open(os.path.join(report, entry), encoding="ascii", errors="replace") as file:
            for line in file:
                try:
                    kind, what = ast.literal_eval(line)
                except (ValueError, SyntaxError):
                    continue  # the last line of a process that was ended while writing
                places[kind].add(what.replace("\\", "/") if kind == "file" else what)
    return seen
