"""Modules that a program imports by names that it holds as text: tables of back ends, prefixes of a family."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

_TEMPLATE = re.compile(r"(?P<prefix>[A-Za-z_]\w*(?:\.\w+)*\.|\.)(?P<stem>\w*)(?P<hole>%s|\{\w*\})?")


def modules_named(
    constants: Iterable[str],
    package: str,
    is_package: bool,
    exists: Callable[[str], bool],
    children: Mapping[str, Sequence[str]],
) -> set[str]:
    """Modules that ``constants`` of a module name, which imports by name.

    - ``a.b``, ``a.b:attribute`` and ``a.b.Class`` name the longest part that is a module; ``.b`` is relative.
    - ``a.b.``, ``a.b.x_``, ``a.b.x_%s`` and ``a.b.{}`` are what a computed name begins with: every module of that form.
    - ``.`` in a package's own module stands for its submodules, and a bare word for a submodule of that name.

    :param package: the package of the module that holds the constants.
    :param exists: whether a dotted name is a module.
    :param children: package -> its direct submodules.
    """
    found: set[str] = set()
    for text in constants:
        if "." not in text and ":" not in text:
            if exists(f"{package}.{text}"):
                found.add(f"{package}.{text}")
            continue
        template = _TEMPLATE.fullmatch(text)
        if template is not None and (template["hole"] or text.endswith((".", "_"))):
            prefix = package if template["prefix"] == "." else template["prefix"][:-1]
            if text == "." and not is_package:
                continue
            start = f"{prefix}.{template['stem']}"
            found.update(name for name in children.get(prefix, ()) if name.startswith(start))
            continue
        name = text.partition(":")[0]
        name = absolute(name, package) if name.startswith(".") else name
        while name and not exists(name):
            name = name.rpartition(".")[0]
        if name:
            found.add(name)
    return {name for name in found if not name.endswith(".__main__")}


def absolute(name: str, package: str) -> str:
    """A relative module name made absolute; empty where it leads above the top package."""
    if not name.startswith("."):
        return name
    level = len(name) - len(name.lstrip("."))
    parts = package.split(".")
    if level - 1 >= len(parts):
        return ""
    base = ".".join(parts[: len(parts) - level + 1])
    return f"{base}.{name.lstrip('.')}" if name.lstrip(".") else base
