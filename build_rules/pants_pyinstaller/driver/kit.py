"""A proof kit: the program of a bundle exchanged for one that proves the bundle, on whatever machine it is started.

A proof that this machine cannot run is run by a machine of the platform: it starts the kit, which imports what
``check`` imports and writes down what happened. The kit holds what the executable holds, and both state the same
digest of it, so a report can be matched with the executable that it is about.
"""

from __future__ import annotations

import marshal
import os
import tempfile

from . import contract, outputs
from .analysis import compiled, pyinstaller
from .bundle import archive, content_digest, contents, executable, head, shape
from .progress import step
from .proof import targets

_SOURCE = r"""
import os
import sys

_ARCHITECTURES = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64", "arm64": "arm64", "ARM64": "arm64"}
_SYSTEMS = {"linux": "linux", "darwin": "darwin", "win32": "windows"}


def as_json(value):
    # Without the module json: a bundle holds what its program imports, and no more.
    if isinstance(value, dict):
        return "{" + ", ".join(f"{as_json(k)}: {as_json(v)}" for k, v in sorted(value.items())) + "}"
    if isinstance(value, bool) or isinstance(value, int):
        return str(value).lower()
    parts = []
    for unit in value.encode("utf-16-be", "surrogatepass").hex(" ", 2).split():
        code = int(unit, 16)
        parts.append(chr(code) if 32 <= code < 127 and chr(code) not in '"\\' else f"\\u{code:04x}")
    return '"' + "".join(parts) + '"'


def attempt(failures, what, function):
    try:
        problem = function()
    except BaseException as error:
        problem = f"{type(error).__name__}: {error}"
    if problem:
        failures[what] = problem


def imported(name):
    __import__(name)


def attributes(module, names):
    found = sys.modules.get(module)
    lacking = [name for name in names if found is not None and not hasattr(found, name)]
    return lacking and "has no " + ", ".join(lacking)


def version(name, wanted):
    import importlib.metadata

    found = importlib.metadata.version(name)
    return found != wanted and f"is {found}, not {wanted}"


def resource(package, path):
    import importlib.resources

    found = importlib.resources.files(package).joinpath(*path.split("/"))
    return not found.is_file() and "is not there"


def prove():
    failures = {}
    uname = getattr(os, "uname", None)
    machine = uname().machine if uname else os.environ.get("PROCESSOR_ARCHITECTURE", "")
    release = f"{uname().sysname} {uname().release} {machine}" if uname else f"Windows {machine}"
    system = _SYSTEMS.get(sys.platform, sys.platform)
    here = f"{system}-{_ARCHITECTURES.get(machine, machine)}"
    if here != JOB["platform"]:
        failures["platform"] = f"this is {here}"
    for name in JOB["modules"]:
        attempt(failures, name, lambda: imported(name))
    for name, names in JOB["attributes"]:
        attempt(failures, f"{name} (attributes)", lambda: attributes(name, names))
    for name, wanted in JOB["versions"]:
        attempt(failures, f"{name} (distribution)", lambda: version(name, wanted))
    for package, path in JOB["resources"]:
        if package in sys.modules:
            attempt(failures, f"{package}: {path}", lambda: resource(package, path))
    unexpected = {name: text for name, text in failures.items() if name not in JOB["failing"]}
    return {
        "schema": JOB["schema"],
        "platform": JOB["platform"],
        "content": JOB["content"],
        "machine": release,
        "imported": len(JOB["modules"]) - len(failures.keys() & set(JOB["modules"])),
        "failures": unexpected,
        "passed": not unexpected,
    }


try:
    report = prove()
    text = as_json(report) + "\n"
    if len(sys.argv) > 1:
        with open(sys.argv[1] + ".new", "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.replace(sys.argv[1] + ".new", sys.argv[1])
    for name, problem in sorted(report["failures"].items()):
        print(f"{name}: {problem}", file=sys.stderr)
    print(
        f"{report['platform']}: {report['imported']} modules imported, {len(report['failures'])} differences",
        flush=True,
    )
    code = 0 if report["passed"] else 1
except BaseException as error:
    print(f"{type(error).__name__}: {error}", file=sys.stderr)
    code = 2
sys.stderr.flush()
os._exit(code)  # threads that some module has started do not keep the process
"""


def run(request: contract.KitRequest) -> None:
    """Write the kit ``NAME-proof`` (``.exe`` on Windows).

    :raises DriverError: as ``assemble``.
    """
    check = outputs.read_check(request.check)
    exercised = outputs.read_exercise(request.exercise) if request.exercise else None
    layers = contents.load_layers(request.layer, request.app, request.site, check, exercised)
    imported = outputs.read_imports(request.app)
    job = {
        "schema": contract.SCHEMA,
        "platform": layers.layer.platform,
        "content": content_digest.of(layers),
        "modules": imported.names,
        "attributes": sorted(imported.attributes.items()),
        "versions": targets.versions(layers),
        "resources": targets.resources(layers),
        "failing": sorted(check.failing),
    }
    text = f"JOB = {job!r}\n{_SOURCE}"
    code = marshal.dumps(compiled.compile_reproducibly(text, "pyi_proof.py"))
    entry = archive.packed("pyi_proof", "s", code)
    parts = shape.parts(
        layers,
        contract.ONE_FILE,
        request.pack,
        head.options((), optimize=layers.layer.optimize),
        entry=[entry],
        early=check.early,
    )
    name = request.name + contract.KIT_SUFFIX
    windows = layers.layer.platform.startswith("windows-")
    path = os.path.join(request.output, contract.executable_path(name, contract.ONE_FILE, windows))
    os.makedirs(request.output, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        pkg = os.path.join(work, "bundle.pkg")
        with open(pkg, "wb") as out:
            archive.write_carchive(out, parts, layers.layer.python_library)
        pyinstaller.load(request.tool, None, work)
        library = os.path.join(request.layer, contract.LAYER_FILES, layers.layer.python_library)
        assembly = contract.AssembleRequest(
            request.layer, request.app, request.tool, request.output, name
        )
        executable.write(assembly, pkg, path, library, one_dir=False)
    step(f"kit: {path} imports {len(imported.names)} modules")
