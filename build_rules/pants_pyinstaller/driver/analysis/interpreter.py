"""The interpreter that runs this program: its identity and its standard library."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
import sysconfig
from typing import Any

from .. import contract
from . import foreign

NOT_IN_APPLICATIONS = ("test", "__phello__", "site-packages")
"""Top-level names in the standard library's directory that no program can import from a bundle: Python's own tests
are more modules than all the rest.
"""

_OS = {"linux": "linux", "darwin": "darwin", "win32": "windows"}
_ARCHITECTURE = {
    "x86_64": "amd64",
    "AMD64": "amd64",
    "amd64": "amd64",
    "aarch64": "arm64",
    "arm64": "arm64",
    "ARM64": "arm64",
}


def platform_name() -> str:
    """``linux-amd64``, ``darwin-arm64``, ``windows-amd64`` …"""
    machine = platform.machine()
    return f"{_OS.get(sys.platform, sys.platform)}-{_ARCHITECTURE.get(machine, machine.lower())}"


def library_paths() -> list[str]:
    """Directories (and the zip, if there is one) of the standard library, in the order of sys.path."""
    other = foreign.adopted()
    if other is not None:
        return [other.modules, other.extensions]
    roots = {os.path.realpath(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")}
    found = []
    for path in sys.path:
        real = os.path.realpath(path)
        inside = any(real == root or os.path.dirname(real) == root for root in roots)
        if (
            (
                path
                and (inside or real.endswith((".zip", os.sep + "DLLs")))
                and "site-packages" not in real
            )
            and os.path.exists(real)
            and real not in found
        ):
            found.append(real)
    return found


def prefix() -> str:
    """Where the interpreter is installed."""
    other = foreign.adopted()
    return sys.base_prefix if other is None else other.root


def library_modules(paths: list[str]) -> dict[str, str]:
    """Pure modules of the standard library: path below its directory -> that directory."""
    found: dict[str, str] = {}
    for root in paths:
        if not os.path.isdir(root) or os.path.basename(root) in (foreign.EXTENSIONS, "DLLs"):
            continue
        for directory, names, files in os.walk(root):
            relative = os.path.relpath(directory, root).replace(os.sep, "/")
            top = relative.split("/")[0]
            if top in NOT_IN_APPLICATIONS:
                names.clear()
                continue
            names[:] = sorted(
                name
                for name in names
                if name.isidentifier()
                and name not in ("__pycache__", "test", "tests", "idle_test")
                and not (relative == "." and name in NOT_IN_APPLICATIONS)
            )
            for file in sorted(files):
                if file.endswith(".py") and file[:-3].isidentifier():
                    found[file if relative == "." else f"{relative}/{file}"] = root
    return found


def sha256_of(path: str) -> str:
    """Hex digest of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def identity(python_library: str | None) -> dict[str, str]:
    """The manifest's entry for the interpreter; ``sha256`` is that of its shared library, else of its executable."""
    subject = python_library or os.path.realpath(sys.executable)
    return {
        "version": platform.python_version(),
        "implementation": platform.python_implementation(),
        "sha256": sha256_of(subject),
        **certificate_places(),
    }


def own_libraries() -> dict[str, Any]:
    """What this interpreter states about the libraries that it brings; see ``contract.INTERPRETER_LIBRARIES``."""
    path = os.path.join(prefix(), contract.INTERPRETER_LIBRARIES)
    if not os.path.isfile(path):
        return {"libraries": {}, "texts": {}}
    with open(path, encoding="utf-8") as file:
        found: dict[str, Any] = json.load(file)
    return found


def certificate_places() -> dict[str, str]:
    """Where this interpreter's OpenSSL looks for certificates: compiled-in file and directory."""
    other = foreign.adopted()
    if other is not None:
        return {"ca_file": other.ca_file, "ca_path": other.ca_path}
    try:
        import _ssl
    except ImportError:
        return {"ca_file": "", "ca_path": ""}
    _, file, _, directory = _ssl.get_default_verify_paths()
    return {"ca_file": file, "ca_path": directory}
