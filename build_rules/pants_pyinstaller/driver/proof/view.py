"""The application as its imports see it: an application's layer and sources, each reduced (``analysis.reduction``).

It is an ordinary input of ``check`` in place of the whole, and the same bytes for every change that imports do not
execute: so Pants finds the check's outcome where it keeps that of any process, here or in a remote cache.
"""

from __future__ import annotations

import marshal
import os
import shutil
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence

from .. import contract, outputs
from ..analysis import compiled, reduction
from ..bundle import archive
from ..outputs import App


def sources(roots: Sequence[str]) -> dict[str, str]:
    """Every file below ``roots``: destination -> path. Earlier roots win."""
    found: dict[str, str] = {}
    for root in roots:
        for directory, names, files in os.walk(root, followlinks=True):
            names[:] = sorted(name for name in names if name != "__pycache__")
            for file in sorted(files):
                path = os.path.join(directory, file)
                if os.path.exists(path):  # a link may lead nowhere
                    found.setdefault(os.path.relpath(path, root).replace(os.sep, "/"), path)
    return found


def reduced(
    paths: Iterable[tuple[str, str]], executed: Collection[str]
) -> Iterator[tuple[str, str]]:
    """(destination, reduced text) of each Python source of (destination, path) that can be parsed.

    :param executed: functions that keep their bodies, besides those that imports are expected to call.
    """
    parsed = []
    for dest, path in paths:
        if dest.endswith(".py"):
            with open(path, "rb") as file:
                text = file.read()
            try:
                parsed.append(reduction.parse(dest, text))
            except (SyntaxError, ValueError, RecursionError):
                continue
    kept = set(executed) | reduction.expected(parsed)
    for item in parsed:
        yield item.path, reduction.reduce(item, kept)


def allows(app: App, installs_hook: bool) -> bool:
    """Whether there is a view: not where first-party code is also in files, or an import hook loads its sources."""
    return (
        not installs_hook
        and not any(dest.endswith((".py", ".pyc")) for dest in app.files)
        and all(module.pyz or module.kind not in archive.PYZ_KINDS for module in app.modules)
    )


def write(
    app_path: str, roots: Sequence[str], optimize: int, output: str, executed: Collection[str] = ()
) -> None:
    """Write VIEW_APP/ and VIEW_SOURCES/ below ``output``.

    :param app_path: output directory of ``app``; its APP_FILES are linked.
    :param executed: functions that keep their bodies besides the expected ones.
    """
    app = outputs.read_app(app_path)
    files = sources(roots)
    texts = dict(reduced(sorted(files.items()), executed))
    place = os.path.join(output, contract.VIEW_SOURCES)
    for dest, path in files.items():
        target = _make(place, dest)
        if dest in texts:
            with open(target, "w", encoding="utf-8", newline="\n") as out:
                out.write(texts[dest])
        else:
            shutil.copyfile(path, target)
    place = os.path.join(output, contract.VIEW_APP)
    os.makedirs(place, exist_ok=True)
    with (
        open(os.path.join(app_path, contract.APP_MODULES), "rb") as file,
        open(os.path.join(place, contract.APP_MODULES), "wb") as blob,
    ):
        original = file.read()
        for module in app.modules:
            data = original[module.offset : module.offset + module.length]
            if data and module.dest in texts:
                name = compiled.code_filename(module.dest)
                code = compiled.compile_reproducibly(texts[module.dest], name, optimize)
                data = zlib.compress(marshal.dumps(code), compiled.PYZ_LEVEL)
            module.offset, module.length = blob.tell(), len(data)
            blob.write(data)
        for name, (offset, length) in app.scripts.items():
            data = original[offset : offset + length]
            if name == "entry":  # no check runs it
                data = marshal.dumps(compile("", name, "exec", dont_inherit=True))
            app.scripts[name] = [blob.tell(), len(data)]
            blob.write(data)
    outputs.write(place, contract.APP_SELECTION, app)
    shutil.copyfile(
        os.path.join(app_path, contract.APP_IMPORTS), os.path.join(place, contract.APP_IMPORTS)
    )
    for dest in app.files:
        path = os.path.join(app_path, contract.APP_FILES, *dest.split("/"))
        target = _make(os.path.join(place, contract.APP_FILES), dest)
        try:
            os.link(path, target)
        except OSError:
            shutil.copy(path, target)


def _make(directory: str, dest: str) -> str:
    target = os.path.join(directory, *dest.split("/"))
    os.makedirs(os.path.dirname(target), exist_ok=True)
    return target
