"""Native files of the program's own: what its code loads by ctypes, its extension modules, libraries among its data."""

from __future__ import annotations

import importlib
import marshal
import tempfile
import zlib
from collections.abc import Mapping, Sequence

from . import first_party, pyinstaller

_MAGIC = (b"\x7fELF", b"MZ", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
"""What ELF, PE and Mach-O files begin with."""


def find(
    sources: Mapping[str, first_party.Source],
    data: Mapping[str, str],
    roots: Sequence[str],
    tool: str,
    site: str,
) -> dict[str, str]:
    """Destination -> path of the native files whose libraries have to be followed.

    PyInstaller is loaded only where there is something to look for.

    :param data: destination -> path of the files that are bundled in any case.
    """
    found = {dest: path for dest, path in data.items() if is_native(path)}
    users = [
        source
        for source in sources.values()
        if source.blob and any(item.name.split(".")[0] == "ctypes" for item in source.scan.imports)
    ]
    if not users and not found:
        return {}
    with tempfile.TemporaryDirectory() as work:
        pyinstaller.load(tool, site, work, roots)
        utils = importlib.import_module("PyInstaller.depend.utils")
        dylib = importlib.import_module("PyInstaller.depend.dylib")
        for source in users:
            code = marshal.loads(zlib.decompress(source.blob))
            for dest, path, _ in sorted(set(utils.scan_code_for_ctypes(code))):
                if dylib.include_library(path) and is_native(path):
                    found.setdefault(dest, path)
    return found


def is_native(path: str) -> bool:
    """Whether a file is an executable or a library of any of the platforms."""
    with open(path, "rb") as file:
        return file.read(4).startswith(_MAGIC)
