"""What a finished program holds, from an explanation, a manifest or the executable itself: the sides of a diff."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import Any

from pants_pyinstaller.explain import archives, document
from pants_pyinstaller.explain.document import Document
from pants_pyinstaller.explain.errors import ExplainError

MANIFEST_SUFFIX = ".manifest.json"


LAZY = "(native files that stay packed until they are needed: their names are in the manifest)"


@dataclass
class Inventory:
    """One side of a comparison; what its file does not record is None.

    :param shipped, unpacked: bytes of the whole.
    :param distributions: name -> ``version``, ``size`` (bytes unpacked, the code of its modules compressed).
    :param modules, files: name -> bytes shipped.
    :param files_unpacked: the same unpacked, of files that take less in what ships.
    :param host_libraries: name -> package and version.
    :param document: the explanation that it was read from.
    :param facts: what else may differ: platform, Python, floor …
    """

    name: str
    shipped: int | None = None
    unpacked: int | None = None
    distributions: dict[str, dict[str, Any]] = field(default_factory=dict)
    modules: dict[str, int] | None = None
    files: dict[str, int] | None = None
    files_unpacked: dict[str, int] = field(default_factory=dict)
    host_libraries: dict[str, str] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    manifest: dict[str, Any] | None = None
    document: Document | None = None


def read(path: str) -> Inventory:
    """The inventory of a file.

    :param path: an explanation, a manifest, or an executable; its manifest beside it is read where there is one.
    :raises ExplainError: no such file, or nothing of these.
    """
    if os.path.isdir(path):
        return _directory(path)
    if not os.path.isfile(path):
        raise ExplainError(f"{path}: there is no such file")
    if path.endswith(".json"):
        with open(path, encoding="utf-8") as file:
            return parse(file.read(), path)
    return _executable(path)


def parse(text: str, name: str) -> Inventory:
    """The inventory in the text of an explanation or a manifest.

    :raises ExplainError: neither of these.
    """
    try:
        plain = json.loads(text)
    except ValueError as error:
        raise ExplainError(f"{name} is not JSON: {error}") from None
    if isinstance(plain, dict) and plain.get("format") == document.FORMAT:
        return of_document(document.load(text, name), name)
    if isinstance(plain, dict) and "distributions" in plain and "executable" in plain:
        return of_manifest(plain, name)
    raise ExplainError(f"{name} is neither a manifest nor an explanation")


def of_manifest(manifest: dict[str, Any], name: str) -> Inventory:
    """The inventory that a manifest gives: no modules, no single files."""
    floor = manifest.get("floor")
    interpreter = manifest["interpreter"]
    return Inventory(
        name=name,
        shipped=manifest["executable"]["size"] if manifest["mode"] == "one-file" else None,
        unpacked=manifest.get("unpacked_size"),
        distributions={
            item["name"]: {"version": item["version"], "size": item["size"]}
            for item in manifest["distributions"]
        },
        host_libraries={
            item[
                "name"
            ]: f"{item.get('package') or 'no known package'} {item.get('version') or ''}".strip()
            for item in manifest["host_libraries"]
        },
        facts={
            "platform": manifest["platform"],
            "mode": manifest["mode"],
            "interpreter": f"{interpreter['implementation']} {interpreter['version']}",
            "PyInstaller": manifest["pyinstaller"],
            "oldest system": f"{floor['system']} {floor['version']}" if floor else "not known",
            **{
                f"build information {key}": str(value)
                for key, value in manifest.get("build_info", {}).items()
            },
        },
        manifest=manifest,
    )


def of_document(found: document.Document, name: str) -> Inventory:
    """The inventory of an explanation."""
    inside = [found.nodes[position] for position in found.selected]
    made = of_manifest(found.manifest, name) if found.manifest else Inventory(name)
    if not made.distributions:
        sizes: dict[str, int] = {}
        for node in inside:
            if node.owner:
                sizes[node.owner] = sizes.get(node.owner, 0) + node.unpacked
        keys = {node.owner for node in inside if node.kind == "distribution"}
        made.distributions = {
            found.dists[key]["name"]: {
                "version": found.dists[key]["version"],
                "size": sizes.get(key, 0),
            }
            for key in sorted(keys)
        }
        made.shipped = sum(node.packed for node in inside)
        made.unpacked = sum(node.unpacked for node in inside if node.kind in document.FILE_KINDS)
        made.host_libraries = {
            os.path.basename(dest): f"{item.get('package')} {item.get('version')}"
            for dest, item in found.host_libraries.items()
        }
        made.facts = {
            "platform": found.program["platform"],
            "mode": found.program["mode"],
            "interpreter": found.program["python"],
            "PyInstaller": found.program["pyinstaller"],
        }
    made.modules = {node.name: node.packed for node in inside if node.kind in document.MODULE_KINDS}
    made.files = {node.name: node.packed for node in inside if node.kind in document.FILE_KINDS}
    made.document = found
    return made


def _executable(path: str) -> Inventory:
    contents = archives.read(path)
    beside = path + MANIFEST_SUFFIX
    made = Inventory(os.path.basename(path))
    if os.path.isfile(beside):
        with open(beside, encoding="utf-8") as file:
            made = of_manifest(json.load(file), os.path.basename(path))
    made.shipped = os.path.getsize(path)
    made.modules = contents.modules
    made.files = {name: row[0] for name, row in contents.files.items()}
    made.files_unpacked = {name: row[1] for name, row in contents.files.items()}
    if made.manifest:
        for dest, (packed, unpacked) in made.manifest.get("lazy_files", {}).items():
            made.files[dest], made.files_unpacked[dest] = packed, unpacked
    elif contents.lazy:
        made.files[LAZY] = contents.lazy
    if made.unpacked is None and not contents.lazy:
        made.unpacked = sum(row[1] for row in contents.files.values())
    return made


def _directory(path: str) -> Inventory:
    """A one-dir bundle: the executable that has the directory's name, and the files beside it."""
    name = os.path.basename(os.path.abspath(path))
    for candidate in (os.path.join(path, name), os.path.join(path, name + ".exe")):
        if os.path.isfile(candidate):
            break
    else:
        raise ExplainError(f"{path} is a directory without an executable {name}")
    made = _executable(candidate)
    beside = os.path.abspath(path) + MANIFEST_SUFFIX
    if os.path.isfile(beside):
        with open(beside, encoding="utf-8") as file:
            described = of_manifest(json.load(file), name)
        described.modules = made.modules
        made = described
    made.files = {}
    for folder, _, files in os.walk(path):
        for file_name in files:
            full = os.path.join(folder, file_name)
            dest = os.path.relpath(full, path).replace(os.sep, "/")
            if full != candidate and not os.path.islink(full):
                made.files[dest] = os.path.getsize(full)
    made.unpacked = sum(made.files.values())
    made.shipped = made.unpacked + os.path.getsize(candidate)
    return made
