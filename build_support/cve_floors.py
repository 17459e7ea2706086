"""Compare what executables bundle of an interpreter with the oldest releases that have no known vulnerability.

The manifests beside executables say what is inside; `cve_floors.toml` says which releases are old. Libraries of a Linux
distribution are not judged: it mends them without a new version.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomllib

TABLE = Path(__file__).with_name("cve_floors.toml")


@dataclass(frozen=True)
class Bundled:
    """A component of an executable, and the release of it."""

    executable: str
    component: str
    version: str

    def __str__(self) -> str:
        return f"{self.executable}: {self.component} {self.version}"


def order(version: str) -> tuple[int, ...]:
    """For comparison: 3.9 comes before 3.13.

    >>> order("3.50.4.0") > order("3.50.2"), order("6.5") < order("6.10")
    (True, True)
    """
    return tuple(int(part) for part in re.findall(r"\d+", version))


def bundled(name: str, manifest: Mapping[str, Any]) -> Iterator[Bundled]:
    """What a manifest says of the interpreter and of the libraries that came with it."""
    interpreter = manifest["interpreter"]
    yield Bundled(name, interpreter["implementation"], interpreter["version"])
    found = {(item["package"], item["version"]) for item in interpreter["libraries"]}
    for component, version in sorted(found):
        yield Bundled(name, component, version)


def stale(table: Mapping[str, Any], today: datetime.date) -> str | None:
    """Why the table says too little, None if it does not."""
    age = (today - table["date"]).days
    if age <= table["days"]:
        return None
    return (
        f"{TABLE.name} is {age} days old, more than {table['days']}: read the advisories of its components again, "
        "raise what has risen, and set its date"
    )


def judge(item: Bundled, table: Mapping[str, Any], today: datetime.date) -> tuple[str, bool] | None:
    """What is wrong with a component, and whether it is accepted; None for nothing."""
    for floor in table["floor"]:
        if floor["component"] != item.component or not item.version.startswith(floor["series"]):
            continue
        if order(item.version) >= order(floor["version"]):
            return None
        text = f"{item} is older than {floor['version']} ({floor['reason']})"
        for accepted in table.get("accepted", ()):
            if (
                accepted["component"] == item.component
                and order(item.version) >= order(accepted["from"])
                and today <= accepted["until"]
            ):
                return f"{text}; accepted until {accepted['until']}: {accepted['reason']}", True
        return text, False
    return None


def audit(paths: list[Path], today: datetime.date, table: Path = TABLE) -> tuple[list[str], bool]:
    """What to print about the manifests at `paths`, and whether all is well."""
    known = tomllib.loads(table.read_text(encoding="utf-8"))
    lines, sound = [], True
    old = stale(known, today)
    if old:
        lines, sound = [old], False
    for path in paths:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        if not manifest.get("interpreter"):
            continue
        for item in bundled(str(path), manifest):
            verdict = judge(item, known, today)
            if verdict:
                lines.append(verdict[0])
                sound = sound and verdict[1]
    return lines, sound
