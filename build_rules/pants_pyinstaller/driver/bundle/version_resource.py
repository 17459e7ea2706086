"""The version resource of a Windows executable, made from the build information when the target names no file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

LANGUAGE, CODE_PAGE = 0x0409, 1200
"""US English, UTF-16."""

_NUMBERS = re.compile(r"v?(\d+(?:\.\d+){0,3})(?![\d.])")
_LARGEST = 0xFFFF

_FROM_BUILD_INFO = {
    "company": "CompanyName",
    "copyright": "LegalCopyright",
    "description": "FileDescription",
    "product": "ProductName",
}


def numbers(version: str) -> tuple[int, int, int, int]:
    """The four numbers, of 16 bits each, that Windows compares versions by.

    >>> numbers("1.2.3-rc.1"), numbers("v4.5"), numbers("dev")
    ((1, 2, 3, 0), (4, 5, 0, 0), (0, 0, 0, 0))
    """
    match = _NUMBERS.match(version)
    found = [int(part) for part in match[1].split(".")] if match else []
    if any(number > _LARGEST for number in found):
        return (0, 0, 0, 0)
    first, second, third, fourth = (*found, 0, 0, 0, 0)[:4]
    return first, second, third, fourth


def strings(name: str, build_info: Mapping[str, str]) -> dict[str, str]:
    """What the file's properties show, in alphabetical order of their keys.

    ``version`` and ``commit`` of the build information, and ``company``, ``copyright``, ``description`` and ``product``
    where it has them.
    """
    found = {
        "FileDescription": name,
        "InternalName": name,
        "OriginalFilename": f"{name}.exe",
        "ProductName": name,
    }
    for key, shown in _FROM_BUILD_INFO.items():
        if build_info.get(key):
            found[shown] = build_info[key]
    if build_info.get("version"):
        found["FileVersion"] = found["ProductVersion"] = build_info["version"]
    if build_info.get("commit"):
        found["Comments"] = f"commit {build_info['commit']}"
    return dict(sorted(found.items()))


def resource(name: str, build_info: Mapping[str, str]) -> Any:
    """The resource as PyInstaller's class (Windows alone; ``pyinstaller.load`` first)."""
    from PyInstaller.utils.win32 import versioninfo

    version = numbers(build_info.get("version", ""))
    table = versioninfo.StringTable(
        f"{LANGUAGE:04x}{CODE_PAGE:04x}",
        [versioninfo.StringStruct(key, text) for key, text in strings(name, build_info).items()],
    )
    return versioninfo.VSVersionInfo(
        ffi=versioninfo.FixedFileInfo(filevers=version, prodvers=version),
        kids=[
            versioninfo.StringFileInfo([table]),
            versioninfo.VarFileInfo([versioninfo.VarStruct("Translation", [LANGUAGE, CODE_PAGE])]),
        ],
    )
