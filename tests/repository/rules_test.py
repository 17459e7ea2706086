"""Rules that hold for every file of the repository."""

from __future__ import annotations

import base64
import configparser
import os
import pwd
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from support import tracked_files

MAX_BYTES = 1024 * 1024

# The package registries' public hosts, encoded so that this file obeys the rule.
PUBLIC_REGISTRIES = [
    base64.b64decode(encoded).decode()
    for encoded in (
        "cHlwaS5vcmc=",
        "cHl0aG9uaG9zdGVkLm9yZw==",
        "cmVnaXN0cnkubnBtanMub3Jn",
        "ZGViLmRlYmlhbi5vcmc=",
        "c2VjdXJpdHkuZGViaWFuLm9yZw==",
    )
]
HOME_OF_A_MACHINE = re.compile("(?<![A-Za-z0-9_.~-])/(ro" + r"ot|home/[a-z]\w*|Users/[a-z]\w*)/")


def configured_registries() -> Iterator[str]:
    """Hosts of the indexes that pip and uv are configured with on this machine."""
    values = [value for name, value in os.environ.items() if re.fullmatch("(PIP|UV)_.*URL", name)]
    home = Path(pwd.getpwuid(os.getuid()).pw_dir)
    for file in (Path("/etc/pip.conf"), home / ".config/pip/pip.conf", home / ".pip/pip.conf"):
        parser = configparser.ConfigParser(interpolation=None)
        parser.read(file)
        values += [value for section in parser.sections() for _, value in parser.items(section)]
    for value in values:
        for word in value.split():
            host = urlsplit(word).hostname
            if host and "." in host:
                yield host


def mentions(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path}:{number}: {line.strip()[:120]}"
        for path in tracked_files.paths()
        for number, line in enumerate((tracked_files.text(path) or "").splitlines(), 1)
        if pattern.search(line)
    ]


def test_the_walk_finds_the_repository() -> None:
    """The other rules would pass for an empty list."""
    found = {str(path) for path in tracked_files.paths()}
    expected = {
        *("pants", "pants.toml", ".gitignore", "3rdparty/python/agent-runner.lock"),
        *("backend/services/agent-runner/README.md", "tests/repository/rules_test.py"),
    }
    assert expected <= found
    assert [path for path in found if path.endswith((".pex", ".pyc"))] == []


def test_no_package_registry_is_named() -> None:
    """Locks and tools take the index from the machine; a host here would override a mirror."""
    hosts = {*PUBLIC_REGISTRIES, *configured_registries()}
    assert mentions(re.compile("|".join(map(re.escape, sorted(hosts))))) == []


def test_no_path_of_one_machine() -> None:
    assert mentions(HOME_OF_A_MACHINE) == []


def test_no_file_is_large() -> None:
    top = tracked_files.root()
    sizes = {str(path): (top / path).stat().st_size for path in tracked_files.paths()}
    assert {path: size for path, size in sizes.items() if size >= MAX_BYTES} == {}


def test_no_windows_line_ends() -> None:
    """Shell scripts and `.sha256` files break on them."""
    top = tracked_files.root()
    texts = [path for path in tracked_files.paths() if tracked_files.text(path) is not None]
    assert [str(path) for path in texts if b"\r\n" in (top / path).read_bytes()] == []
