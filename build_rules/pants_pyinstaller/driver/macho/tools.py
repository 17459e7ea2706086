"""PyInstaller's macOS tools in Python alone, for machines that have none of Apple's."""

from __future__ import annotations

import importlib
import os
from typing import Any

from . import image, signature


def _rewrite(path: str, content: bytes) -> None:
    temporary = f"{path}.new"
    with open(temporary, "wb") as file:
        file.write(content)
    os.replace(temporary, path)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _thin(filename: str, machine: str, output_filename: str | None = None) -> None:
    _rewrite(output_filename or filename, image.thin(_read(filename), machine))


def _unsign(filename: str) -> None:
    _rewrite(filename, signature.unsigned(_read(filename)))


def _sign(
    filename: str, identity: str | None = None, entitlements: str | None = None, deep: bool = False
) -> None:
    if identity or entitlements:
        raise SystemError("an identity or entitlements need Apple's codesign; sign on macOS")
    _rewrite(filename, signature.signed(_read(filename), os.path.basename(filename)))


def replace() -> None:
    """Have PyInstaller call these instead of ``lipo`` and ``codesign``. PyInstaller must be importable."""
    osx: Any = importlib.import_module("PyInstaller.utils.osx")
    osx.convert_binary_to_thin_arch = _thin
    osx.remove_signature_from_binary = _unsign
    osx.sign_binary = _sign
