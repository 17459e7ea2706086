"""Modules compiled and scanned, once for each content: a cache of packs, one pack for each distribution.

A pack holds, for the Python files of one distribution, the compressed code (as a PYZ archive stores it) and the
scan. Its key is the content of those files, so that a bumped distribution compiles and scans its own files alone.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import hashlib
import importlib.util
import marshal
import os
import sys
import tempfile
import warnings
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from types import CodeType
from typing import Any, NamedTuple

from .. import cores
from . import scan

_VERSION = 2
"""Changes with the code that is made of a source, as entries of the cache have to."""

PYZ_LEVEL = 6
"""zlib level of code: 9 costs three times the CPU for 1 % (27.8 against 27.5 MB on 10,000 modules)."""


_MOST = 1 << 20
"""Bytes of the sources of one pack, where they are several. It decides what an entry of the cache holds, and is part of
no result.
"""


class Module(NamedTuple):
    """One compiled module; ``blob`` is None when this version of Python cannot compile the source."""

    blob: bytes | None
    scan: scan.Scan


class Unit(NamedTuple):
    """What one pack is made of: ``root`` joined with each of ``paths`` is a file, ``paths`` are stable names."""

    root: str
    paths: tuple[str, ...]


def code_filename(path: str) -> str:
    """``co_filename`` of a bundled module, as PyInstaller anonymises it: relative, with the system's separators."""
    return path.replace("/", os.sep)


def compile_reproducibly(source: bytes | str, filename: str, optimize: int = 0) -> CodeType:
    """The code of ``source``, the same whatever this process has compiled before.

    CPython 3.13 lets equal frozensets of one file be one object, unless one of their strings was interned already, by
    any other code; marshal writes down the difference. The second time all strings are, for the first code lives.

    :raises SyntaxError, ValueError: this version of Python cannot compile it.
    """
    first = compile(source, filename, "exec", dont_inherit=True, optimize=optimize)
    if not any(
        type(constant) is frozenset
        for part in scan.code_objects(first)
        for constant in part.co_consts
    ):
        return first
    return compile(source, filename, "exec", dont_inherit=True, optimize=optimize)


def compile_module(source: bytes, path: str, optimize: int) -> tuple[CodeType | None, scan.Scan]:
    """Code and scan of one source; no code when it does not compile."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            code = compile_reproducibly(source, code_filename(path), optimize)
        except UnicodeDecodeError:
            return None, scan.Scan((), frozenset())
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None, scan.Scan((), frozenset())
        scanned = (
            code if optimize == 0 else compile(source, path, "exec", dont_inherit=True, optimize=0)
        )
        assert isinstance(code, CodeType)
        assert isinstance(scanned, CodeType)
        try:
            return code, scan.scan(scanned, _utf8(source))
        except (
            SyntaxError,
            ValueError,
        ):  # the syntax tree wants an encoding that the compiler does not insist on
            text = source.decode("utf-8", "replace").encode()
            return code, scan.scan(scanned, text)


def _utf8(source: bytes) -> bytes:
    """``source`` in UTF-8, so that byte patterns and the syntax tree agree (few files say another encoding)."""
    if not source.startswith(b"\xef\xbb\xbf") and b"coding" not in source[:200]:
        return source
    try:
        return importlib.util.decode_source(source).encode()
    except (SyntaxError, UnicodeDecodeError):  # the compiler accepts more
        return source


def _key(unit: Unit, sources: Sequence[bytes], optimize: int) -> str:
    state = hashlib.sha256()
    state.update(
        repr(
            (_VERSION, scan.VERSION, PYZ_LEVEL, optimize, sys.version, importlib.util.MAGIC_NUMBER)
        ).encode()
    )
    for path, source in zip(unit.paths, sources):
        state.update(f"\0{path}\0{len(source)}\0".encode())
        state.update(hashlib.sha256(source).digest())
    return state.hexdigest()


def _build(unit: Unit, optimize: int, cache: str | None) -> tuple[list[Any], bool]:
    """The pack of ``unit`` as plain data, and whether it came from the cache."""
    sources = []
    for path in unit.paths:
        with open(os.path.join(unit.root, path), "rb") as file:
            sources.append(file.read())
    key = _key(unit, sources, optimize)
    known = read_entry(cache, "compiled", key)
    if known is not None:
        return marshal.loads(known), True
    modules: dict[str, Module] = {}
    for path, source in zip(unit.paths, sources):
        code, result = compile_module(source, path, optimize)
        blob = zlib.compress(marshal.dumps(code), PYZ_LEVEL) if code is not None else None
        modules[path] = Module(blob, result)
    plain = _plain(modules)
    write_entry(cache, "compiled", key, marshal.dumps(plain))
    return plain, False


def _plain(modules: dict[str, Module]) -> list[Any]:
    return [
        (
            path,
            blob,
            [tuple(item) for item in result.imports],
            sorted(result.attributes),
            *result[2:],
        )
        for path, (blob, result) in modules.items()
    ]


def _restore(plain: list[Any]) -> dict[str, Module]:
    return {
        path: Module(
            blob,
            scan.Scan(
                tuple(scan.Import(*item) for item in imports),
                frozenset(attributes),
                *rest,
            ),
        )
        for path, blob, imports, attributes, *rest in plain
    }


def build(units: Iterable[Unit], optimize: int, cache: str | None) -> tuple[dict[str, Module], int]:
    """Absolute path -> compiled module of all units, and the number of units that the cache did not have."""
    parts = [(number, part) for number, unit in enumerate(units) for part in _split(unit)]
    parts.sort(key=lambda part: -len(part[1].paths))  # the longest work first
    ordered = [part for _, part in parts]
    few = sum(len(part.paths) for part in ordered) < 500
    with contextlib.ExitStack() as stack:
        run: Any = map
        if not few:
            run = stack.enter_context(concurrent.futures.ProcessPoolExecutor(cores.count())).map
        packs = list(run(_build, ordered, repeat(optimize), repeat(cache)))
    modules = {
        os.path.join(part.root, path.replace("/", os.sep)): module
        for part, (plain, _) in zip(ordered, packs)
        for path, module in _restore(plain).items()
    }
    return modules, len({number for (number, _), (_, hit) in zip(parts, packs) if not hit})


def _split(unit: Unit) -> Iterator[Unit]:
    """Parts of a large distribution, for more processors than there are large distributions."""
    paths: list[str] = []
    size = 0
    for path in unit.paths:
        more = os.path.getsize(os.path.join(unit.root, path))
        if paths and size + more > _MOST:
            yield Unit(unit.root, tuple(paths))
            paths, size = [], 0
        paths.append(path)
        size += more
    yield Unit(unit.root, tuple(paths))


# --- The cache directory ----------------------------------------------------------------------------------------------


def read_entry(cache: str | None, kind: str, key: str) -> bytes | None:
    """Content stored under ``key``, None when there is none or it is damaged."""
    if cache is None:
        return None
    try:
        with open(os.path.join(cache, kind, key[:2], key), "rb") as file:
            digest = file.read(32)
            content = file.read()
    except OSError:
        return None
    return content if hashlib.sha256(content).digest() == digest else None


def write_entry(cache: str | None, kind: str, key: str, content: bytes) -> None:
    """Store ``content``: written to a temporary name, then renamed; a full disk only costs the next build time."""
    if cache is None:
        return
    folder = os.path.join(cache, kind, key[:2])
    try:
        os.makedirs(folder, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=".new-")
        with os.fdopen(handle, "wb") as file:
            file.write(hashlib.sha256(content).digest())
            file.write(content)
        os.replace(temporary, os.path.join(folder, key))
    except OSError:
        pass


def pyc(code: bytes) -> bytes:
    """A hash-based, unchecked .pyc with a zero hash: the same bytes whenever it is written (PEP 552)."""
    return importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little") + bytes(8) + code
