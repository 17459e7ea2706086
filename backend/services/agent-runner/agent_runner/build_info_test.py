from __future__ import annotations

import json
import platform
import sys
from pathlib import Path

import pytest

from agent_runner import build_info


def test_unfrozen_is_dev() -> None:
    info = build_info.load()
    assert (info.version, info.commit) == ("dev", None)
    assert "commit" not in info.lines()


def test_the_bundles_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"version": "1.2.3", "commit": "abc123", "more": "x"}
    (tmp_path / build_info.FILE).write_text(json.dumps(values))
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    shown = build_info.load().lines().splitlines()
    assert shown[0] == "agent-runner 1.2.3"
    assert shown[-1] == "commit: abc123"


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", '{"version": 3, "commit": ""}', '{"version": " "}', "\xff"]
)
def test_a_broken_file_is_a_dev_build(tmp_path: Path, content: str) -> None:
    (tmp_path / build_info.FILE).write_text(content, encoding="latin-1")
    assert build_info.load(tmp_path).version == "dev"
    assert build_info.load(tmp_path).commit is None


@pytest.mark.parametrize(
    ("system", "machine", "name"),
    [
        ("linux", "x86_64", "linux-amd64"),
        ("linux", "aarch64", "linux-arm64"),
        ("darwin", "arm64", "darwin-arm64"),
        ("darwin", "x86_64", "darwin-amd64"),
        ("win32", "AMD64", "windows-amd64"),
    ],
)
def test_platform_names(
    monkeypatch: pytest.MonkeyPatch, system: str, machine: str, name: str
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert build_info.platform_name() == name
