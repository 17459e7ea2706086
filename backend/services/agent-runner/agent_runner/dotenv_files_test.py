from __future__ import annotations

import sys
from pathlib import Path

import pytest

from agent_runner import dotenv_files


def test_the_environment_wins_then_the_first_file(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("A=1\nB=1\n")
    second.write_text('A=2\nB=2\nC="ü 2"\n# comment\nD=\n', encoding="utf-8")
    environment = {"A": "0", "B": ""}
    assert dotenv_files.load(environment, [first, tmp_path / "absent", second]) == []
    assert environment == {"A": "0", "B": "1", "C": "ü 2", "D": ""}


def test_beside_the_executable_only_when_frozen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert dotenv_files.candidates() == [tmp_path / ".env"]
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "agent-runner"))
    assert dotenv_files.candidates() == [tmp_path / ".env", tmp_path / "bin" / ".env"]
