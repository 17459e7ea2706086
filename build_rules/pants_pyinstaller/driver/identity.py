"""Prints what the interpreter that runs this is made of, as JSON: its part in the key of a layer.

    PYTHON -I -S identity.py

`content` is a SHA-256 over the executable, libpython, the standard library and the host's libraries
that these load (found by ldd or otool where there is one): a changed interpreter or libssl is
another interpreter, wherever it lies. Nothing of the machine's paths enters it.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# Folders of the standard library that no executable can contain.
SKIPPED = {"__pycache__", "site-packages", "dist-packages", "test"}
_ARCH = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
_LIBRARY = re.compile(r"(?:=>\s+|^\s+)(/\S+)", re.M)


def platform_name() -> str:
    """The platform as `OS-arch`, such as `linux-amd64`."""
    machine = platform.machine().lower()
    return f"{platform.system().lower()}-{_ARCH.get(machine, machine)}"


def library_files() -> Iterator[tuple[str, Path]]:
    """The interpreter's own files as (name without a machine's path, file)."""
    yield "python", Path(os.path.realpath(sys.executable))
    folder = sysconfig.get_config_var("LIBDIR") or ""
    for variable in ("INSTSONAME", "LDLIBRARY"):
        shared = Path(folder, sysconfig.get_config_var(variable) or "")
        if shared.is_file() and shared.suffix != ".a":
            yield shared.name, shared
    stdlib = Path(sysconfig.get_path("stdlib"))
    for root, folders, names in os.walk(stdlib):
        folders[:] = sorted(name for name in folders if name not in SKIPPED)
        for name in sorted(names):
            file = Path(root, name)
            yield file.relative_to(stdlib).as_posix(), file


def host_libraries(files: list[Path]) -> list[tuple[str, Path]]:
    """Shared libraries outside the interpreter that `files` load, as (name, file), sorted."""
    tool = {"linux": ["ldd"], "darwin": ["otool", "-L"]}.get(sys.platform)
    if tool is None or not files:
        return []
    try:
        listed = subprocess.run(
            [*tool, *map(str, files)], capture_output=True, text=True, check=False
        ).stdout
    except FileNotFoundError:
        return []  # the freezer's own preflight reports what is missing
    found = {Path(path).name: Path(path) for path in _LIBRARY.findall(listed)}
    return sorted((name, path) for name, path in found.items() if path.is_file())


def identity() -> dict[str, str]:
    files = list(library_files())
    native = [file for _, file in files if file.suffix in {".so", ".dylib", ""}]
    files += host_libraries(native)
    with ThreadPoolExecutor() as pool:
        digests = pool.map(lambda item: hashlib.sha256(item[1].read_bytes()).hexdigest(), files)
    total = hashlib.sha256()
    for (name, _), digest in zip(files, digests):
        total.update(f"{name}\0{digest}\n".encode())
    return {
        "content": total.hexdigest(),
        "implementation": platform.python_implementation(),
        "platform": platform_name(),
        "version": platform.python_version(),
    }


if __name__ == "__main__":
    json.dump(identity(), sys.stdout, sort_keys=True)
