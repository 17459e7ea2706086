"""The files that a packager lays beside an executable to say what is inside, as plain data.

Any packager can write them; all are optional:

`EXECUTABLE.manifest.json`, a JSON object:
    schema       1
    platform     `OS-ARCH` that the executable is for, e.g. "windows-amd64"
    executable   {"sha256": hexadecimal digest, ...}
    build_info   {"version": text, "commit": text, ...}: what the program says about itself
    distributions   list of {"name", "version", "license" or "license_expression"}: what is inside
    (and more, for others: all but `schema` may be missing, and what is not named here is not read)

`EXECUTABLE.notices.json`, a JSON list with one object for each third-party component inside:
    name, version   as its author writes them
    license         SPDX expression or the classifier's words; without it the manifest's are taken
    texts           [{"file": name, "text": whole text}], in any order
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

MANIFEST_SUFFIX = ".manifest.json"
NOTICES_SUFFIX = ".notices.json"
SUFFIXES = (MANIFEST_SUFFIX, NOTICES_SUFFIX)

_SCHEMA = 1


class SidecarError(ValueError):
    """A sidecar file doesn't have the form that this module documents."""


@dataclass(frozen=True)
class Manifest:
    """What an archive needs of a manifest; None where the manifest doesn't say."""

    platform: str | None = None
    sha256: str | None = None
    version: str | None = None
    commit: str | None = None
    licenses: tuple[tuple[str, str, str], ...] = ()
    """(name, version, licence) of each distribution whose licence the manifest tells."""


@dataclass(frozen=True)
class NoticeText:
    file: str
    text: str


@dataclass(frozen=True)
class Component:
    """A third-party component and the texts that its authors want passed on."""

    name: str
    version: str
    license: str
    texts: tuple[NoticeText, ...]


def _load(name: str, content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError as error:
        raise SidecarError(f"{name} is no JSON: {error}") from error


def _text(name: str, where: str, holder: dict[str, Any], key: str) -> str:
    value = holder.get(key)
    if not isinstance(value, str):
        raise SidecarError(f"{name}: {where} needs a text `{key}`, but has {value!r}")
    return value


def _optional_text(name: str, where: str, holder: Any, key: str) -> str | None:
    if holder is None:
        return None
    if not isinstance(holder, dict):
        raise SidecarError(f"{name}: {where} must be an object, but is {holder!r}")
    return None if holder.get(key) is None else _text(name, where, holder, key)


def parse_manifest(name: str, content: bytes) -> Manifest:
    """Read a manifest; raises SidecarError, which names the file and the place in it."""
    data = _load(name, content)
    if not isinstance(data, dict):
        raise SidecarError(f"{name} must hold a JSON object")
    if data.get("schema") != _SCHEMA:
        raise SidecarError(
            f"{name} has the schema {data.get('schema')!r}, but only {_SCHEMA} is known here"
        )
    distributions = data.get("distributions", [])
    if not isinstance(distributions, list):
        raise SidecarError(f"{name}: `distributions` must be a list, but is {distributions!r}")
    licenses = []
    for index, item in enumerate(distributions):
        where = f"item {index} of `distributions`"
        known = _optional_text(name, where, item, "license_expression") or _optional_text(
            name, where, item, "license"
        )
        if known is not None:
            licenses.append(
                (_text(name, where, item, "name"), _text(name, where, item, "version"), known)
            )
    return Manifest(
        platform=_optional_text(name, "the manifest", data, "platform"),
        sha256=_optional_text(name, "`executable`", data.get("executable"), "sha256"),
        version=_optional_text(name, "`build_info`", data.get("build_info"), "version"),
        commit=_optional_text(name, "`build_info`", data.get("build_info"), "commit"),
        licenses=tuple(licenses),
    )


def parse_notices(name: str, content: bytes) -> tuple[Component, ...]:
    """Read the notices; raises SidecarError, which names the file and the place in it."""
    data = _load(name, content)
    if not isinstance(data, list):
        raise SidecarError(f"{name} must hold a JSON list")
    components = []
    for index, item in enumerate(data):
        where = f"item {index}"
        if not isinstance(item, dict) or not isinstance(item.get("texts", []), list):
            raise SidecarError(f"{name}: {where} must be an object with a list `texts`")
        texts = []
        for text in item.get("texts", []):
            if not isinstance(text, dict):
                raise SidecarError(f"{name}: {where} has a text that is no object: {text!r}")
            texts.append(
                NoticeText(_text(name, where, text, "file"), _text(name, where, text, "text"))
            )
        components.append(
            Component(
                _text(name, where, item, "name"),
                _text(name, where, item, "version"),
                _optional_text(name, where, item, "license") or "",
                tuple(texts),
            )
        )
    return tuple(components)


def with_licenses(components: Iterable[Component], manifest: Manifest) -> tuple[Component, ...]:
    """Components that don't tell their licence get the one that the manifest tells."""
    told = {(name, version): text for name, version, text in manifest.licenses}
    return tuple(
        c if c.license else replace(c, license=told.get((c.name, c.version), ""))
        for c in components
    )
