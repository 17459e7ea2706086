"""The executable and its sidecars."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Mapping
from typing import Any

from . import (
    app,
    archive,
    bundle,
    contract,
    executable,
    floors,
    index,
    interpreter,
    notes,
    pieces,
    pyinstaller,
    shape,
)
from .errors import DriverError, listing
from .progress import step

_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._+-]*$")


def run(request: contract.AssembleRequest) -> None:
    """Write what ``request`` asks for; see ``contract.AssembleRequest``.

    :raises DriverError: host libraries that the policy forbids, bad options, tools that do not work.
    """
    shape.check_mode(request.mode)
    if not _NAME.match(request.name):
        raise DriverError(
            f"name: {request.name!r} is no file name (letters, digits, '.', '_', '+', '-')"
        )
    if request.contents_directory == os.path.basename(
        contract.executable_path(request.name, request.mode, sys.platform == "win32")
    ):
        raise DriverError(
            f"contents_directory: {request.contents_directory!r} is the name of the executable itself; "
            "choose another one"
        )
    check = read_check(request.check)
    exercised = read_exercise(request.exercise)
    layers = bundle.load(
        request.layer,
        request.app,
        {},
        [*check["modules"], *exercised["modules"]],
        [*check["files"], *exercised["files"]],
        request.site,
        own_files=check["own_files"],
        unpacked=check["unpacked"],
    )
    app.refuse_contested(layers.layer, layers.chosen)
    forbid_host_libraries(layers, request.host_libraries)
    build_info = _build_info(request.build_info)
    windows = sys.platform == "win32"
    one_dir = request.mode == contract.ONE_DIR
    path = os.path.join(
        request.output, contract.executable_path(request.name, request.mode, windows)
    )
    os.makedirs(os.path.dirname(path), exist_ok=True)
    parts = shape.parts(
        layers,
        request.mode,
        request.pack,
        bundle.options(
            request.python_options,
            optimize=layers.layer.optimize,
            contents=request.contents_directory,
            runtime_tmpdir=request.runtime_tmpdir,
        ),
        early=check["early"],
        build_info=build_info,
    )
    if one_dir:
        contents = os.path.join(os.path.dirname(path), request.contents_directory)
        shape.write_directory(layers, contents, build_info)
    limit = floors.limit(request)
    with tempfile.TemporaryDirectory() as work:
        pkg = os.path.join(work, "bundle.pkg")
        with open(pkg, "wb") as out:
            archive.write_carchive(out, parts, layers.layer.python_library)
        pyinstaller.load(request.tool, None, work)
        floor = floors.enforce(_natives(layers), limit)
        library = os.path.join(request.layer, contract.LAYER_FILES, layers.layer.python_library)
        executable.write(request, pkg, path, library, one_dir)
    _write_json(
        os.path.join(request.output, contract.MANIFEST),
        manifest(request, layers, path, build_info, floor),
    )
    _write_json(os.path.join(request.output, contract.NOTICES), notices(request.layer, layers))
    step(f"assemble: {path}, {os.path.getsize(path) / 1e6:.1f} MB")
    if request.pieces:
        pieces.cut(path, os.path.join(request.output, contract.PIECES))
        os.unlink(path)


def read_check(directory: str | None) -> dict[str, Any]:
    """CHECK_RESULT: what the application's proof added; ``own_files`` as bundle.load takes it."""
    if directory is None:
        return {"modules": [], "files": [], "early": {}, "own_files": {}, "unpacked": []}
    with open(os.path.join(directory, contract.CHECK_RESULT), encoding="utf-8") as file:
        found: dict[str, Any] = json.load(file)
    found["own_files"] = {
        dest: os.path.join(directory, contract.CHECK_FILES, *dest.split("/"))
        for dest in found["own_files"]
    }
    return found


def read_exercise(directory: str | None) -> dict[str, Any]:
    """What the exercises added to the selection."""
    if directory is None:
        return {"modules": [], "files": []}
    with open(os.path.join(directory, contract.EXERCISE_RESULT), encoding="utf-8") as file:
        found: dict[str, Any] = json.load(file)
    return found


def _build_info(values: dict[str, str] | None) -> bytes | None:
    if not values:
        return None
    return (json.dumps(dict(sorted(values.items())), indent=1, ensure_ascii=False) + "\n").encode()


def forbid_host_libraries(layers: bundle.Layers, policy: str) -> None:
    """Apply the policy on libraries from outside the lock and the interpreter.

    :raises DriverError: the policy is "deny" and there are some; or no such policy.
    """
    known = (
        contract.HOST_LIBRARIES_ALLOW,
        contract.HOST_LIBRARIES_LIST,
        contract.HOST_LIBRARIES_DENY,
    )
    if policy not in known:
        raise DriverError(f"host_libraries must be one of {', '.join(known)}, not {policy!r}")
    found = host_libraries(layers)
    described = [_host_library(item) for item in found]
    if policy == contract.HOST_LIBRARIES_DENY and found:
        raise DriverError(
            f"host_libraries is 'deny', but the bundle holds libraries of the building machine:\n"
            f"{listing(described, 100)}\n"
            "Build with an interpreter that brings its own libraries (python-build-standalone), "
            "or use 'list' or 'allow'."
        )


def host_notes(layers: bundle.Layers, policy: str) -> list[dict[str, str]]:
    """Notes on libraries of the building machine, where the policy is "list"."""
    if policy != contract.HOST_LIBRARIES_LIST:
        return []
    return [
        notes.note("host-library", _host_library(item), file=item["name"])
        for item in host_libraries(layers)
    ]


def _host_library(item: Mapping[str, Any]) -> str:
    package = f"{item['package']} {item['version']}" if item["package"] else "no known package"
    return f"{item['name']} from {package}"


def host_libraries(layers: bundle.Layers) -> list[dict[str, Any]]:
    """Bundled libraries of the building machine: name, sha256, package, version."""
    selected = set(layers.chosen.files)
    return [item for dest, item in sorted(layers.layer.host_libraries.items()) if dest in selected]


def interpreter_libraries(layers: bundle.Layers) -> list[dict[str, Any]]:
    """Bundled libraries that came with the interpreter and that it names: the same and license."""
    selected = set(layers.chosen.files)
    known = sorted(layers.layer.interpreter_libraries.items())
    return [item for dest, item in known if dest in selected]


def _natives(layers: bundle.Layers) -> list[floors.Native]:
    """The native files of a bundle that need a certain system."""
    layer = layers.layer
    known = floors.of_layer(layers.layer_path)
    found = [
        floors.Native(
            dest,
            layers.path_of(dest),
            _origin(layer, dest),
            known[dest],
        )
        for dest in layers.chosen.files
        if dest in known
    ]
    if "" in known:
        loader = bundle.bootloader(layers.layer_path, sys.platform == "win32")
        origin = f"PyInstaller {layer.pyinstaller}"
        found.append(floors.Native("", loader, origin, known[""]))
    for dest in layers.app.files:
        path = layers.own_path(dest)
        floor = floors.read(path)
        if floor is not None:
            found.append(floors.Native(dest, path, "the application", floor))
    return found


def _origin(layer: index.Index, dest: str) -> str:
    item = layer.files[dest]
    if item.owner >= 0:
        return f"{layer.dists[item.owner].name} {layer.dists[item.owner].version}"
    if item.origin == "host":
        library = layer.host_libraries[dest]
        known = f"{library['package']} {library['version']}" if library["package"] else "no package"
        return f"this machine ({known})"
    return f"the interpreter ({layer.python['implementation']} {layer.python['version']})"


def _sizes(layers: bundle.Layers) -> dict[int, int]:
    """Bytes of each distribution in the bundle: its files unpacked, the code of its modules compressed."""
    layer = layers.layer
    sizes = dict.fromkeys(layers.chosen.dists, 0)
    for dest in layers.chosen.files:
        item = layer.files[dest]
        if item.owner in sizes:
            sizes[item.owner] += item.size
    for name in layers.chosen.modules:
        node = layer.node(name)
        if node is not None and node.owner in sizes:
            sizes[node.owner] += node.length
    return sizes


def _unpacked_size(layers: bundle.Layers, build_info: bytes | None) -> int:
    """Bytes of all files in the bundle, unpacked."""
    own = sum(os.path.getsize(layers.own_path(dest)) for dest in layers.app.files)
    chosen = (layers.layer.files[f].size for f in layers.chosen.files if f not in layers.app.files)
    return sum(chosen) + own + len(build_info or b"")


def manifest(
    request: contract.AssembleRequest,
    layers: bundle.Layers,
    path: str,
    build_info: bytes | None,
    floor: floors.Floor | None,
) -> dict[str, Any]:
    """What is inside, for people and for an SBOM; sizes in bytes."""
    layer = layers.layer
    sizes = _sizes(layers)
    return {
        "schema": contract.SCHEMA,
        "platform": layer.platform,
        "mode": request.mode,
        "executable": {
            "path": os.path.relpath(path, request.output).replace(os.sep, "/"),
            "sha256": interpreter.sha256_of(path),
            "size": os.path.getsize(path),
        },
        "interpreter": {
            **{key: layer.python[key] for key in ("version", "implementation", "sha256")},
            "libraries": interpreter_libraries(layers),
        },
        "pyinstaller": layer.pyinstaller,
        "distributions": [
            {
                "name": layer.dists[number].name,
                "version": layer.dists[number].version,
                "license": layer.dists[number].licence or None,
                "requires": layer.dists[number].requires,
                "size": sizes[number],
            }
            for number in layers.chosen.dists
        ],
        "host_libraries": host_libraries(layers),
        "build_info": json.loads(build_info) if build_info else {},
        "floor": None if floor is None else {"system": floor.system, "version": floor.version},
        "unresolved_imports": {
            name: layer.unresolved[name]
            for name in layers.chosen.modules
            if name in layer.unresolved and layer.nodes[layer.number[name]].owner >= 0
        },
        "unpacked_size": _unpacked_size(layers, build_info),
        "notes": notes.read(request.layer, request.app, request.check, request.exercise)
        + host_notes(layers, request.host_libraries),
    }


def notices(layer_path: str, layers: bundle.Layers) -> list[dict[str, Any]]:
    """Licence texts of everything inside: distributions, interpreter, host libraries, PyInstaller's bootloader."""
    with open(os.path.join(layer_path, contract.LAYER_LICENCES), encoding="utf-8") as file:
        texts = json.load(file)
    layer = layers.layer
    found = [
        {
            "name": layer.dists[number].name,
            "version": layer.dists[number].version,
            "texts": texts["distributions"].get(layer.dists[number].key, []),
        }
        for number in layers.chosen.dists
    ]
    found.append(
        {
            "name": layer.python["implementation"],
            "version": layer.python["version"],
            "texts": texts["interpreter"],
        }
    )
    brought = {
        (item["package"], item["version"], item["license"])
        for item in interpreter_libraries(layers)
    }
    for package, version, licence in sorted(brought):
        text = {"file": "LICENSE", "text": texts["interpreter_libraries"][package]}
        found.append({"name": package, "version": version, "license": licence, "texts": [text]})
    packages = {
        item["package"]: item["version"] for item in host_libraries(layers) if item["package"]
    }
    for package, version in sorted(packages.items()):
        found.append(
            {"name": package, "version": version, "texts": texts["packages"].get(package, [])}
        )
    found.append(
        {
            "name": "PyInstaller bootloader",
            "version": layer.pyinstaller,
            "texts": texts.get("bootloader", []),
        }
    )
    return found


def _write_json(path: str, content: Any) -> None:
    with open(path, "w", encoding="utf-8", newline="\n") as out:
        json.dump(content, out, indent=1, ensure_ascii=False, sort_keys=True)
        out.write("\n")
