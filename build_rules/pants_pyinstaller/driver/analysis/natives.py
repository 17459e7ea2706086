"""Native libraries: what they load, where they go, stripping, and which host package they come from."""

from __future__ import annotations

import hashlib
import os
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from . import compiled, interpreter

_PT_LOAD, _PT_DYNAMIC = 1, 2


def elf_segments(data: bytes) -> list[tuple[int, int, int, int, int]]:
    """(type, offset, virtual address, file size, alignment) of each program header; empty for anything but ELF."""
    if data[:4] != b"\x7fELF" or len(data) < 64:
        return []
    wide = data[4] == 2
    order = "<" if data[5] == 1 else ">"
    if wide:
        (offset,) = struct.unpack_from(order + "Q", data, 32)
        size, count = struct.unpack_from(order + "HH", data, 54)
    else:
        (offset,) = struct.unpack_from(order + "I", data, 28)
        size, count = struct.unpack_from(order + "HH", data, 42)
    found = []
    for index in range(count):
        start = offset + index * size
        if wide:
            kind, _, place, address, _, length, _, align = struct.unpack_from(
                order + "IIQQQQQQ", data, start
            )
        else:
            kind, place, address, _, length, _, _, align = struct.unpack_from(
                order + "IIIIIIII", data, start
            )
        found.append((kind, place, address, length, align))
    return found


def is_sound_elf(before: bytes, after: bytes) -> bool:
    """Whether a stripped library still has what the dynamic linker needs.

    Libraries that were rewritten (patchelf, auditwheel) come out of some versions of strip with segments that are not
    congruent to their alignment, or without their dynamic section: "ELF load command address/offset not properly
    aligned".
    """
    old, new = elf_segments(before), elf_segments(after)
    if not old:
        return True
    loads = [item for item in new if item[0] == _PT_LOAD]
    if len(loads) != sum(item[0] == _PT_LOAD for item in old) or not loads:
        return False
    for _, offset, address, length, align in loads:
        if align > 1 and offset % align != address % align:
            return False
        if offset + length > len(after):
            return False
    dynamic = [item[3] for item in old if item[0] == _PT_DYNAMIC]
    return dynamic == [item[3] for item in new if item[0] == _PT_DYNAMIC]


def strip_library(source: str, destination: str, cache: str | None) -> bool:
    """Copy ``source`` without its debug information; left as it is where stripping would break it.

    Files with a checksum of their own beside them (``.NAME.hmac``, ``NAME.chk``) are never touched. Returns whether
    the copy is a stripped one.
    """
    with open(source, "rb") as file:
        content = file.read()
    folder, base = os.path.split(source)
    guarded = os.path.exists(os.path.join(folder, f".{base}.hmac")) or os.path.exists(
        os.path.splitext(source)[0] + ".chk"
    )
    if guarded or not content.startswith(b"\x7fELF"):
        _write(destination, content)
        return False
    key = hashlib.sha256(b"strip2\0" + content).hexdigest()
    known = compiled.read_entry(cache, "stripped", key)
    if known is None:
        _write(destination, content)
        done = subprocess.run(
            ["strip", destination],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        with open(destination, "rb") as file:
            result = file.read()
        known = result if done.returncode == 0 and is_sound_elf(content, result) else b""
        compiled.write_entry(cache, "stripped", key, known)
    _write(destination, known or content)
    return bool(known)


def _write(path: str, content: bytes) -> None:
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)
    os.chmod(path, 0o755)


def host_packages(paths: Sequence[str]) -> dict[str, tuple[str | None, str | None]]:
    """Package and version that own each path on this host; (None, None) where no package manager knows it.

    The package manager is asked once for all: each question costs it a walk through its database.
    """
    candidates: dict[str, str] = {}
    for path in paths:
        for name in (path, os.path.realpath(path)):
            candidates[name] = path
            if name.startswith("/usr/"):  # merged /usr: the package's list may have the old place
                candidates[name[4:]] = path
    owners: dict[str, str] = {}
    versions: dict[str, str] = {}
    if paths and shutil.which("dpkg-query"):
        for line in _lines(["dpkg-query", "-S", *candidates]):
            package, _, name = line.rpartition(": ")
            if name in candidates:
                owners[candidates[name]] = package.split(",")[0].strip()
        if owners:
            names = sorted(set(owners.values()))
            for line in _lines(
                ["dpkg-query", "-W", "-f=${binary:Package}\t${Package}\t${Version}\n", *names]
            ):
                full, short, version = line.split("\t")
                versions[full] = versions[short] = version
    elif shutil.which("rpm"):
        for path in paths:
            for line in _lines(["rpm", "-qf", "--qf", "%{NAME}\t%{VERSION}-%{RELEASE}\n", path])[
                :1
            ]:
                package, tab, version = line.partition("\t")
                if tab:
                    owners[path], versions[package] = package, version
    return {
        path: (owners[path].partition(":")[0], versions.get(owners[path]))
        if path in owners
        else (None, None)
        for path in paths
    }


def _lines(command: list[str]) -> list[str]:
    """What ``command`` prints, also when it fails for some of its arguments."""
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace"
    )
    return done.stdout.splitlines()


def host_licence(package: str) -> list[dict[str, str]]:
    """Licence text of a host package (Debian's place; other hosts: /usr/share/licenses)."""
    candidates = [f"/usr/share/doc/{package}/copyright"]
    folder = f"/usr/share/licenses/{package}"
    if os.path.isdir(folder):
        candidates += [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
    texts = []
    for path in candidates:
        if os.path.isfile(path):
            with open(path, encoding="utf-8", errors="replace") as file:
                texts.append({"file": os.path.basename(path), "text": file.read()})
    return texts


def interpreter_owns(path: str) -> bool:
    """Whether a library belongs to the interpreter's own installation."""
    base = os.path.realpath(interpreter.prefix())
    real = os.path.realpath(path)
    if base in ("/usr", "/"):
        libraries = interpreter.library_paths()
        return any(real.startswith(root + os.sep) for root in libraries) or "/libpython" in real
    return real.startswith(base + os.sep)


def described_libraries(
    sources: Mapping[str, str], prefix: str, known: Mapping[str, Mapping[str, str]]
) -> dict[str, dict[str, str]]:
    """What is known of each of the files `sources` (by destination): its name and hash beside that.

    :param known: by path below the interpreter's `prefix`, as the interpreter spells it.
    """
    described = {
        normalize_path(os.path.realpath(os.path.join(prefix, path))): item
        for path, item in known.items()
    }
    found = {}
    for dest, source in sources.items():
        real = os.path.realpath(source)
        if normalize_path(real) in described:
            found[dest] = {
                "name": os.path.basename(dest),
                "sha256": interpreter.sha256_of(real),
                **described[normalize_path(real)],
            }
    return found


def normalize_path(path: str) -> str:
    """``path`` as the same text for every spelling of it (Windows ignores case)."""
    return os.path.normcase(os.path.normpath(path))


def record_imports(bindepend: Any) -> dict[str, list[str]]:
    """Make PyInstaller's binary analysis keep, per binary, the libraries that it found: path -> paths."""
    recorded: dict[str, list[str]] = {}
    original: Callable[..., Iterable[tuple[str, str | None]]] = bindepend.get_imports

    def get_imports(filename: str, search_paths: Any = None) -> list[tuple[str, str | None]]:
        result = sorted(original(filename, search_paths), key=lambda item: item[0])
        recorded[normalize_path(filename)] = [normalize_path(path) for _, path in result if path]
        return result

    bindepend.get_imports = get_imports
    return recorded
