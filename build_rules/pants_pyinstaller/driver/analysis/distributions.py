"""The distributions of a resolve, read from the dist-info directories of the installed site directory."""

from __future__ import annotations

import configparser
import csv
import importlib.machinery
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

SOURCE_TREE_MARKERS = ("Cargo.toml", "CMakeLists.txt", "meson.build")
"""Files that mark a directory as somebody's source tree: nothing below it is data of the package."""

NO_DATA_SUFFIXES = (
    *(
        ".py",
        ".pyc",
        ".pyo",
        ".pyi",
        ".pyx",
        ".pxd",
        ".pxi",
        ".pyd",
        ".c",
        ".cc",
        ".cpp",
        ".cxx",
        ".h",
        ".hpp",
    ),
    *(
        ".rs",
        ".go",
        ".f",
        ".f90",
        ".s",
        ".a",
        ".lib",
        ".o",
        ".obj",
        ".pdb",
        ".swp",
        ".orig",
        ".rej",
    ),
)
NO_DATA_NAMES = ("py.typed", ".gitignore", ".gitattributes", ".gitkeep", ".DS_Store", ".lock")
EXAMPLE_DIRECTORIES = ("examples", "_examples", "example", "demo", "demos")
TEST_DIRECTORIES = ("tests", "test", "testdata", "__pycache__")

METADATA_FILES = ("METADATA", "entry_points.txt")
"""What is bundled of a dist-info directory: what importlib.metadata reads, and nothing that an installer made up."""

INSTALLERS_FILES = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json")
"""What an installer writes into a dist-info directory: it differs from one machine to the next."""

_LICENCE_FILE = re.compile(
    r"(?i)(^|/)(licen[cs]e|copying|notice|authors|copyright)[^/]*$|/licenses/"
)
_NATIVE_SUFFIXES = tuple(importlib.machinery.EXTENSION_SUFFIXES)


def normalize(name: str) -> str:
    """A distribution's name as the index compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


@dataclass(frozen=True)
class Distribution:
    """One installed distribution.

    :param files: paths in the site directory, ``/`` separated, as its RECORD lists them (existing ones).
    :param requires: ``Requires-Dist`` lines.
    :param entry_points: group -> name -> value.
    """

    name: str
    version: str
    info: str
    files: tuple[str, ...]
    requires: tuple[str, ...] = ()
    entry_points: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    licence: str = ""

    @property
    def key(self) -> str:
        """Normalised name."""
        return normalize(self.name)

    @property
    def metadata_files(self) -> tuple[str, ...]:
        """Its metadata to be bundled."""
        wanted = tuple(f"{self.info}/{name}" for name in METADATA_FILES)
        return tuple(path for path in wanted if path in self.files)

    @property
    def licence_files(self) -> tuple[str, ...]:
        """Licence texts, in its dist-info directory or at the root of its packages."""
        return tuple(
            path
            for path in self.files
            if _LICENCE_FILE.search(path)
            and not path.endswith(".py")
            and (path.startswith(self.info + "/") or path.count("/") <= 1)
        )


def required_key(line: str) -> str:
    """The normalised name in a ``Requires-Dist`` line."""
    match = re.match(r"[\w.-]+", line)
    return normalize(match.group()) if match else ""


def read_distributions(site: str) -> list[Distribution]:
    """All distributions below ``site``, sorted by normalised name."""
    found = []
    for entry in sorted(os.listdir(site)):
        if entry.endswith(".dist-info") and os.path.isfile(os.path.join(site, entry, "METADATA")):
            found.append(_read(site, entry))
    return sorted(found, key=lambda item: item.key)


def _read(site: str, info: str) -> Distribution:
    headers = parse_headers(_text(os.path.join(site, info, "METADATA")))
    files: list[str] = []
    record = os.path.join(site, info, "RECORD")
    if os.path.isfile(record):
        with open(record, encoding="utf-8", newline="") as lines:
            for row in csv.reader(lines):
                if row:
                    path = row[0].replace("\\", "/")
                    if not path.startswith(("../", "/")) and not path.endswith(".pyc"):
                        files.append(path)
    files = [path for path in files if os.path.isfile(os.path.join(site, path))]
    first = {key: values[0] for key, values in headers.items()}
    points = os.path.join(site, info, "entry_points.txt")
    return Distribution(
        name=first.get("name", info.partition("-")[0]),
        version=first.get("version", ""),
        info=info,
        files=tuple(sorted(set(files))),
        requires=tuple(headers.get("requires-dist", ())),
        entry_points=parse_entry_points(_text(points)) if os.path.isfile(points) else {},
        licence=first.get("license-expression")
        or _short(first.get("license", ""))
        or _classifier(headers),
    )


def _short(text: str) -> str:
    return text if len(text) <= 60 and "\n" not in text else ""


def _classifier(headers: Mapping[str, list[str]]) -> str:
    found = [
        line.split("::")[-1].strip()
        for line in headers.get("classifier", [])
        if line.startswith("License")
    ]
    return " AND ".join(found)


def _text(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def parse_headers(text: str) -> dict[str, list[str]]:
    """Headers of a METADATA file: lower-case name -> values, continuation lines joined."""
    headers: dict[str, list[str]] = {}
    current: list[str] | None = None
    for line in text.splitlines():
        if not line.strip():
            break
        if line[0] in " \t" and current is not None:
            current[-1] += "\n" + line.strip()
            continue
        name, colon, value = line.partition(":")
        if colon:
            current = headers.setdefault(name.strip().lower(), [])
            current.append(value.strip())
    return headers


def parse_entry_points(text: str) -> dict[str, dict[str, str]]:
    """Group -> name -> value."""
    parser = configparser.RawConfigParser(delimiters=("=",), strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(text)
    except configparser.Error:
        return {}
    return {group: dict(parser.items(group)) for group in parser.sections()}


# --- Files and what they are ------------------------------------------------------------------------------------------


def module_of(path: str, by_name: bool = False) -> str | None:
    """Dotted name of the module that the file ``path`` of a site directory is, or None.

    :param by_name: whether a last part counts that only ``import_module`` can import (Django's ``0001_initial``).

    >>> module_of("a/b/__init__.py"), module_of("a/c.cpython-313-x86_64-linux-gnu.so"), module_of("a-b/c.py")
    ('a.b', 'a.c', None)
    >>> module_of("a/0001_b.py"), module_of("a/0001_b.py", by_name=True)
    (None, 'a.0001_b')
    """
    stem = None
    if path.endswith(".py"):
        stem = path[:-3]
    else:
        for suffix in _NATIVE_SUFFIXES:
            if path.endswith(suffix):
                stem = path[: -len(suffix)]
                break
    if stem is None:
        return None
    parts = stem.split("/")
    if parts[-1] == "__init__":
        parts.pop()
    named = parts[:-1] if by_name and parts and re.fullmatch(r"\w+", parts[-1]) else parts
    if not parts or not all(part.isidentifier() for part in named):
        return None
    return ".".join(parts)


def absolute(name: str, level: int, package: str) -> str:
    """The module that ``from <level dots>name import …`` means in a module of ``package``; "" above the top package.

    >>> absolute("c", 2, "a.b"), absolute("", 1, "a.b"), absolute("c", 3, "a.b")
    ('a.c', 'a.b', '')
    """
    parts = package.split(".") if package else []
    if level == 0:
        return name
    if level > len(parts):
        return ""
    return ".".join([*parts[: len(parts) - level + 1], *([name] if name else [])])


def is_test_path(path: str) -> bool:
    """Whether a directory of ``path`` holds tests."""
    return any(part in TEST_DIRECTORIES for part in path.split("/")[:-1])


def is_extension(site: str, path: str) -> bool:
    """Whether a native file is an extension module: it has Python's initialisation function for its own name."""
    name = path.rsplit("/", 1)[-1].partition(".")[0]
    if name == "__init__":
        name = path.split("/")[-2]
    with open(os.path.join(site, path), "rb") as file:
        return f"PyInit_{name}".encode() in file.read() or not name.isascii()


def native_files(site: str, distribution: Distribution) -> tuple[str, ...]:
    """Native libraries that their package loads by itself, by their path or from a folder that it puts on ``sys.path``.

    They look like modules by their name but are none, or lie below a package in a folder that is not a package.
    """
    packages = _packages(distribution)
    return tuple(
        path
        for path in distribution.files
        if path.endswith(_NATIVE_SUFFIXES)
        and "/" in path
        and not is_test_path(path)
        and (
            _below_a_package(os.path.dirname(path), packages)
            or not (module_of(path) is not None and is_extension(site, path))
        )
    )


def universe(site: str, distributions: Iterable[Distribution]) -> dict[str, list[tuple[str, int]]]:
    """Every importable module: name -> its candidate files as (path, index of the distribution).

    Several candidates: two distributions own the name (or one ships a module twice, in Python and compiled).
    """
    found: dict[str, list[tuple[str, int]]] = {}
    for index, distribution in enumerate(distributions):
        for path in distribution.files:
            if ".dist-info/" in path or is_test_path(path):
                continue
            name = module_of(path)
            if name is not None and (path.endswith(".py") or is_extension(site, path)):
                found.setdefault(name, []).append((path, index))
    return found


def data_files(distribution: Distribution) -> tuple[str, ...]:
    """Files of the distribution that its modules may read at run time."""
    trees = {
        os.path.dirname(path)
        for path in distribution.files
        if path.rsplit("/", 1)[-1] in SOURCE_TREE_MARKERS
    }
    found = []
    for path in distribution.files:
        directory, _, base = path.rpartition("/")
        if (
            not directory
            or path.startswith("bin/")
            or ".dist-info/" in path
            or ".data/" in path
            or base in NO_DATA_NAMES
            or base.endswith(NO_DATA_SUFFIXES)
            or is_test_path(path)
            or module_of(path) is not None
            or any(directory == tree or directory.startswith(tree + "/") for tree in trees)
        ):
            continue
        found.append(path)
    return tuple(found)


def sources_as_data(distribution: Distribution) -> tuple[str, ...]:
    """Python files below a package in folders that are no packages: templates, scripts for other programs.

    Some can be imported as well, as parts of a namespace; those are modules too, and nothing else if others import
    from their folder.
    """
    packages = _packages(distribution)
    return tuple(
        path
        for path in distribution.files
        if path.endswith(".py")
        and not is_test_path(path)
        and _below_a_package(os.path.dirname(path), packages)
    )


def _packages(distribution: Distribution) -> set[str]:
    return {os.path.dirname(path) for path in distribution.files if path.endswith("/__init__.py")}


def _below_a_package(folder: str, packages: Collection[str]) -> bool:
    """Whether a folder is part of a package without being one; folders of examples are not."""
    return (
        folder not in packages
        and not any(part in EXAMPLE_DIRECTORIES for part in folder.split("/"))
        and any(parent in packages for parent in _parents(folder))
    )


def _parents(folder: str) -> Iterator[str]:
    while folder:
        folder = os.path.dirname(folder)
        yield folder
