"""What the assembled Python holds of other projects; `components.toml` is the list."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import tomllib

from .errors import AssemblyError

LIST = Path(__file__).resolve().parent / "components.toml"
FILE = "libraries.json"
"""Where the freezer looks for it, below the interpreter's prefix."""

_PYTHON = "Python Software Foundation"


@dataclass(frozen=True)
class Component:
    """A project whose code is in files of those names; `version`: None, the files say it themselves.

    Where it is not the same in all releases of Python, it is given for each.
    """

    name: str
    files: tuple[str, ...]
    license: str
    version: str | Mapping[str, str] | None
    text: str

    def stated(self, python: str) -> str | None:
        """The version in that release of Python."""
        return self.version if isinstance(self.version, str | None) else self.version[python]

    def is_in(self, file: str) -> bool:
        return any(fnmatchcase(file.lower(), pattern) for pattern in self.files)


@dataclass(frozen=True)
class Components:
    """`python`: the releases for which the stated versions hold."""

    python: tuple[str, ...]
    known: tuple[Component, ...]


def read(path: Path = LIST) -> Components:
    data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    return Components(
        tuple(data["python"]),
        tuple(
            Component(
                item["name"],
                tuple(item["files"]),
                item["license"],
                item.get("version"),
                item["text"],
            )
            for item in data["component"]
        ),
    )


def describe(
    components: Components, python: str, files: Mapping[str, tuple[str, str]]
) -> dict[str, Any]:
    """What the freezer reads: `libraries`, a component by the path of its file, and `texts`, a licence's by component.

    python: the release that is assembled. files: of each file, by its path in the assembled Python, what its version
    resource says of company and version.

    Raises AssemblyError for another release, and for a file of others that no component names.
    """
    if python not in components.python:
        raise AssemblyError(
            f"{LIST.name} states what Python {', '.join(components.python)} holds of other projects, but "
            f"this is {python}: compare the versions with PCbuild/get_externals.bat of its "
            "sources, and state the new release"
        )
    libraries, texts = {}, {}
    for path, (company, version) in sorted(files.items()):
        name = path.rpartition("/")[2]
        found = next((one for one in components.known if one.is_in(name)), None)
        if found is None and company != _PYTHON:
            raise AssemblyError(
                f"{name} of the wheels is {company or 'nobody'}'s, and {LIST.name} does not name it: "
                "say there which project it comes from, and under which licence"
            )
        if found is not None:
            libraries[path] = {
                "package": found.name,
                "version": found.stated(python) or (version.split() or [""])[0],
                "license": found.license,
            }
            texts[found.name] = found.text
    return {"libraries": libraries, "texts": texts}


def write(description: Mapping[str, Any], folder: Path) -> None:
    text = json.dumps(description, indent=1, sort_keys=True, ensure_ascii=False)
    (folder / FILE).write_text(text + "\n", encoding="utf-8", newline="\n")
