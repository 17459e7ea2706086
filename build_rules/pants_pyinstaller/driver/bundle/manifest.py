"""What is inside an executable: its manifest, the licence texts, and the libraries of the building machine."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from .. import contract, index, notes, outputs
from ..analysis import floors, interpreter, pyinstaller
from ..errors import DriverError, listing
from . import content_digest
from .contents import Layers
from .stored import Stored


def forbid_host_libraries(layers: Layers, policy: str) -> None:
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


def host_notes(layers: Layers, policy: str) -> list[dict[str, str]]:
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


def host_libraries(layers: Layers) -> list[dict[str, Any]]:
    """Bundled libraries of the building machine: name, sha256, package, version."""
    selected = set(layers.chosen.files)
    return [item for dest, item in sorted(layers.layer.host_libraries.items()) if dest in selected]


def _stored(request: contract.AssembleRequest, layers: Layers) -> Stored | None:
    return Stored(layers, request.pack) if request.mode == contract.ONE_FILE else None


def interpreter_libraries(layers: Layers, stored: Stored | None) -> list[dict[str, Any]]:
    """Bundled libraries that came with the interpreter and that it names: the same and license.

    The decompressor of a one-file executable is among them: newer interpreters have it themselves.
    """
    selected = set(layers.chosen.files)
    known = sorted(layers.layer.interpreter_libraries.items())
    found = [item for dest, item in known if dest in selected]
    if stored is not None and stored.reads_zstd and layers.layer.decompressor is not None:
        item = asdict(layers.layer.decompressor)
        item["package"], item["name"] = item["name"], item.pop("file").rpartition("/")[2]
        found.append(item)
    return found


def _sizes(layers: Layers, stored: Stored | None) -> dict[int, int]:
    """Bytes of each distribution in the bundle: its files unpacked, the code of its modules compressed."""
    layer = layers.layer
    sizes = dict.fromkeys(layers.chosen.dists, 0)
    for dest in layers.chosen.files:
        item = layer.files[dest]
        if item.owner in sizes:
            sizes[item.owner] += item.size
    for name in layers.chosen.modules:
        number = layer.number[name]
        if layer.nodes[number].owner in sizes:
            length = stored.code_length(number) if stored else layer.nodes[number].length
            sizes[layer.nodes[number].owner] += length
    return sizes


def _unpacked_size(layers: Layers, build_info: bytes | None) -> int:
    """Bytes of all files in the bundle, unpacked."""
    own = sum(os.path.getsize(layers.own_path(dest)) for dest in layers.app.files)
    taken = layers.app.files.keys() | layers.app.links.keys()
    chosen = (layers.layer.files[f].size for f in layers.chosen.files if f not in taken)
    return sum(chosen) + own + len(build_info or b"")


def manifest(
    request: contract.AssembleRequest,
    layers: Layers,
    path: str,
    build_info: bytes | None,
    floor: floors.Floor | None,
) -> dict[str, Any]:
    """What is inside, for people and for an SBOM; sizes in bytes."""
    layer = layers.layer
    stored = _stored(request, layers)
    sizes = _sizes(layers, stored)
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
            "libraries": interpreter_libraries(layers, stored),
        },
        "pyinstaller": layer.pyinstaller,
        "proof": {**_proof(request), "content": content_digest.of(layers)},
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
        "lazy_files": _lazy_files(stored),
        "unpacked_size": _unpacked_size(layers, build_info),
        "notes": notes.read(request.layer, request.app, request.check, request.exercise)
        + host_notes(layers, request.host_libraries),
    }


def _proof(request: contract.AssembleRequest) -> dict[str, Any]:
    """Whether the executable was proved where it was built: ``passed``, ``off`` or ``deferred``.

    A deferred one also has ``carried_from``, the platform whose proof chose what is in, and in what its sources differ.
    """
    if request.check is None:
        return {"state": contract.PROOF_OFF}
    source = outputs.read_check(request.check).carried_from
    if not source:
        return {"state": contract.PROOF_PASSED}
    with open(os.path.join(request.layer, contract.LAYER_REFERENCE), encoding="utf-8") as file:
        sources: dict[str, Any] = json.load(file)
    return {"state": contract.PROOF_DEFERRED, "carried_from": source, "sources": sources}


def _lazy_files(stored: Stored | None) -> dict[str, list[int]]:
    """Files of a one-file executable that stay packed until they are needed: destination -> bytes packed, unpacked.

    They lie behind the modules, and the archive's table of contents does not list them.
    """
    if stored is None:
        return {}
    return {dest: [stored.length(dest), stored.size(dest)] for dest in stored.lazy}


def notices(request: contract.AssembleRequest, layers: Layers) -> list[dict[str, Any]]:
    """Licence texts of everything inside: distributions, interpreter, host libraries, PyInstaller's bootloader."""
    with open(os.path.join(request.layer, contract.LAYER_LICENCES), encoding="utf-8") as file:
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
        for item in interpreter_libraries(layers, _stored(request, layers))
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


def natives(layers: Layers) -> list[floors.Native]:
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
        loader = pyinstaller.bootloader(layers.layer_path, sys.platform == "win32")
        origin = f"PyInstaller {layer.pyinstaller}"
        found.append(floors.Native("", loader, origin, known[""]))
    decompressor = layer.decompressor
    if decompressor is not None and decompressor.file in known:
        path = os.path.join(layers.layer_path, *decompressor.file.split("/"))
        origin = f"{decompressor.name} {decompressor.version}"
        found.append(floors.Native(decompressor.file, path, origin, known[decompressor.file]))
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
