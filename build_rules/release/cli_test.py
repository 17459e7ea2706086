from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from release.cli import app
from release.fixtures import write_archive
from release.platforms import PLATFORMS
from release.project import AGENT_RUNNER

TAG = "agent-runner-v0.1.0"
# A platform that this test never runs on, so that no fixture is started.
PLATFORM = PLATFORMS["windows-amd64"]


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    directory, evidence = tmp_path / "release", tmp_path / "evidence"
    directory.mkdir()
    evidence.mkdir()
    write_archive(directory, AGENT_RUNNER, TAG, PLATFORM, evidence=evidence)
    return directory, evidence


def _run(*arguments: object, code: int = 0) -> tuple[str, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, (result.stdout, result.stderr, result.exception)
    return result.stdout, result.stderr


def test_plan_for_people_programs_and_workflows() -> None:
    assert "built on ubuntu-24.04, started on windows-2025" in _run("plan", "--tag", TAG)[0]
    assert len(json.loads(_run("plan", "--output", "json")[0])["assets"]) == 10
    outputs = dict(
        line.split("=", 1) for line in _run("plan", "--output", "github")[0].splitlines()
    )
    assert outputs["version"] == "dev"
    assert len(json.loads(outputs["matrix"])["include"]) == 5


def test_a_mistake_is_one_line_and_no_traceback() -> None:
    _, errors = _run("plan", "--tag", "v1", code=1)
    assert errors.startswith("error: the tag 'v1' doesn't start with")
    assert len(errors.splitlines()) == 1


def test_verify(files: tuple[Path, Path]) -> None:
    directory, evidence = files
    arguments = ("verify", directory, "--tag", TAG, "--platform", PLATFORM)
    assert "is in order" in _run(*arguments, "--evidence", evidence, "--rebuilds")[0]
    _, errors = _run("verify", directory, "--tag", TAG, code=1)
    assert errors.count("defect: ") == 8
    assert "8 defects in" in errors
    assert "choose from" in _run("verify", directory, "--platform", "vax", code=1)[1]


def test_ledger_dry_run_writes_nothing(files: tuple[Path, Path], tmp_path: Path) -> None:
    directory, evidence = files
    outputs = {name: tmp_path / "docs" / name for name in ("history", "page", "picture")}
    arguments = ["ledger", directory, "--evidence", evidence, "--tag", TAG, "--platform", PLATFORM]
    for option, path in outputs.items():
        arguments += [f"--{option}", path]

    printed, _ = _run(*arguments, "--dry-run")
    assert not (tmp_path / "docs").exists()
    _run(*arguments)
    assert outputs["page"].read_text() == printed.removesuffix("\n")
    assert "![Archive sizes by release](picture)" in printed
    assert len(json.loads(outputs["history"].read_text())["entries"]) == 1


def test_measurements_and_verdicts_reach_their_readers(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    directory, evidence = files
    archive = directory / AGENT_RUNNER.archive(TAG, PLATFORM)
    _run("metrics", archive, "--evidence", evidence, "--cold", "90", "--machine", "m")
    arguments = ("ledger", directory, "--evidence", evidence, "--tag", TAG, "--dry-run")
    assert "90.0 s" in _run(*arguments, "--platform", PLATFORM)[0]

    (tmp_path / "again").mkdir()
    again = write_archive(tmp_path / "again", AGENT_RUNNER, TAG, PLATFORM, content=b"MZ")
    _, errors = _run("rebuild", archive, again, "--evidence", evidence, code=1)
    assert "is not reproducible" in errors
    demanded = ("verify", directory, "--tag", TAG, "--platform", PLATFORM, "--rebuilds")
    assert "is not reproducible" in _run(*demanded, "--evidence", evidence, code=1)[1]
    assert "is no name of an archive" in _run("metrics", "x", "--evidence", "y", code=1)[1]


def test_notes_of_a_release_with_defects_are_refused(files: tuple[Path, Path]) -> None:
    directory, _ = files
    arguments = ("notes", directory, "--tag", TAG, "--repository", "owner/name")
    assert "has 8 defects" in _run(*arguments, code=1)[1]


def test_notes_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("release.verify.host_platform_name", lambda: "none")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    for platform in AGENT_RUNNER.platforms:
        write_archive(tmp_path, AGENT_RUNNER, TAG, platform)
    repository = tmp_path.with_name("repository")
    repository.mkdir()
    for command in (
        "init",
        "-c user.name=A -c user.email=a@example.org commit --allow-empty -m feat:one",
    ):
        subprocess.run(["git", *command.split()], cwd=repository, check=True, capture_output=True)
    output = repository / "notes.md"
    _run("notes", tmp_path, "--tag", TAG, "--repository", "owner/name", "--checkout", repository,
         "--output", output)  # fmt: skip
    text = output.read_text()
    assert "- One (" in text
    assert text.count(f"| `agent-runner-{TAG}-") == 5
