"""What an executable's archive holds in both modes: options, scripts and modules."""

from __future__ import annotations

import marshal
import zlib
from collections.abc import Iterable, Mapping, Sequence

from .. import contract
from ..analysis import compiled
from ..errors import DriverError
from ..outputs import Entry
from . import archive, left_out, runtime
from .contents import Layers


def pyz(
    layers: Layers,
    extra: Iterable[archive.PyzEntry] = (),
    packed: Mapping[int, memoryview] | None = None,
) -> bytes:
    """The PYZ archive of the selection and the first-party modules (which win over equal names).

    :param packed: number of a module of the layer -> its code as ``pack`` compressed it.
    """
    found: dict[str, archive.PyzEntry] = {}
    base = {layers.layer.names[number] for number in layers.layer.base}
    for name in layers.chosen.modules:
        number = layers.layer.number[name]
        node = layers.layer.nodes[number]
        if (
            node.kind in archive.PYZ_KINDS
            and name not in base
            and (node.length or node.kind == "namespace")
        ):
            blob = (packed or {}).get(number) or layers.code[
                node.offset : node.offset + node.length
            ]
            found[name] = archive.PyzEntry(name, archive.PYZ_KINDS[node.kind], blob)
    for own in layers.app.modules:
        if (
            own.pyz
            and own.kind in archive.PYZ_KINDS
            and not (own.kind == "namespace" and own.name in found)
        ):
            blob = layers.own_code[own.offset : own.offset + own.length]
            found[own.name] = archive.PyzEntry(own.name, archive.PYZ_KINDS[own.kind], blob)
    if layers.app.entry.script:  # for the children of multiprocessing
        blob = zlib.compress(layers.own_script("entry"), compiled.PYZ_LEVEL)
        found["__mp_main__"] = archive.PyzEntry("__mp_main__", archive.PYZ_MODULE, blob)
    for entry in extra:
        found[entry.name] = entry
    return archive.pyz(found.values())


def parts(
    layers: Layers,
    options: Iterable[str],
    pyz_data: bytes,
    one_file: bool,
    entry: Sequence[archive.Part] = (),
    packed: runtime.Packed | None = None,
    first: Iterable[archive.Part] = (),
) -> list[archive.Part]:
    """Everything that the executable holds in both modes, in PyInstaller's order.

    :param options: OPTION entries of the bootloader, in order.
    :param entry: replaces the application's ``entry_parts`` (for a proof).
    :param packed: native files that stay packed.
    :param first: scripts that run before the first runtime hook (for a proof).
    """
    layer, app = layers.layer, layers.app
    parts = [archive.plain(option, "o", b"") for option in options]
    for item in layer.bootstrap:
        parts.append(archive.packed(item.name, item.kind, layers.script(item)))
    parts += first
    hook = runtime.hook(layer.python, one_file, packed, left_out.table(layers), app.address)
    parts.append(_script("pyi_rth_runtime", hook))
    for name in app.hooks:
        parts.append(archive.packed(name, "s", layers.own_script(name)))
    for name in layers.chosen.rthooks:
        parts.append(_script(name, runtime.apart(layers.script(layer.scripts[name]))))
    parts += entry or entry_parts(app.entry, layers.own_script("entry"), one_file)
    parts.append(archive.plain("PYZ.pyz", "z", pyz_data))
    return parts


def entry_parts(entry: Entry, code: bytes, one_file: bool) -> list[archive.Part]:
    """The entry script, whose marshalled code is ``code``, and the script that prepares ``__main__`` for it."""
    start = runtime.start(entry.file, entry.module, entry.script, one_file)
    return [_script("pyi_start", start), archive.packed(entry.name, "s", code)]


def _script(name: str, text: str) -> archive.Part:
    return archive.packed(
        name, "s", marshal.dumps(compiled.compile_reproducibly(text, name + ".py"))
    )


def options(
    python_options: Iterable[str],
    *,
    optimize: int = 0,
    contents: str = contract.CONTENTS,
    runtime_tmpdir: str | None = None,
) -> list[str]:
    """OPTION entries: the interpreter's flags and the bootloader's own.

    :param optimize: the level that the bundle's code was compiled with; the interpreter gets the same.
    :raises DriverError: an option that PyInstaller's bootloader does not know.
    """
    found = [f"pyi-runtime-tmpdir {runtime_tmpdir}"] if runtime_tmpdir is not None else []
    found.append(f"pyi-contents-directory {contents}")
    for option in python_options:
        if not contract.PYTHON_OPTION.fullmatch(option):
            raise DriverError(
                f"python_options: {option!r} is none of u, v, 'W <filter>', 'X <key>[=<value>]', hash_seed=<n>, "
                "pyi-bootloader-ignore-signals, pyi-enable-onefile-parent-verification"
            )
        found.append(option)
    return found + ["O"] * optimize
