from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from release.platforms import (
    PANTS_PLATFORMS,
    PLATFORMS,
    RELEASE_PLATFORMS,
    archive_name,
    checksum_line,
    version_problem,
)


def test_a_release_has_the_five_platforms_with_their_formats() -> None:
    assert [
        archive_name("agent-runner", "agent-runner-v0.1.0-test", p) for p in RELEASE_PLATFORMS
    ] == [
        "agent-runner-agent-runner-v0.1.0-test-darwin-arm64.tar.gz",
        "agent-runner-agent-runner-v0.1.0-test-darwin-amd64.tar.gz",
        "agent-runner-agent-runner-v0.1.0-test-linux-amd64.tar.gz",
        "agent-runner-agent-runner-v0.1.0-test-linux-arm64.tar.gz",
        "agent-runner-agent-runner-v0.1.0-test-windows-amd64.zip",
    ]


def test_only_windows_executables_have_a_suffix() -> None:
    assert PLATFORMS["windows-amd64"].executable_name("agent-runner") == "agent-runner.exe"
    assert PLATFORMS["linux-arm64"].executable_name("agent-runner") == "agent-runner"


def test_every_pants_platform_has_a_release_platform() -> None:
    assert set(PANTS_PLATFORMS.values()) <= set(RELEASE_PLATFORMS)


@pytest.mark.parametrize("version", ["dev", "v1.2.3", "agent-runner-v0.1.0-test", "dev-20260121"])
def test_good_versions(version: str) -> None:
    assert version_problem(version) is None


@pytest.mark.parametrize(
    ("version", "why"),
    [
        ("", "empty"),
        ("feature/x", "slash"),
        ("..\\x", "slash"),
        ("1.0 beta", "white space"),
        ("dev\n", "white space"),
        ("..", "must start with a letter or a digit"),
        ("-rf", "must start with a letter or a digit"),
        ("1" * 101, "at most 100"),
        ("1.0+local", "letters, digits"),
    ],
)
def test_bad_versions_are_explained(version: str, why: str) -> None:
    assert why in (version_problem(version) or "")


def test_sha256sum_accepts_a_checksum_line(tmp_path: Path) -> None:
    (tmp_path / "a.tar.gz").write_bytes(b"content")
    digest = hashlib.sha256(b"content").hexdigest()
    (tmp_path / "a.tar.gz.sha256").write_bytes(checksum_line(digest, "a.tar.gz").encode())

    command = ["sha256sum", "--strict", "-c", "a.tar.gz.sha256"]
    subprocess.run(command, cwd=tmp_path, check=True)
    (tmp_path / "a.tar.gz").write_bytes(b"other content")
    assert subprocess.run(command, cwd=tmp_path, check=False).returncode == 1
