"""The shape that ships: a selection written as one file or as a directory, for users and for proofs alike.

``parts`` and ``tree.write`` make the product for ``assemble``. ``for_proof`` makes the same from the same
inputs for a proof, cheaply: nothing is compressed again, a directory's files are hard links, and the executable is the
plain bootloader with the archive appended, which does with it what it does in the shipped one.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence

from .. import contract
from ..analysis import pyinstaller
from ..errors import DriverError
from . import archive, head, runtime, tree
from .contents import Layers
from .stored import Stored

_NATIVE_SUFFIXES = (".so", ".pyd", ".dll", ".dylib")


def check_mode(mode: str) -> None:
    """Refuse an unknown mode.

    :raises DriverError: neither ONE_FILE nor ONE_DIR.
    """
    if mode not in (contract.ONE_FILE, contract.ONE_DIR):
        raise DriverError(f"mode must be {contract.ONE_FILE} or {contract.ONE_DIR}, not {mode!r}")


def parts(
    layers: Layers,
    mode: str,
    pack: str | None,
    options: Iterable[str],
    *,
    entry: Sequence[archive.Part] = (),
    first: Sequence[archive.Part] = (),
    extra: Iterable[archive.PyzEntry] = (),
    early: Mapping[str, Sequence[str]] | None = None,
    data: Mapping[str, str] | None = None,
    build_info: bytes | None = None,
) -> list[archive.Part]:
    """Everything that the executable's archive holds; in a one-file executable that includes the files.

    :param pack: output directory of ``pack``, for ONE_FILE alone.
    :param options: OPTION entries of the bootloader (``head.options``).
    :param entry: replaces the application's entry script (see ``head.entry_parts``).
    :param first: scripts that run before the first runtime hook.
    :param extra: modules in the PYZ besides the selection and the application's own, which they replace.
    :param early: see ``runtime.Packed``.
    :param data: further files: destination -> path.
    :raises DriverError: ONE_FILE without ``pack``.
    """
    check_mode(mode)
    if mode == contract.ONE_DIR:
        return head.parts(layers, options, head.pyz(layers, extra), False, entry, first=first)
    stored = Stored(layers, pack)
    pyz = head.pyz(layers, extra, stored.code)
    appendix, places = _appendix(stored, len(pyz))
    coming = {
        name: [item for item in found if item in stored.plan]
        for name, found in (early or {}).items()
    }
    files = _file_parts(layers, stored, build_info)
    dictionary = None
    if stored.dictionary is not None:
        stream, size = stored.dictionary
        dictionary = len(pyz) + len(appendix), len(stream), size
        appendix += stream
    decompressor = layers.layer.decompressor if stored.reads_zstd else None
    if decompressor is not None:
        dest, stream = decompressor.file, stored.decompressor(layers)
        size = os.path.getsize(os.path.join(layers.layer_path, *dest.split("/")))
        files.append(archive.Part(dest.replace("/", os.sep), "b", stream, size, True))
        files.sort(key=_order)
    library = _place(files, "base_library.zip", len(pyz) + len(appendix))
    reads_zstd = decompressor.file if decompressor is not None else None
    stay = runtime.Packed(stored.plan, places, coming, library, reads_zstd, dictionary)
    first_parts = head.parts(layers, options, pyz + appendix, True, entry, stay, first)
    for dest, path in sorted((data or {}).items()):
        with open(path, "rb") as file:
            files.append(archive.packed(dest.replace("/", os.sep), "x", file.read(), 1))
    return first_parts + files


def for_proof(
    layers: Layers,
    directory: str,
    mode: str,
    pack: str | None,
    entry: Sequence[archive.Part] = (),
    *,
    name: str = "proof",
    contents: str = contract.CONTENTS,
    options: Sequence[str] = (),
    first: Sequence[archive.Part] = (),
    extra: Iterable[archive.PyzEntry] = (),
    early: Mapping[str, Sequence[str]] | None = None,
    data: Mapping[str, str] | None = None,
) -> str:
    """Write an executable for a proof below ``directory``, which must not exist; returns its path.

    :param name: file name of the executable, without ``.exe``.
    :param contents, options: as ``head.options`` takes them.
    """
    windows = sys.platform == "win32"
    os.makedirs(directory)
    found = parts(
        layers,
        mode,
        pack,
        head.options(options, optimize=layers.layer.optimize, contents=contents),
        entry=entry,
        first=first,
        extra=extra,
        early=early,
        data=data,
    )
    if mode == contract.ONE_DIR:
        root = os.path.join(directory, contents)
        tree.stage(layers, root)
        for dest, source in (data or {}).items():
            target = os.path.join(root, *dest.split("/"))
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copyfile(source, target)
    path = os.path.join(directory, name + (".exe" if windows else ""))
    shutil.copyfile(pyinstaller.bootloader(layers.layer_path, windows), path)
    with open(path, "ab") as out:
        archive.write_carchive(out, found, layers.layer.python_library)
    os.chmod(path, 0o755)
    return path


def _appendix(stored: Stored, start: int) -> tuple[bytes, dict[str, tuple[int, int, int]]]:
    """Streams of the lazy files one after the other, and where each lies when the first is at ``start``."""
    places: dict[str, tuple[int, int, int]] = {}
    streams = []
    for dest in stored.lazy:
        stream = stored.frame_or_zlib(dest)
        places[dest] = (start, len(stream), stored.size(dest))
        streams.append(stream)
        start += len(stream)
    return b"".join(streams), places


def _place(parts: Sequence[archive.Part], name: str, start: int) -> tuple[int, int, int]:
    """Where the stream of one of ``parts`` lies when the first is at ``start``, as in ``_appendix``."""
    for part in parts:
        if part.name == name:
            return start, len(part.data), part.size
        start += len(part.data)
    raise KeyError(name)


def _file_parts(layers: Layers, stored: Stored, build_info: bytes | None) -> list[archive.Part]:
    """Files of a one-file executable, sorted as PyInstaller sorts them: by type code, then by name."""
    own = layers.app.files.keys() | layers.app.links.keys()
    lazy_files = set(stored.lazy)
    found = []
    for dest in layers.chosen.files:
        item = layers.layer.files[dest]
        if (
            dest in own
            or dest in lazy_files
            or (dest == contract.BUILD_INFO and build_info is not None)
        ):
            continue
        name = dest.replace("/", os.sep)
        if item.kind == "symlink":
            found.append(archive.plain(name, "n", item.target.encode() + b"\0"))
            continue
        kind = "b" if item.kind == "binary" or item.executable else "x"
        if dest in layers.layer.others:
            with open(layers.path_of(dest), "rb") as file:
                found.append(archive.packed(name, kind, file.read(), 6))
            continue
        stream = stored.zlib(dest)
        if stream is None:  # lazy in other programs
            with open(layers.path_of(dest), "rb") as file:
                found.append(archive.packed(name, kind, file.read(), 6))
            continue
        found.append(archive.Part(name, kind, stream, item.size, True))
    for dest, executable_bit in layers.app.files.items():
        with open(layers.own_path(dest), "rb") as file:
            data = file.read()
        kind = "b" if executable_bit or dest.endswith(_NATIVE_SUFFIXES) else "x"
        found.append(archive.packed(dest.replace("/", os.sep), kind, data, 6))
    for dest, target in layers.app.links.items():
        found.append(archive.plain(dest.replace("/", os.sep), "n", os.fsencode(target) + b"\0"))
    if build_info is not None:
        found.append(archive.packed(contract.BUILD_INFO, "x", build_info))
    return sorted(found, key=_order)


def _order(part: archive.Part) -> tuple[str, str]:
    return part.kind, part.name
