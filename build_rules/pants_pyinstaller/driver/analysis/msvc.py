"""Microsoft's C and C++ runtime in a bundle for Windows: new enough for everything that was linked against it.

The runtime serves older linkers alone: with a newer one, a symbol may be missing, or a lock behave otherwise
than the code expects (std::mutex). Windows reports the first when a user loads the library, and the second never.
"""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import DriverError, listing

_RUNTIME = re.compile(r"(vcruntime|msvcp|concrt)140(_\w+)?\.dll", re.IGNORECASE)
_MSVC = 14
"""Major version of Microsoft's linkers; other linkers state theirs, such as 2 for GNU ld."""


@dataclass(frozen=True)
class Image:
    """What a PE file says.

    :param linker: version of the linker that wrote it.
    :param imports: library in lower case -> names that are taken from it.
    :param exports: names that it exports; read of the runtime's libraries alone.
    :param version: of its version resource, of the runtime's libraries alone.
    """

    linker: tuple[int, int]
    imports: Mapping[str, frozenset[str]]
    exports: frozenset[str] = frozenset()
    version: tuple[int, ...] = ()


def is_runtime(name: str) -> bool:
    """Whether a file is part of Microsoft's runtime; one that a wheel has renamed is that wheel's own affair."""
    return _RUNTIME.fullmatch(name) is not None


def read(path: str) -> Image | None:
    """None for a file that is no PE file. ``pefile`` must be importable (``pyinstaller.load``)."""
    pefile: Any = importlib.import_module("pefile")
    own = is_runtime(os.path.basename(path))
    directories = ["IMPORT", *(["EXPORT", "RESOURCE"] if own else [])]
    try:
        image = pefile.PE(path, fast_load=True)
    except pefile.PEFormatError:
        return None
    image.parse_data_directories(
        [pefile.DIRECTORY_ENTRY[f"IMAGE_DIRECTORY_ENTRY_{name}"] for name in directories]
    )
    imports = {
        entry.dll.decode().lower(): frozenset(
            item.name.decode() for item in entry.imports if item.name
        )
        for entry in getattr(image, "DIRECTORY_ENTRY_IMPORT", ())
    }
    table = getattr(image, "DIRECTORY_ENTRY_EXPORT", None)
    fixed = getattr(image, "VS_FIXEDFILEINFO", None)
    version = (fixed[0].FileVersionMS >> 16, fixed[0].FileVersionMS & 0xFFFF) if fixed else ()
    header = image.OPTIONAL_HEADER
    return Image(
        (header.MajorLinkerVersion, header.MinorLinkerVersion),
        imports,
        frozenset(item.name.decode() for item in table.symbols if item.name)
        if table
        else frozenset(),
        version,
    )


def faults(images: Mapping[str, Image]) -> list[str]:
    """What is wrong with the runtime among ``images`` (by file name), in words; sorted."""
    runtime = {name.lower(): image for name, image in images.items() if is_runtime(name)}
    found = []
    for name, image in images.items():
        for library in sorted(image.imports.keys() & runtime.keys()):
            own = runtime[library]
            if image.linker[0] == _MSVC and own.version < image.linker and not is_runtime(name):
                found.append(
                    f"{name} was linked by {_text(image.linker)}, {library} is {_text(own.version)}"
                )
            found += [
                f"{name} takes {symbol} from {library}, which does not export it"
                for symbol in sorted(image.imports[library] - own.exports)
            ]
    return sorted(found)


def _text(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def refuse_old_runtime(sources: Mapping[str, str]) -> None:
    """Look at all native files of a layer.

    :param sources: destination -> path.
    :raises DriverError: the runtime among them is too old for one of them.
    """
    read_ones = {os.path.basename(dest): read(path) for dest, path in sources.items()}
    wrong = faults({name: image for name, image in read_ones.items() if image is not None})
    if wrong:
        raise DriverError(
            f"the bundle's Microsoft C++ runtime is too old for what loads it:\n{listing(wrong)}\n"
            "Lock a newer msvc-runtime among the wheels that Python for Windows is made of."
        )
