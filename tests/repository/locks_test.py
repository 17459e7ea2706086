"""The lockfiles: everything pinned and hashed, no addresses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support import tracked_files

WHEEL = Path("build_rules/pants_pyinstaller/locks")
LOCKS = [path for path in tracked_files.paths() if path.suffix == ".lock"]
REQUIREMENT = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?==[^\s;\\]+( ; [^\\]+)?")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def problems(lock: str) -> list[str]:
    """What is wrong with a lock's text. Each requirement is one logical line with its hashes."""
    found = []
    pinned: set[str] = set()
    for line in re.sub(r" *\\\n *", "\n  ", lock).split("\n"):
        if not line or line.lstrip().startswith("#"):
            continue
        if line.startswith("  "):
            if not HASH.fullmatch(line.strip()):
                found.append(f"not a sha256 hash: {line.strip()}")
        elif not REQUIREMENT.fullmatch(line):
            found.append(f"not pinned as name==version: {line}")
        elif line in pinned:
            found.append(f"twice: {line}")
        else:
            pinned.add(line)
    for block in re.split(r"\n(?=\S)", lock):
        if REQUIREMENT.match(block) and not HASH.search(block):
            found.append(f"without a hash: {block.splitlines()[0]}")
    if "://" in lock:
        found.append("holds a URL")
    return found if pinned else [*found, "pins nothing"]


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.stem)
def test_everything_is_pinned_and_hashed_without_an_address(path: Path) -> None:
    assert problems(tracked_files.text(path) or "") == []


def test_every_lock_has_its_input_and_every_input_its_lock() -> None:
    inputs = {path for path in tracked_files.paths() if path.suffix == ".in"}
    # The benchmark's lock is a copy of another one with a distribution bumped; the wheel's are links.
    made = [path for path in LOCKS if path.name != "bumped.lock" and path.parent != WHEEL]
    assert inputs == {path.with_suffix(".in") for path in made}
    assert len(LOCKS) > 5


@pytest.mark.parametrize("name", ["pyinstaller.lock", "uv.lock"])
def test_the_wheel_of_the_backend_has_the_repository_s_locks(name: str) -> None:
    assert tracked_files.text(WHEEL / name) == tracked_files.text(Path("3rdparty/python") / name)


@pytest.mark.parametrize(
    ("lock", "problem"),
    [
        ("name==1.0\n", "without a hash"),
        ("name>=1.0 \\\n    --hash=sha256:" + "a" * 64 + "\n", "not pinned"),
        ("name==1.0 \\\n    --hash=sha1:" + "a" * 40 + "\n", "not a sha256 hash"),
        ("name @ https://h/x.whl \\\n    --hash=sha256:" + "a" * 64 + "\n", "holds a URL"),
        ("-i https://h/simple\n", "holds a URL"),
        ("", "pins nothing"),
    ],
)
def test_the_rule_sees_what_it_should(lock: str, problem: str) -> None:
    assert [one for one in problems(lock) if problem in one]
