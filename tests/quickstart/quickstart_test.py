"""The quickstart's page, done by the letter: its files, its commands, its output, and nothing else of ours.

The wheel of the backend is built by Pants as `make backend-wheel` builds it. Pants is this repository's
own, or the one that the variable QUICKSTART_PANTS names, in which case QUICKSTART_PANTS_VERSION is what
pants.toml gets in place of the page's version (2.18.0a0, for instance); CPython 3.11 with a
shared libpython has to be on PATH or in pyenv.
"""

from __future__ import annotations

import os
import re
import subprocess
import zipfile
from pathlib import Path

from support.clones import REPOSITORY
from support.stranger import Stranger

PAGE = (REPOSITORY / "docs/quickstart.md").read_text("utf-8")
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"`([\w./]+)`:\s*\Z")


def files(page: str) -> dict[str, str]:
    """The fenced blocks that the text before them names: path to content. Pure."""
    found = {}
    for block in FENCE.finditer(page):
        name = NAMED.search(page[: block.start()])
        if name:
            found[name[1]] = block[2]
    return found


def blocks(page: str, language: str) -> list[str]:
    return [block[2] for block in FENCE.finditer(page) if block[1] == language]


def test_the_wheel_holds_what_the_rules_read_and_no_tests(wheel: Path) -> None:
    package = REPOSITORY / "build_rules/pants_pyinstaller"
    expected = {
        f"pants_pyinstaller/{path.relative_to(package).as_posix()}"
        for path in package.rglob("*")
        if path.is_file()
        and path.name not in {"BUILD", "conftest.py"}
        and not path.name.endswith("_test.py")
        and not {"__pycache__", "testing"} & set(path.relative_to(package).parts)
    }
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        metadata = archive.read("pants_pyinstaller-0.1.0.dist-info/METADATA").decode()
    assert names == expected
    assert wheel.name == "pants_pyinstaller-0.1.0-py3-none-any.whl"
    assert "Requires-Python: >=3.9\n" in metadata
    assert "Requires-Dist" not in metadata


def test_the_page_s_files_and_commands_make_its_program(
    wheel: Path, stranger: Stranger, tmp_path: Path
) -> None:
    repository = tmp_path / "repository"
    written = {**files(PAGE), f"wheels/{wheel.name}": wheel.read_bytes()}
    assert {"pants.toml", "hello/main.py", "hello/BUILD"} < written.keys()
    settings = files(PAGE)["pants.toml"]
    assert len([line for line in settings.splitlines() if line.strip()]) <= 8
    version = os.environ.get("QUICKSTART_PANTS_VERSION", "2.17.1")
    written["pants.toml"] = settings.replace('"2.17.1"', f'"{version}"')
    assert f'pants_version = "{version}"\n' in written["pants.toml"]
    for path, content in written.items():
        target = repository / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
    (commands,) = blocks(PAGE, "sh")
    *steps, last = commands.splitlines()
    for step in steps:
        stranger.run(step, repository)
    shown = subprocess.run(
        ["/bin/sh", "-c", last],
        cwd=repository,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    (expected,) = blocks(PAGE, "text")
    assert (shown.returncode, shown.stdout, shown.stderr) == (0, expected, "")
    beside = {path.name for path in (repository / "dist/hello").iterdir()}
    assert beside == {"hello", "hello.manifest.json", "hello.notices.json"}
    stranger.run("pants explain-binary --page hello:hello", repository)
    page = (repository / "dist/hello/hello.explanation.html").read_text("utf-8")
    assert "<title>hello:hello: what is inside</title>" in page
