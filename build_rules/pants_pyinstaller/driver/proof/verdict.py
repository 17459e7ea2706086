"""What a proof found, as errors and notes for a person."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence

from .. import notes
from ..analysis import own_imports, selection
from ..errors import DriverError
from . import compare

_ANOTHER_SYSTEM = re.compile(r"ModuleNotFoundError: No module named '(\w+)'")

_MISTAKES = frozenset(
    [
        "ImportError",
        "ModuleNotFoundError",
        "SyntaxError",
        "IndentationError",
        "TabError",
        "NameError",
        "UnboundLocalError",
        "AttributeError",
        "TypeError",
        "ZeroDivisionError",
        "IndexError",
    ]
)
"""What a module raises that nothing the program does before can help. Others may tell of a setup that is missing when
the module is imported alone (Django's ImproperlyConfigured).
"""


def _is_of_another_system(error: str) -> bool:
    """Whether a module of the standard library is missing that only other systems have (winreg, fcntl …)."""
    match = _ANOTHER_SYSTEM.match(error)
    return match is not None and match[1] in sys.stdlib_module_names


def refuse_broken(
    imports: own_imports.Imports, main: str, alike: Mapping[str, str], allow: Mapping[str, str]
) -> None:
    """Refuse a program whose own code does not import anywhere.

    :param main: the module that runs as ``__main__``.
    :param alike: what fails unfrozen too -> its error.
    :raises DriverError: a first-party module that is reached without a condition and fails, or an import at the top
        of the main module.
    """
    broken: dict[str, list[str]] = {}
    for item in imports.of.get(main, ()):
        if item.certain:
            for name in (item.base, *(f"{item.base}.{text}" for text in item.attributes)):
                if name in alike and name not in allow and name not in imports.own:
                    broken.setdefault(alike[name], []).append(imports.place(main, name))
    for name in sorted(imports.needed & set(imports.own)):
        if (
            name in alike
            and name not in allow
            and not _is_of_another_system(alike[name])
            and (name in imports.certain or alike[name].partition(":")[0] in _MISTAKES)
        ):
            broken.setdefault(alike[name], []).append(f"{imports.own[name].dest} ({name})")
    if broken:
        lines = [
            f"  {places[0]}: {error}"
            + (f"\n    so do {', '.join(places[1:])}" if places[1:] else "")
            for error, places in broken.items()
        ]
        raise DriverError(
            "the program's own code does not import, unfrozen either:\n"
            + "\n".join(lines)
            + "\nMend it, or guard the import by try/except ImportError if the program can do without; "
            "proof_allow = {module: reason} accepts it."
        )


def failing(
    alike: Mapping[str, str],
    imports: own_imports.Imports,
    allow: Mapping[str, str],
) -> list[dict[str, str]]:
    """Notes on what fails frozen and unfrozen alike and does not stop the program: each cause once."""
    by_error: dict[str, list[str]] = {}
    for name, error in sorted(alike.items()):
        if name not in allow:
            by_error.setdefault(error, []).append(name)
    found = []
    for error, names in by_error.items():
        users = sorted({user for name in names for user in imports.users(name)})
        text = f"{', '.join(names[:5])} cannot be imported, unfrozen either: {error}"
        if users:
            text += f" (imported by {', '.join(users[:5])})"
        found.append(notes.note("failing-import", text, module=names[0]))
    return found


def lacking(module: str, attribute: str) -> compare.Difference:
    """A module has an attribute unfrozen alone."""
    return compare.Difference(
        module,
        f"has the attribute {attribute!r}",
        f"lacks the attribute {attribute!r}",
        "another module of that name is in the bundle, or it fell back because something was missing",
        f"look for a second distribution that owns {module.partition('.')[0]!r}, "
        "or add what it loads to hidden_imports",
    )


def unhooked(module: str, loader: str, frozen: str | None) -> compare.Difference:
    """An import hook loads a module unfrozen alone."""
    return compare.Difference(
        module,
        f"loaded by {loader}",
        f"loaded by {frozen or 'the ordinary loader'}",
        "an import hook changes the module as it is loaded, and does not find it in the bundle",
        "apply what the hook does in the source itself (a decorator), or accept in proof_allow that it is off",
    )


def refuse(
    differences: Sequence[compare.Difference],
    faults: Iterable[Sequence[str]],
    allow: Mapping[str, str],
    excludes: Sequence[str],
    imports: own_imports.Imports,
) -> None:
    """Fail when anything is left.

    :raises DriverError: with every difference.
    """
    left, out = _by_exclusion(differences, excludes, imports)
    lines = [_excluded(root, modules) for root, modules in out.items()]
    lines += [item.describe() for item in _outermost(left)]
    for fault in faults:
        if fault[0] == "version" and fault[1] not in allow:
            lines.append(
                f"  metadata of {fault[1]}\n    unfrozen: version {fault[2]}\n    frozen:   {fault[3]}\n"
                "    cause:    its dist-info directory is not in the bundle\n"
                "    remedy:   add the distribution to collect"
            )
        elif fault[0] == "resource" and fault[1] not in allow:
            lines.append(
                f"  data file {fault[2]} of package {fault[1]}\n    unfrozen: found\n    frozen:   not found\n"
                "    cause:    the file is not in the bundle\n    remedy:   add its distribution to collect"
            )
    if lines:
        count = "1 difference" if len(lines) == 1 else f"{len(lines)} differences"
        raise DriverError(
            f"the frozen program does not do what the unfrozen one does ({count}):\n"
            + "\n".join(lines)
            + "\nAccept a difference that does not matter in proof_allow = {module: reason}."
        )


def _by_exclusion(
    differences: Sequence[compare.Difference],
    excludes: Sequence[str],
    imports: own_imports.Imports,
) -> tuple[list[compare.Difference], dict[str, list[str]]]:
    """Differences with another cause, and excluded module -> modules that need it."""
    left = []
    out: dict[str, list[str]] = {}
    for item in differences:
        named = compare.missing_module(item.frozen)
        root = next(
            (root for root in excludes if named and selection.is_under(named, (root,))), None
        )
        if root is None:
            left.append(item)
        elif item.module in imports.needed:  # what the program only tries may be left out
            out.setdefault(root, []).append(item.module)
    return left, out


def _excluded(root: str, modules: Sequence[str]) -> str:
    needing = sorted(set(modules) - {root})
    shown = ", ".join(needing[:20]) + (
        f" and {len(needing) - 20} more" if len(needing) > 20 else ""
    )
    needs = "module needs" if len(needing) == 1 else "modules need"
    who = f"; {len(needing)} {needs} it: {shown}" if needing else ""
    return (
        f"  {root}\n    unfrozen: imported\n    frozen:   not in the bundle\n"
        f"    cause:    the target's excludes leave {root} out{who}\n"
        f"    remedy:   take {root!r} out of excludes, or do without the modules that need it"
    )


def _outermost(differences: Sequence[compare.Difference]) -> list[compare.Difference]:
    """One entry for a fault: modules that fail with the exception of another one are named by it alone."""
    seen: set[tuple[str, str]] = set()
    found = []
    for item in differences:
        key = (item.frozen, item.cause)
        if key not in seen:
            seen.add(key)
            found.append(item)
    return found
