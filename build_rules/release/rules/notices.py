"""THIRD_PARTY_NOTICES.txt: every component inside, and every text once."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from release.rules.sidecars import Component

_RULE = "=" * 78
_UNDECLARED = "not declared"
_IN_TEXT = "see text"
_UNKNOWN = frozenset({"", "unknown", "none"})


@dataclass(frozen=True)
class _Entry:
    component: Component
    license: str
    texts: tuple[tuple[str, str], ...]
    """(file name, normal form of the text), sorted."""


def _normal_form(text: str) -> str:
    """Make copies of a text equal that differ only in line ends, trailing blanks, surrounding blank
    lines, a byte-order mark or form feeds; words, line breaks and indentation stay."""
    lines = [line.rstrip() for line in re.split(r"\r\n|[\r\n\f]", text.lstrip("\ufeff"))]
    return "\n".join(lines).strip("\n")


def _entry(component: Component) -> _Entry:
    texts = {(text.file, _normal_form(text.text)) for text in component.texts}
    license = component.license or ""
    license_lines = license.strip().splitlines()
    if len(license_lines) > 1:
        # Older distributions put the whole text into the field for the licence's name.
        texts.add(("License", _normal_form(license)))
        declared = _IN_TEXT
    else:
        declared = "".join(license_lines)
    if declared.casefold() in _UNKNOWN:
        declared = _IN_TEXT if texts else _UNDECLARED
    return _Entry(component, declared, tuple(sorted(pair for pair in texts if pair[1])))


def _identity(component: Component) -> tuple[str, str, str]:
    """Sort names as people look for them: by PEP 503's form, then by the exact name."""
    normal = re.sub(r"[-_.]+", "-", component.name).lower()
    return normal, component.version, component.name


def format_notices(program: str, components: Iterable[Component]) -> str:
    """Return the whole file, with LF line ends; it depends only on the set of components.

    A component that appears twice (in two executables, say) is listed once, with the texts of both.
    """
    merged: dict[tuple[str, str, str], Component] = {}
    for component in components:
        key = _identity(component)
        known = merged.get(key)
        if known is not None:
            component = Component(
                known.name,
                known.version,
                min(known.license, component.license, key=lambda text: (not text, text)),
                known.texts + component.texts,
            )
        merged[key] = component
    entries = [_entry(merged[key]) for key in sorted(merged)]

    numbers: dict[str, int] = {}
    files: dict[str, set[str]] = defaultdict(set)
    owners: dict[str, list[str]] = defaultdict(list)
    for entry in entries:
        for file, text in entry.texts:
            numbers.setdefault(text, len(numbers) + 1)
            files[text].add(file)
            title = f"{entry.component.name} {entry.component.version}"
            if title not in owners[text]:
                owners[text].append(title)

    lines = [
        "THIRD-PARTY NOTICES",
        "",
        f"{program} contains the software listed here, each under its own licence. The",
        "numbers in brackets refer to the texts below; a text that several components share",
        "is printed once.",
        "",
        _RULE,
        "CONTENTS",
        _RULE,
        "",
    ]
    width = max((len(f"{e.component.name} {e.component.version}") for e in entries), default=0)
    for entry in entries:
        title = f"{entry.component.name} {entry.component.version}"
        references = sorted({numbers[text] for _, text in entry.texts})
        where = "".join(f"[{number}]" for number in references) or "(its author ships no text)"
        lines.append(f"{title.ljust(width)}  {entry.license}  {where}")
    if not entries:
        lines.append("(nothing)")
    for text, number in numbers.items():
        lines += [
            "",
            _RULE,
            f"[{number}] {', '.join(sorted(files[text]))}",
            *(f"    of {owner}" for owner in owners[text]),
            _RULE,
            "",
            text,
        ]
    return "\n".join(lines) + "\n"
