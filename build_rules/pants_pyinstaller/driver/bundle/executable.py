"""The executable file, written by PyInstaller's own EXE: bootloader, resources, archive, signature in the right
order."""

from __future__ import annotations

import os
import shutil
import sys
import types
from typing import Any

from .. import contract
from ..analysis import foreign
from ..errors import DriverError
from ..macho import tools
from . import version_resource


def write(
    request: contract.AssembleRequest,
    archive_path: str,
    output: str,
    python_library: str,
    one_dir: bool,
) -> None:
    """Write the executable ``output`` with the CArchive at ``archive_path``.

    PyInstaller must be importable (``pyinstaller.load``). Of its EXE class only ``assemble`` runs: what its constructor
    prepares from a spec file is given here.

    :raises DriverError: an icon, version file or identity that PyInstaller refuses.
    """
    from PyInstaller.building.api import EXE

    exe: Any = EXE.__new__(EXE)
    exe.name = os.path.abspath(output)
    exe.tocbasename = os.path.basename(output)
    exe.console = request.console
    exe.debug = False
    exe.exclude_binaries = one_dir
    exe.append_pkg = True
    exe.resources = []
    exe.pkg = types.SimpleNamespace(name=os.path.abspath(archive_path))
    exe.target_arch = _machine() if sys.platform == "darwin" else None
    exe.codesign_identity = request.codesign_identity if sys.platform == "darwin" else None
    exe.entitlements_file = request.entitlements if sys.platform == "darwin" else None
    exe.python_lib = python_library
    exe.icon = [os.path.abspath(request.icon)] if request.icon else None
    exe.versrsrc = None
    exe.manifest = None
    if sys.platform == "win32":
        _windows(exe, request)
    if foreign.adopted() is not None:
        tools.replace()
    loader = exe._bootloader_file("run", ".exe" if sys.platform == "win32" else "")
    clear = f"{archive_path}.{os.path.basename(loader)}"
    with open(loader, "rb") as source, open(clear, "wb") as target:
        target.write(with_clear_messages(source.read()))
    shutil.copymode(loader, clear)
    exe.exefiles = [(os.path.basename(loader), clear, "EXECUTABLE")]
    try:
        exe.assemble()
    except SystemError as error:
        raise DriverError(f"the executable could not be written: {error}") from None


MESSAGES = {
    b"Failed to extract %s: decompression resulted in return code %d!\n": (
        b"Cannot write %s (%d): disk full? TMPDIR names another place.\n"
    ),
    b"Failed to extract %s: failed to write data chunk!\n": (
        b"Cannot write %s. Full? TMPDIR sets the place.\n"
    ),
    b"Failed to load Python shared library '%s': %s\n": (
        b"Cannot load '%s', set another TMPDIR: %s\n"
    ),
}
"""What PyInstaller's bootloader prints when the temporary directory is full or mounted noexec -> what a user needs to
hear. No longer than the original, with the same conversions: it takes its place in the file."""


def with_clear_messages(bootloader: bytes) -> bytes:
    """The bootloader with MESSAGES exchanged; a text that it does not have stays as it is."""
    for old, new in MESSAGES.items():
        bootloader = bootloader.replace(old + b"\0", new.ljust(len(old), b"\0") + b"\0")
    return bootloader


def _machine() -> str:
    import platform

    return platform.machine()


def _windows(exe: Any, request: contract.AssembleRequest) -> None:
    from PyInstaller import building
    from PyInstaller.utils.win32 import versioninfo, winmanifest

    if exe.icon is None:
        images = os.path.join(
            os.path.dirname(os.path.dirname(building.__file__)), "bootloader", "images"
        )
        exe.icon = os.path.join(
            images, "icon-console.ico" if request.console else "icon-windowed.ico"
        )
    manifest = None
    if request.windows_manifest:
        with open(request.windows_manifest, "rb") as file:
            manifest = file.read()
    exe.manifest = winmanifest.create_application_manifest(manifest, False, False)
    exe.versrsrc = version_resource.resource(request.name, request.build_info or {})
    if request.windows_version_info:
        try:
            exe.versrsrc = versioninfo.load_version_info_from_text_file(
                request.windows_version_info
            )
        except Exception as error:
            raise DriverError(
                f"windows_version_info: {request.windows_version_info} is not a version resource: "
                f"{type(error).__name__}: {error}"
            ) from None
