"""What the rules and the driver's programs agree on: requests, outputs, names of files.

The rules (Pants' own Python, 3.9) import this module to write a request; the programs (the target's Python) import
it to read one. Hence: standard library only, syntax of Python 3.9, no import of anything else here.

One program = one process. It is started in the sandbox's root as

    PYTHON *INTERPRETER_FLAGS <driver directory>/__main__.py PROGRAM REQUEST.json [CORES]

with ``ENVIRONMENT`` in its environment and a request written by ``Request.to_json``. Every path in a request is
relative to the sandbox's root and uses ``/``, so that a native, an emulated and a Wine process see the same request.
CORES is the number of processors that the program may use; what it writes does not depend on it.
A program writes below ``output`` alone, never into its inputs, and keeps reusable parts in ``cache`` (an append-only
directory that other processes may use at the same time; absent or empty is fine).

Exit codes: 0 success; 1 a mistake that a person can mend, its message on stderr without a traceback; other: a fault of
the program. Progress goes to stderr, one line a step.

The way of the data (each arrow is an output directory handed on as an input directory)::

    site, tool ── layer ──┬── trace ───── app ── check ── exercise    (proof of the application)
                          └── pack ─────────────────────┴── assemble

Between ``app`` and ``check`` stands APP_VIEW: the application without the bodies of functions that its imports do not
execute. ``check`` takes it in place of the application; only where the outcome does not hold for the whole
(CHECK_VOID) does it run again, on a view with the functions that were executed after all (``reduce``), then on the
whole. So a change of what imports do not execute leaves the inputs of ``check`` as they are.

* ``core``     the interpreter of a platform whose programs cannot run here (all others are inputs)
* ``layer``    third-party modules analysed, compiled, stripped: everything that any binary over this resolve may need
* ``pack``     the layer's files compressed for one-file executables (one-dir builds do not need it)
* ``trace``    every module of the layer imported frozen; those that fail also unfrozen; dynamic imports recorded
* ``app``      first-party modules compiled, and the selection of what this binary needs from the layer
* ``reduce``   APP_VIEW anew, with functions that were found to be executed
* ``check``    the application's imports, frozen and unfrozen, compared; modules found at run time join the selection
* ``carry``    in place of these two where programs of the target cannot run: what another platform's proof has added
* ``kit``      the same bundle with a program that proves it, for a machine of the platform
* ``exercise`` the user's own programs, run unfrozen and frozen, compared; what they miss joins the selection
* ``assemble`` the executable and its sidecars; the only program that sees ``build_info``
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, fields
from typing import Any, Dict, Tuple, Type, TypeVar

SCHEMA = 1
"""Version of requests and outputs; a program refuses another one."""

PYINSTALLER_SUPPORTED = "6.22"
"""The PyInstaller release line (major.minor) whose internals the programs rely on."""

INTERPRETER_FLAGS: Tuple[str, ...] = ("-s", "-B", "-X", "utf8")
"""Flags of the interpreter that runs a program (not ``-E``/``-I``: they would ignore PYTHONHASHSEED)."""

SOURCE_DATE_EPOCH = 1577836800
"""Constant time stamp (2020-01-01T00:00:00Z) of everything in the layers, seconds since the epoch."""

ENVIRONMENT: Dict[str, str] = {
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "SOURCE_DATE_EPOCH": str(SOURCE_DATE_EPOCH),
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
}
"""Environment of every program, besides PATH (binutils: objdump, objcopy, strip, ldd, ldconfig on Linux)."""

# --- Programs -------------------------------------------------------------------------------------------------------

CORE = "core"
LAYER = "layer"
PACK = "pack"
TRACE = "trace"
APP = "app"
REDUCE = "reduce"
CHECK = "check"
EXERCISE = "exercise"
CARRY = "carry"
KIT = "kit"
ASSEMBLE = "assemble"

# --- Files in the output directories ----------------------------------------------------------------------------------

LAYER_INDEX = "index.json"
LAYER_MODULES = "modules.bin"
LAYER_FILES = "files"
LAYER_LICENCES = "licences.json"
LAYER_FLOORS = "floors.json"
LAYER_REFERENCE = "reference.json"
PACK_INDEX = "packed.json"
PACK_BLOB = "packed.bin"
TRACE_RESULT = "trace.json"
APP_SELECTION = "selection.json"
APP_MODULES = "modules.bin"
APP_FILES = "files"
APP_IMPORTS = "imports.json"
APP_VIEW = "view"
VIEW_APP = "app"
VIEW_SOURCES = "src"
CHECK_RESULT = "check.json"
CHECK_VOID = "void.json"
CHECK_FILES = "files"
EXERCISE_RESULT = "exercise.json"
MANIFEST = "manifest.json"
NOTES = "notes.json"
WARNING_NOTES = ("missing-import", "failing-import", "host-library")
"""Kinds of notes that a person should look at; the others only inform."""
NOTICES = "notices.json"
CHUNKS = "chunks"
BUILD_INFO = "build_info.json"
"""Name of the build information inside the bundle: ``os.path.join(sys._MEIPASS, "build_info.json")``."""

CONTENTS = "_internal"
"""Directory of a one-dir bundle's files beside the executable, unless the target names another: PyInstaller's
default."""

PYTHON_OPTION = re.compile(
    r"u|v+|W \S+|X \w+(=\S+)?|hash_seed=\d+"
    r"|pyi-bootloader-ignore-signals|pyi-enable-onefile-parent-verification"
)
"""The options that the bootloader understands (PyInstaller's ``EXE(options=...)``) and that no other field sets: the
interpreter's except ``O``, which follows ``optimize``, so that the code and ``sys.flags`` agree, and two of its own."""

ONE_FILE = "one-file"
ONE_DIR = "one-dir"

EXERCISE_PROGRAM = "program"
EXERCISE_TESTS = "tests"

KIT_SUFFIX = "-proof"
"""A proof kit is called as the executable, with this."""

PROOF_CLOSURE = "closure"
PROOF_IMPORTS = "imports"
PROOF_OFF = "off"

PROOF_PASSED = "passed"
PROOF_DEFERRED = "deferred"
"""What a manifest's ``proof`` says, besides PROOF_OFF: run where it was built; to be delivered by a machine of the
platform."""

FOREIGN = "interpreter.json"
"""What an interpreter that cannot run on the building machine says of itself, in its directory: see
``analysis.foreign.Interpreter``."""

FOREIGN_VARIABLE = "FOREIGN_INTERPRETER"
"""Environment variable of a program: the directory of the interpreter for which it works, if that cannot run here."""

INTERPRETER_LIBRARIES = "libraries.json"
"""What an interpreter may say, in its prefix, of the libraries that it brings: ``libraries`` (path below the prefix ->
``package``, ``version``, ``license``) and ``texts`` (package -> text of its licence)."""

HOST_LIBRARIES_ALLOW = "allow"
HOST_LIBRARIES_LIST = "list"
HOST_LIBRARIES_DENY = "deny"

R = TypeVar("R", bound="Request")


@dataclass(frozen=True)
class Request:
    """Base of all requests: converts itself to and from JSON.

    Field types are limited to what JSON holds: str, int, bool, None, tuples of these and str -> str mappings.
    """

    def to_json(self) -> str:
        """This request as JSON text (sorted keys: equal requests are equal bytes)."""
        return json.dumps({"schema": SCHEMA, **asdict(self)}, sort_keys=True, indent=1) + "\n"

    @classmethod
    def from_json(cls: Type[R], text: str) -> R:
        """The request in ``text``.

        :raises ValueError: no JSON object, another schema, an unknown field or a field missing.
        """
        data = json.loads(text)
        if not isinstance(data, dict) or data.pop("schema", None) != SCHEMA:
            raise ValueError(f"{cls.__name__}: expected a JSON object with schema {SCHEMA}")
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(data) - known)
        if unknown:
            raise ValueError(f"{cls.__name__}: unknown fields {', '.join(unknown)}")
        try:
            return cls(**{name: _frozen(value) for name, value in data.items()})
        except TypeError as error:
            raise ValueError(f"{cls.__name__}: {error}") from None


def _frozen(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_frozen(item) for item in value)
    return value


@dataclass(frozen=True)
class CoreRequest(Request):
    """Put an interpreter for macOS together that cannot run here (``core``): see ``analysis.foreign``.

    :param wheels: directory into which the wheels are installed that bring its libpython and extension modules.
    :param machine: ``arm64`` or ``x86_64``.
    :param components: path of the table of what such an interpreter holds of other projects.
    :param texts: paths of tables whose licence texts ``components`` refers to.
    """

    wheels: str
    machine: str
    components: str
    output: str
    texts: Tuple[str, ...] = ()


@dataclass(frozen=True)
class LayerRequest(Request):
    """Analyse and compile every module of a resolve (``layer``).

    :param site: directory into which the whole resolve is installed (``pip/uv install --target``; no bytecode).
    :param tool: directory into which PyInstaller, its hooks and their dependencies are installed the same way.
    :param output: directory to write: LAYER_INDEX, LAYER_MODULES, LAYER_FILES/, LAYER_LICENCES, LAYER_FLOORS.
    :param cache: append-only cache directory or None.
    :param hooks: directories of the user's PyInstaller hooks, highest priority first.
    :param optimize: bytecode optimisation level 0, 1 or 2.
    :param strip: strip native libraries.
    :param reference: where programs of the target cannot run here: the same resolve installed for this machine, which
        hooks import in its place. What differs is written to LAYER_REFERENCE.
    """

    site: str
    tool: str
    output: str
    cache: str | None = None
    hooks: Tuple[str, ...] = ()
    optimize: int = 0
    strip: bool = True
    reference: str | None = None


@dataclass(frozen=True)
class PackRequest(Request):
    """Compress a layer's files for one-file executables (``pack``): PACK_INDEX, PACK_BLOB.

    :param layer: output directory of ``layer``.
    """

    layer: str
    output: str
    cache: str | None = None


@dataclass(frozen=True)
class TraceRequest(Request):
    """Import every module of the layer frozen, failing ones unfrozen too (``trace``): TRACE_RESULT.

    :param layer: output directory of ``layer``.
    :param site: the directory that the layer was made of.
    """

    layer: str
    site: str
    output: str
    cache: str | None = None


@dataclass(frozen=True)
class AppRequest(Request):
    """Compile first-party modules and select from the layer (``app``): APP_SELECTION, APP_MODULES, APP_FILES/.

    For a proof also APP_IMPORTS, and APP_VIEW/ (see ``ReduceRequest``) where the program allows it.

    :param layer, site, tool: as above; hooks of first-party modules see both directories.
    :param trace: output directory of ``trace``; None without a proof (then nothing is known of dynamic imports).
    :param source_roots: directories that hold first-party code, as on sys.path.
    :param entry_point: ``package.module`` (run as ``__main__``), ``package.module:function`` or the path of a script
        ``root/dir/file.py`` (with a directory in it, if the file has another suffix).
    :param hidden_imports: modules that nothing imports statically.
    :param collect: distributions that go in whole: modules, data files, metadata.
    :param requirements: distributions that the target names among its dependencies: they go in whole as well, those
        that the resolve holds on this platform.
    :param excludes: modules (with their submodules) that stay out.
    :param hooks: directories of the user's hooks (those that name first-party modules are used here).
    :param runtime_hooks: paths of the user's runtime hooks, in their order.
    :param data: files to add: destination in the bundle -> path in the sandbox.
    :param optimize: as in LayerRequest.
    :param proof: whether a proof follows.
    :param address: of the target; errors of the program that are the build's fault name it.
    :param reference: as in LayerRequest.
    """

    layer: str
    site: str
    tool: str
    output: str
    source_roots: Tuple[str, ...]
    entry_point: str
    trace: str | None = None
    hidden_imports: Tuple[str, ...] = ()
    collect: Tuple[str, ...] = ()
    excludes: Tuple[str, ...] = ()
    hooks: Tuple[str, ...] = ()
    runtime_hooks: Tuple[str, ...] = ()
    data: Dict[str, str] | None = None
    optimize: int = 0
    requirements: Tuple[str, ...] = ()
    proof: bool = True
    address: str = ""
    reference: str | None = None


@dataclass(frozen=True)
class ReduceRequest(Request):
    """Write the application without what its imports do not execute (``reduce``): VIEW_APP/, VIEW_SOURCES/.

    The two stand for the application and its source roots in a CheckRequest with ``reduced``.

    :param app: output directory of ``app``.
    :param source_roots: as in AppRequest.
    :param executed: identities of functions that keep their bodies, as CHECK_VOID names them.
    :param optimize: as in LayerRequest.
    """

    app: str
    output: str
    source_roots: Tuple[str, ...]
    executed: Tuple[str, ...] = ()
    optimize: int = 0


@dataclass(frozen=True)
class CheckRequest(Request):
    """Import what the application reaches, frozen, and compare with unfrozen (``check``): CHECK_RESULT.

    CHECK_RESULT names modules and files that the run needed and the selection lacked; ``assemble`` adds them.
    CHECK_VOID is written in place of all results where ``reduced`` does not do: ``executed`` lists functions that have
    to keep their bodies; without any the whole application has to be checked.

    :param layer, app, trace, tool, site: as above (the unfrozen side imports from ``site`` and ``source_roots``).
    :param reduced: ``app`` and ``source_roots`` are a view, see ``ReduceRequest``.
    :param mode: ONE_FILE or ONE_DIR: what is proved has the shape that ships.
    :param pack: output directory of ``pack``; needed for ONE_FILE alone.
    :param allow: module name -> reason why a difference is accepted.
    """

    layer: str
    app: str
    site: str
    tool: str
    output: str
    source_roots: Tuple[str, ...]
    reduced: bool = False
    mode: str = ONE_DIR
    pack: str | None = None
    trace: str | None = None
    cache: str | None = None
    allow: Dict[str, str] | None = None


@dataclass(frozen=True)
class CarryRequest(Request):
    """Carry the proof of another platform over to one that cannot run here (``carry``): CHECK_RESULT, CHECK_FILES/.

    :param layer, app, site: of the platform.
    :param reference: output directory of ``layer`` for the other platform.
    :param check, exercise, trace: what its proof wrote; None where it has none.
    """

    layer: str
    app: str
    site: str
    output: str
    reference: str
    check: str
    exercise: str | None = None
    trace: str | None = None


@dataclass(frozen=True)
class KitRequest(Request):
    """Write a proof kit (``kit``): the executable ``NAME-proof``, which proves the bundle where it is started.

    :param layer, app, site, tool, pack, check, exercise, name: as in AssembleRequest.
    """

    layer: str
    app: str
    site: str
    tool: str
    pack: str
    check: str
    output: str
    name: str
    exercise: str | None = None


@dataclass(frozen=True)
class ExerciseRequest(Request):
    """Run exercises unfrozen and in the shape that ships, and compare (``exercise``): EXERCISE_RESULT.

    EXERCISE_RESULT names modules and files that the runs needed and the selection lacked; ``assemble`` adds them.

    :param layer, app, site, trace, pack, mode, contents_directory, python_options: as in the other requests.
    :param check: output directory of ``check``.
    :param source_roots: directories that hold first-party code, as on sys.path.
    :param exercise_roots: the same for the exercises and for what they alone import.
    :param exercises: module -> EXERCISE_PROGRAM (it runs as ``__main__``) or EXERCISE_TESTS (its tests are called).
    :param timeout: seconds that each run may take.
    :param network: exercises may use the network, not loopback alone.
    :param ignore: regular expression of what may differ in the output -> reason.
    :param cache: append-only cache directory of earlier outcomes, or None.
    :param inputs: fingerprint of all inputs but first-party ones, the interpreter and this driver included; "": an
        earlier outcome is not used.
    """

    layer: str
    app: str
    check: str
    site: str
    output: str
    source_roots: Tuple[str, ...]
    exercise_roots: Tuple[str, ...]
    exercises: Dict[str, str]
    trace: str | None = None
    pack: str | None = None
    mode: str = ONE_FILE
    contents_directory: str = CONTENTS
    python_options: Tuple[str, ...] = ()
    timeout: int = 120
    network: bool = False
    ignore: Dict[str, str] | None = None
    cache: str | None = None
    inputs: str = ""


@dataclass(frozen=True)
class AssembleRequest(Request):
    """Write the executable and its sidecars (``assemble``).

    Output, below ``output``: ``NAME`` (``NAME.exe`` on Windows) for one-file; the directory ``NAME/`` with the
    executable and ``_internal/`` for one-dir; beside it MANIFEST and NOTICES.

    :param layer, app, tool: as above.
    :param name: file name of the executable, without ``.exe``.
    :param site: the directory that the layer was made of: sources and other files that a proof found to be read.
    :param pack: output directory of ``pack``; needed for ONE_FILE alone.
    :param check: output directory of ``check``; None when the proof is off.
    :param exercise: output directory of ``exercise``; None without exercises.
    :param mode: ONE_FILE or ONE_DIR.
    :param console: False: no console window (Windows) or a windowed bootloader (macOS).
    :param icon, windows_version_info, windows_manifest, entitlements: paths or None; ignored where they mean nothing.
        Without ``windows_version_info`` the version resource is made of ``build_info``: see ``version_resource``.
    :param codesign_identity: macOS; None signs ad hoc.
    :param runtime_tmpdir: directory in which a one-file executable unpacks itself; None: the system's.
    :param contents_directory: directory of a one-dir bundle's files beside the executable; ``.``: none, the files lie
        beside the executable.
    :param python_options: interpreter options of the program; each matches PYTHON_OPTION.
    :param build_info: flat mapping written into the bundle as BUILD_INFO, sorted; empty: no such file.
    :param host_libraries: policy for bundled libraries that come neither from the lock nor from the interpreter.
    :param glibc_floor, macos_floor: the newest version that the bundle may need, as in ``2.28``; None: no limit.
    :param chunks: write the executable as the files of the directory CHUNKS, to be joined in their order.
    """

    layer: str
    app: str
    tool: str
    output: str
    name: str
    site: str | None = None
    pack: str | None = None
    check: str | None = None
    exercise: str | None = None
    mode: str = ONE_FILE
    console: bool = True
    icon: str | None = None
    windows_version_info: str | None = None
    windows_manifest: str | None = None
    entitlements: str | None = None
    codesign_identity: str | None = None
    runtime_tmpdir: str | None = None
    contents_directory: str = CONTENTS
    python_options: Tuple[str, ...] = ()
    build_info: Dict[str, str] | None = None
    host_libraries: str = HOST_LIBRARIES_ALLOW
    glibc_floor: str | None = None
    macos_floor: str | None = None
    chunks: bool = False


REQUESTS: Dict[str, Type[Request]] = {
    CORE: CoreRequest,
    LAYER: LayerRequest,
    PACK: PackRequest,
    TRACE: TraceRequest,
    APP: AppRequest,
    REDUCE: ReduceRequest,
    CHECK: CheckRequest,
    CARRY: CarryRequest,
    KIT: KitRequest,
    EXERCISE: ExerciseRequest,
    ASSEMBLE: AssembleRequest,
}
"""The request type of each program."""


def executable_path(name: str, mode: str, windows: bool) -> str:
    """Path of the executable below ``AssembleRequest.output``."""
    file = name + ".exe" if windows else name
    return f"{name}/{file}" if mode == ONE_DIR else file
