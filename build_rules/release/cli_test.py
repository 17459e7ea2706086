from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from release.cli import app
from release.platforms import PLATFORMS
from release.project import AGENT_RUNNER
from release.testing.stand_ins import write_archive

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


def test_verify(files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    directory, evidence = files
    arguments = ("verify", directory, "--tag", TAG, "--platform", PLATFORM)
    assert "is in order" in _run(*arguments, "--evidence", evidence, "--rebuilds")[0]
    _, errors = _run("verify", directory, "--tag", TAG, code=1)
    assert errors.count("defect: ") == 8
    assert "8 defects in" in errors
    assert "choose from" in _run("verify", directory, "--platform", "vax", code=1)[1]
    monkeypatch.setattr("release.plan.host_platform_name", lambda: PLATFORM.name)
    assert "1 archives" in _run("verify", directory, "--tag", TAG, "--platform", "local")[0]


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
    assert "is not an archive's name" in _run("metrics", "x", "--evidence", "y", code=1)[1]


def _contents(*folders: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for folder in folders for path in folder.iterdir()}


def test_without_settings_nothing_is_signed(
    whole_release: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("RELEASE_")]:
        monkeypatch.delenv(name)
    before = _contents(*whole_release)
    directory, evidence = whole_release
    windows = directory / AGENT_RUNNER.archive(TAG, PLATFORM)
    macos = directory / AGENT_RUNNER.archive(TAG, PLATFORMS["darwin-arm64"])
    for command, archive in (("sign", windows), ("sign", macos), ("notarise", macos)):
        arguments = (command, archive, "--evidence", evidence)
        assert "is not set (docs/releasing.md)" in _run(*arguments)[0]
        assert f"{archive.name} is not " in _run(*arguments, "--required", code=1)[1]
    linux = directory / AGENT_RUNNER.archive(TAG, PLATFORMS["linux-amd64"])
    assert "have no signature" in _run("sign", linux, "--evidence", evidence, code=1)[1]
    _, errors = _run("notarise", windows, "--evidence", evidence, code=1)
    assert "Apple notarises for macOS only" in errors
    assert _contents(*whole_release) == before


def test_dry_runs_of_signatures_print_the_calls_without_secrets(
    whole_release: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _contents(*whole_release)
    key = "-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----"
    settings = {
        "RELEASE_WINDOWS_PFX": "c2VjcmV0",
        "RELEASE_WINDOWS_PASSWORD": "secret",
        "RELEASE_WINDOWS_TIMESTAMP_URL": "http://timestamp.example.org",
        "RELEASE_MACOS_IDENTITY": "Developer ID Application: Name (TEAM)",
        "RELEASE_MACOS_P12": "c2VjcmV0",
        "RELEASE_MACOS_P12_PASSWORD": "secret",
        "RELEASE_NOTARY_KEY": key,
        "RELEASE_NOTARY_KEY_ID": "K",
        "PATH": "/nowhere",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    directory, evidence = whole_release
    windows = directory / AGENT_RUNNER.archive(TAG, PLATFORM)
    macos = directory / AGENT_RUNNER.archive(TAG, PLATFORMS["darwin-arm64"])
    options = ("--evidence", evidence, "--dry-run")
    printed = _run("sign", windows, *options)[0]
    assert "would run osslsigncode sign -pkcs12 TEMPORARY/certificate.pfx -readpass " in printed
    printed += _run("sign", macos, *options)[0]
    assert "would run codesign --force --sign 'Developer ID Application: Name (TEAM)' " in printed
    assert "would run security -i < (secret)" in printed
    printed += _run("notarise", macos, *options)[0]
    assert "would run xcrun notarytool submit TEMPORARY/agent-runner.zip --key " in printed
    assert "c2VjcmV0" not in printed
    assert "secret" not in printed.replace("(secret)", "")
    assert _contents(*whole_release) == before


def test_notes_of_a_release_with_defects_are_refused(files: tuple[Path, Path]) -> None:
    directory, _ = files
    arguments = ("notes", directory, "--tag", TAG, "--repository", "owner/name")
    assert "has 8 defects" in _run(*arguments, code=1)[1]


@pytest.fixture
def whole_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """All five platforms, none of which is started."""
    monkeypatch.setattr("release.checks.verify.host_platform_name", lambda: "none")
    directory, evidence = tmp_path / "whole", tmp_path / "about"
    directory.mkdir()
    evidence.mkdir()
    for platform in AGENT_RUNNER.platforms:
        write_archive(directory, AGENT_RUNNER, TAG, platform, evidence=evidence)
    return directory, evidence


def _commit(repository: Path, subject: str) -> None:
    """A new repository with one commit, of a known time."""
    repository.mkdir()
    person = {"NAME": "A", "EMAIL": "a@example.org", "DATE": "1700000000 +0000"}
    environment = {
        "PATH": os.environ["PATH"],
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        **{f"GIT_{who}_{k}": v for who in ("AUTHOR", "COMMITTER") for k, v in person.items()},
    }
    for command in (["init"], ["commit", "--allow-empty", "-m", subject]):
        subprocess.run(
            ["git", *command], cwd=repository, env=environment, check=True, capture_output=True
        )


def test_notes_are_written(whole_release: tuple[Path, Path], tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    _commit(repository, "feat: one")
    arguments = ["notes", whole_release[0], "--tag", TAG, "--repository", "owner/name"]
    _run(*arguments, "--checkout", repository, "--output", tmp_path / "notes.md")
    text = (tmp_path / "notes.md").read_text()
    assert "- One (" in text
    assert text.count(f"| `agent-runner-{TAG}-") == 5


def test_a_rehearsal_is_of_the_platforms_that_were_built(
    whole_release: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _commit(tmp_path / "repository", "feat: one")
    dist = tmp_path / "dist"
    arguments = ("rehearse", "--tag", TAG, "--checkout", tmp_path / "repository")
    assert f"has no archive of {TAG}: run `make release-dry-run" in _run(*arguments, code=1)[1]
    built = [PLATFORMS["linux-amd64"], PLATFORMS["windows-amd64"]]
    for folder, source in zip(("release", "evidence"), whole_release, strict=True):
        (dist / folder).mkdir(parents=True)
        for platform in built:
            for path in source.glob(f"*-{platform}.*"):
                shutil.copyfile(path, dist / folder / path.name)
    archives = [dist / "release" / AGENT_RUNNER.archive(TAG, platform) for platform in built]

    printed, _ = _run(*arguments)
    staged = tmp_path / "dist/rehearsal"
    for archive in archives:
        assert (staged / "release" / archive.name).read_bytes() == archive.read_bytes()
    assert len(list((staged / "release").iterdir())) == 4
    missing = "darwin-arm64, darwin-amd64, linux-arm64"
    assert f"> **Rehearsal.** Not built here, and so not part of it: {missing}." in printed
    assert printed.splitlines()[-1].endswith(f"; not built here: {missing}")
    assert "- One (" in printed
    ledger = printed[printed.index("# Build metrics") :]
    assert ledger.count("| not run yet |") == 3
    assert "| linux-amd64 | 0.0 MB |" in ledger
    assert "upload agent-runner-" in printed
    assert {p.name for p in (staged / "installers").iterdir()} == {"install.sh", "install.ps1"}
    archives[0].write_bytes(archives[0].read_bytes()[:-9])
    assert "has 2 defects" in _run(*arguments, code=1)[1]


def test_sizes_are_compared(files: tuple[Path, Path], tmp_path: Path) -> None:
    _, evidence = files
    base = tmp_path / "base"
    assert "| windows-amd64 | not known |" in _run("sizes", evidence, "--base", base)[0]
    shutil.copytree(evidence, base)
    (name,) = (path for path in evidence.iterdir() if path.name.endswith("-amd64.json"))
    about = json.loads(name.read_text())
    about["archive"]["size"] += 1000
    distributions = about["executables"][0]["manifest"]["distributions"]
    distributions[0].update(version="1.1", size=1500)
    del distributions[1]
    distributions.append({"name": "new", "version": "1", "size": 7})
    name.write_text(json.dumps(about))
    printed, _ = _run("sizes", evidence, "--base", base)
    assert "+1,000 bytes (+" in printed
    assert "| dist-2 | 2.0 | – | -2,000 bytes |" in printed
    assert "| dist-1 | 1.0 | 1.1 | +500 bytes |" in printed
    assert "| new | – | 1 | +7 bytes |" in printed
    assert "has no evidence" in _run("sizes", tmp_path / "none", "--base", base, code=1)[1]


def test_a_released_archive_shows_its_commits_time(tmp_path: Path) -> None:
    _commit(tmp_path / "repository", "feat: one")
    arguments = ("plan", "--checkout", tmp_path / "repository", "--output", "github")
    assert "source_date_epoch=315532800" in _run(*arguments)[0]
    assert "source_date_epoch=1700000000" in _run(*arguments, "--tag", TAG)[0]
    assert "has no commit" in _run("plan", "--checkout", tmp_path, code=1)[1]


def test_dry_runs_need_no_account(
    whole_release: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GH_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "PATH"):
        monkeypatch.delenv(name, raising=False)
    directory, evidence = whole_release
    (tmp_path / "notes.md").write_text("notes")
    arguments = [directory, "--tag", TAG, "--evidence", evidence, "--dry-run"]

    printed, _ = _run(
        "publish", *arguments, "--repository", "o/n", "--notes", tmp_path / "notes.md"
    )
    assert printed.count("would upload agent-runner-") == 10
    printed, _ = _run("upload", *arguments, "--bucket", "downloads")
    assert printed.count(f"would store agent-runner/{TAG}/agent-runner-") == 10
    assert "would point agent-runner/latest.json to" in printed

    (directory / "extra").touch()
    _, errors = _run("upload", *arguments, "--bucket", "downloads", code=1)
    assert "extra: is not part of this release" in errors
    (directory / "extra").unlink()
    missing = ("--repository", "o/n", "--notes", tmp_path / "none.md")
    assert "none.md cannot be read" in _run("publish", *arguments, *missing, code=1)[1]
    printed, _ = _run("rollback", TAG, "--bucket", "b", "--dry-run")
    assert f"would point agent-runner/latest.json to {TAG}" in printed
    assert "'v1'" in _run("rollback", "v1", "--bucket", "b", "--region", "auto", code=1)[1]
