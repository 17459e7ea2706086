"""Every example is packaged by a stranger's Pants and started."""

from __future__ import annotations

import shutil
import subprocess
import urllib.request
from pathlib import Path

import pytest

from support.clones import REPOSITORY
from support.stranger import Stranger

CLEAN = {"PATH": "/usr/bin:/bin"}


@pytest.fixture
def dist(wheel: Path, stranger: Stranger, tmp_path: Path) -> Path:
    repository = tmp_path / "examples"
    shutil.copytree(REPOSITORY / "examples", repository)
    (repository / "wheels").mkdir()
    shutil.copy(wheel, repository / "wheels")
    stranger.run("pants generate-lockfiles", repository)
    stranger.run("pants package ::", repository)
    return repository / "dist"


def output(*command: object) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        env=CLEAN,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def test_the_examples_do_what_they_say(dist: Path) -> None:
    greet = dist / "cli/greet@mode=one-file"
    assert output(greet, "hello", "World") == "Hello, World!\n"
    directory = dist / "cli/greet@mode=one-dir/greet@mode=one-dir"
    assert output(directory, "version") == "1.2.3\n"
    assert output(dist / "numeric/solve") == "[2, 3]\n"
    assert output(dist / "worker/worker", "one two three") == "one 3\ntwo 3\nthree 5\n"
    with subprocess.Popen(
        [dist / "web/web"], env=CLEAN, stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            address = server.stdout.readline().strip()
            with urllib.request.urlopen(f"{address}/World", timeout=300) as answer:
                assert "<p>Hello, World!</p>" in answer.read().decode()
        finally:
            server.terminate()
