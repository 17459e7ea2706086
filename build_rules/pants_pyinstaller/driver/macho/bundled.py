"""A Mach-O file as a part of a bundle: one architecture, libraries found inside of it, signed ad hoc."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping

from ..errors import DriverError
from . import image, signature


def prepared(data: bytes, dest: str, machine: str) -> bytes:
    """What PyInstaller has Apple's ``lipo``, ``install_name_tool`` and ``codesign`` make of a collected file.

    :param dest: its place in the bundle; libraries are looked for in the bundle's directory.
    :param machine: ``arm64`` or ``x86_64``.
    :raises image.MachOError: no code for the machine, or no room for its new load commands.
    """
    depth = dest.count("/")
    rpath = "/".join(["@loader_path", *[".."] * depth])
    thin = image.thin(data, machine)
    return signature.signed(image.relocated(thin, rpath), posixpath.basename(dest))


def write(source: str, target: str, dest: str, machine: str) -> None:
    """Write the file ``source`` to ``target``: prepared, if it is a Mach-O file.

    :raises DriverError: see ``prepared``.
    """
    with open(source, "rb") as file:
        content = file.read()
    if image.is_macho(content):
        try:
            content = prepared(content, dest, machine)
        except image.MachOError as error:
            raise DriverError(
                f"{dest} cannot be bundled for {machine}: {error} ({source})"
            ) from None
    with open(target, "wb") as file:
        file.write(content)


def unresolved(files: Mapping[str, bytes]) -> Iterator[tuple[str, str]]:
    """Loads that find nothing in the bundle: (destination, path of the library), the system's apart.

    :param files: the bundle's Mach-O files by destination, prepared.
    """
    for dest, content in sorted(files.items()):
        here = posixpath.dirname(dest) or "."
        places = [path.replace("@loader_path", here) for path in image.rpaths(content)]
        for library in image.libraries(content):
            name = library.removeprefix("@rpath/")
            if not image.is_of_system(library) and not any(
                posixpath.normpath(posixpath.join(place, name)) in files for place in places
            ):
                yield dest, library
