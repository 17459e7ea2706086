"""Rewrite an archive's evidence for the archive with the signed executable.

Each function takes a document, as `package` or an earlier call wrote it, and returns a new one. It
keeps the digests of the unsigned build, by which two builds are compared.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from release.describe.sbom import PROPERTIES, serial_number
from release.errors import ReleaseError
from release.evidence import File, Signature, Signed

UNSIGNED_PROPERTY = f"{PROPERTIES}:unsigned-sha256"


@dataclass(frozen=True)
class Change:
    """An archive and its executable, as built and as they are now.

    archive, executable   the archive's file name; the executable's name inside it
    tool                  the signing tool with its version: "osslsigncode 2.9"
    """

    archive: str
    executable: str
    tool: str
    signature: Signature
    built_archive: File
    built_executable: File
    archive_now: File
    executable_now: File


def _named(items: list[Any], name: str, key: str, document: str) -> Any:
    found = [item for item in items if item.get(key) == name]
    if len(found) != 1:
        raise ReleaseError(f"{document} names {name} {len(found)} times, not once")
    return found[0]


def evidence(document: dict[str, Any], change: Change) -> dict[str, Any]:
    """`BASE.json`, including the executable's digest in the manifest."""
    new = copy.deepcopy(document)
    new["archive"] = {"name": change.archive, **change.archive_now.model_dump()}
    inside = _named(new["executables"], change.executable, "path", "the evidence")
    inside.update(change.executable_now.model_dump())
    described = (inside.get("manifest") or {}).get("executable")
    if isinstance(described, dict):
        now = change.executable_now.model_dump()
        described.update({key: value for key, value in now.items() if key in described})
    new["signed"] = Signed(
        signature=change.signature,
        tool=change.tool,
        archive=change.built_archive,
        executable=change.built_executable,
    ).model_dump()
    return new


def _set_digest(component: dict[str, Any], now: File, built: File) -> None:
    component["hashes"] = [{"alg": "SHA-256", "content": now.sha256}]
    others = [p for p in component.get("properties", []) if p["name"] != UNSIGNED_PROPERTY]
    others.append({"name": UNSIGNED_PROPERTY, "value": built.sha256})
    component["properties"] = sorted(others, key=lambda item: item["name"])


def bill_of_materials(document: dict[str, Any], change: Change) -> dict[str, Any]:
    """`BASE.cdx.json`: a new document, so it gets a new serial number."""
    new = copy.deepcopy(document)
    new["serialNumber"] = serial_number(change.archive_now.sha256).urn
    _set_digest(new["metadata"]["component"], change.archive_now, change.built_archive)
    inside = _named(new["components"], change.executable, "name", "the bill of materials")
    _set_digest(inside, change.executable_now, change.built_executable)
    return new


def statement(document: dict[str, Any], change: Change) -> dict[str, Any]:
    """`BASE.intoto.json`: about the signed files; the unsigned ones become SLSA byproducts."""
    new = copy.deepcopy(document)
    names = {
        change.archive: (change.archive_now, change.built_archive),
        change.executable: (change.executable_now, change.built_executable),
    }
    byproducts = []
    for name, (now, built) in names.items():
        _named(new["subject"], name, "name", "the provenance")["digest"] = {"sha256": now.sha256}
        byproducts.append(
            {
                "name": name,
                "digest": {"sha256": built.sha256},
                "annotations": {"content": "as it was built, before it was signed"},
            }
        )
    details = new["predicate"]["runDetails"]
    details["byproducts"] = byproducts
    name, _, version = change.tool.partition(" ")
    details["builder"]["version"] = dict(
        sorted({**details["builder"].get("version", {}), name: version or "unknown"}.items())
    )
    return new
