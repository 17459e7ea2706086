from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from release.checks import verify
from release.checks.verify import VerifyOptions
from release.errors import ReleaseError
from release.manifest import Floor
from release.plan import asset_names
from release.platforms import PLATFORMS, host_platform_name
from release.project import AGENT_RUNNER, NOTICES_NAME, Budget, Project
from release.testing import stand_ins
from release.testing.stand_ins import pack, write_archive, write_checksum

TAG = "agent-runner-v0.1.0-test"
LINUX = PLATFORMS["linux-amd64"]
LINUX_BASE = f"agent-runner-{TAG}-linux-amd64"
LINUX_ARCHIVE = f"{LINUX_BASE}.tar.gz"
WINDOWS = PLATFORMS["windows-amd64"]
WINDOWS_ARCHIVE = f"agent-runner-{TAG}-windows-amd64.zip"


@dataclass
class Release:
    """The ten files of a release, and what is known about them."""

    directory: Path
    evidence: Path

    def defects(self, project: Project = AGENT_RUNNER) -> list[str]:
        options = VerifyOptions(evidence=self.evidence, rebuilds=True)
        report = verify.verify(self.directory, project, TAG, project.platforms, options)
        return [str(defect) for defect in report.defects]

    def repack(self, name: str, members: dict[str, tuple[int, bytes]]) -> None:
        pack(self.directory / name, members)
        write_checksum(self.directory / name)

    def change(self, file: str, **values: object) -> None:
        path = self.evidence / f"agent-runner-{TAG}-{file}"
        path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Release:
    if not sys.platform.startswith("linux"):
        # The programs that the fixtures hold for other systems are headers and can't be started.
        monkeypatch.setattr(verify, "host_platform_name", lambda: "none")
    made = Release(tmp_path / "release", tmp_path / "evidence")
    made.directory.mkdir()
    made.evidence.mkdir()
    for platform in AGENT_RUNNER.platforms:
        write_archive(made.directory, AGENT_RUNNER, TAG, platform, evidence=made.evidence)
    return made


def test_a_whole_release_has_no_defect(release: Release) -> None:
    assert sorted(p.name for p in release.directory.iterdir()) == sorted(
        asset_names(AGENT_RUNNER, TAG)
    )
    assert release.defects() == []


def test_a_deferred_proof_that_was_delivered_is_no_defect(release: Release) -> None:
    _defer(release, {})
    assert release.defects() == []


def test_a_single_platform_is_checked_alone(release: Release) -> None:
    report = verify.verify(release.directory, AGENT_RUNNER, TAG, [LINUX])
    unexpected = [defect for defect in report.defects if "not part of this release" in str(defect)]
    assert len(unexpected) == len(report.defects) == 8
    assert [facts.name for facts in report.archives] == [LINUX_ARCHIVE]


Fault = Callable[[Release], object]


def _archive(release: Release) -> Path:
    return release.directory / LINUX_ARCHIVE


def _checksum(release: Release) -> Path:
    return release.directory / f"{LINUX_ARCHIVE}.sha256"


def _replace_by_link(release: Release) -> None:
    target = _archive(release).rename(release.evidence / "archive")
    _archive(release).symlink_to(target)


def _defer(release: Release, report: dict[str, object] | None) -> None:
    """Say that the proof was deferred, and deliver it, with these values where it is not sound."""
    path = release.evidence / f"{LINUX_BASE}.json"
    evidence = json.loads(path.read_text())
    evidence["executables"][0]["manifest"]["proof"] = {"state": "deferred", "content": "1" * 64}
    path.write_text(json.dumps(evidence))
    if report is not None:
        sound = {"platform": "linux-amd64", "content": "1" * 64, "passed": True, "machine": "a Mac"}
        beside = release.evidence / f"{LINUX_BASE}.proof.json"
        beside.write_text(json.dumps({**sound, **report}))


PROGRAM = stand_ins.executable(LINUX, "agent-runner", TAG)
NOTICES = (0o644, stand_ins.NOTICES)

FAULTS: dict[str, tuple[Fault, str]] = {
    "no bill of materials": (
        lambda r: (r.evidence / f"{LINUX_BASE}.cdx.json").unlink(),
        f"{LINUX_BASE}.cdx.json cannot be read",
    ),
    "bill of materials that is none": (
        lambda r: r.change("linux-amd64.cdx.json", components=[{"name": "x"}]),
        f"{LINUX_BASE}.cdx.json is not valid CycloneDX",
    ),
    "bill of materials of another archive": (
        lambda r: r.change("linux-amd64.cdx.json", metadata={"component": {"hashes": []}}),
        f"{LINUX_BASE}.cdx.json is about nothing",
    ),
    "provenance of another archive": (
        lambda r: r.change("linux-amd64.intoto.json", subject=[{"digest": {"sha256": "9"}}]),
        f"{LINUX_BASE}.intoto.json is about 9",
    ),
    "provenance that is none": (
        lambda r: (r.evidence / f"{LINUX_BASE}.intoto.json").write_text("[]"),
        f"{LINUX_BASE}.intoto.json is invalid",
    ),
    "missing archive": (lambda r: _archive(r).unlink(), f"{LINUX_ARCHIVE}: is missing"),
    "missing checksum": (lambda r: _checksum(r).unlink(), f"{LINUX_ARCHIVE}.sha256: is missing"),
    "extra file": (
        lambda r: (r.directory / ".DS_Store").touch(),
        ".DS_Store: is not part of this release",
    ),
    "extra folder": (lambda r: (r.directory / "x").mkdir(), "x: is not part of this release"),
    "link": (
        _replace_by_link,
        f"{LINUX_ARCHIVE}: is not a regular file",
    ),
    "truncated archive": (
        lambda r: _archive(r).write_bytes(_archive(r).read_bytes()[:-4]),
        "cannot be read as an archive",
    ),
    "rotten archive": (
        lambda r: _archive(r).write_bytes(gzip.compress(b"rot" * 1000)),
        "cannot be read as an archive",
    ),
    "wrong digest": (
        lambda r: _checksum(r).write_text(f"{'0' * 64}  {LINUX_ARCHIVE}\n"),
        f"{LINUX_ARCHIVE}.sha256: says {'0' * 64}, but",
    ),
    "digest of another file": (
        lambda r: _checksum(r).write_text(f"{'0' * 64}  other.tar.gz\n"),
        f"{LINUX_ARCHIVE}.sha256: is for other.tar.gz",
    ),
    "checksum with a folder": (
        lambda r: _checksum(r).write_text(f"{'0' * 64}  dist/{LINUX_ARCHIVE}\n"),
        f"{LINUX_ARCHIVE}.sha256: is not one line of the form",
    ),
    "checksum in CRLF": (
        lambda r: _checksum(r).write_bytes(_checksum(r).read_bytes().replace(b"\n", b"\r\n")),
        f"{LINUX_ARCHIVE}.sha256: has CRLF line ends",
    ),
    "no notices": (
        lambda r: r.repack(LINUX_ARCHIVE, {"agent-runner": (0o755, PROGRAM)}),
        f"{LINUX_ARCHIVE}: doesn't contain {NOTICES_NAME}",
    ),
    "empty notices": (
        lambda r: r.repack(
            LINUX_ARCHIVE, {"agent-runner": (0o755, PROGRAM), NOTICES_NAME: (0o644, b"")}
        ),
        f"{LINUX_ARCHIVE}: {NOTICES_NAME} is empty",
    ),
    "more inside": (
        lambda r: r.repack(
            LINUX_ARCHIVE,
            {"agent-runner": (0o755, PROGRAM), NOTICES_NAME: NOTICES, "../x": (0o644, b"x")},
        ),
        f"{LINUX_ARCHIVE}: contains ../x, which doesn't belong there",
    ),
    "not executable": (
        lambda r: r.repack(
            LINUX_ARCHIVE, {"agent-runner": (0o644, PROGRAM), NOTICES_NAME: NOTICES}
        ),
        f"{LINUX_ARCHIVE}: agent-runner has the permissions 0644, not 0755",
    ),
    "no program": (
        lambda r: r.repack(
            LINUX_ARCHIVE, {"agent-runner": (0o755, b"#!/bin/sh\n"), NOTICES_NAME: NOTICES}
        ),
        f"{LINUX_ARCHIVE}: agent-runner is not an ELF, Mach-O or PE file",
    ),
    "another platform's program": (
        lambda r: r.repack(
            WINDOWS_ARCHIVE, {"agent-runner.exe": (0o755, PROGRAM), NOTICES_NAME: NOTICES}
        ),
        f"{WINDOWS_ARCHIVE}: its executable is ELF for amd64, not PE for amd64",
    ),
    "no evidence": (
        lambda r: (r.evidence / f"agent-runner-{TAG}-linux-amd64.json").unlink(),
        f"{LINUX_ARCHIVE}: its evidence: agent-runner-{TAG}-linux-amd64.json cannot be read",
    ),
    "another version's evidence": (
        lambda r: r.change("linux-amd64.json", version="dev"),
        f"evidence says version dev, not {TAG}",
    ),
    "malformed evidence": (
        lambda r: r.change("linux-amd64.json", executables=[{}]),
        f"agent-runner-{TAG}-linux-amd64.json is invalid: executables.0.path",
    ),
    "another version inside": (
        lambda r: write_archive(
            r.directory,
            AGENT_RUNNER,
            TAG,
            WINDOWS,
            content=stand_ins.pe(0x8664) + b"x",
        ),
        "SHA-256 of agent-runner.exe",
    ),
    "no second build": (
        lambda r: (r.evidence / f"agent-runner-{TAG}-linux-amd64.rebuild.json").unlink(),
        f"{LINUX_ARCHIVE}: has no verdict of a second build",
    ),
    "not reproducible": (
        lambda r: r.change("linux-amd64.rebuild.json", rebuilt_sha256="1" * 64),
        f"{LINUX_ARCHIVE}: is not reproducible: a second build gave {'1' * 64}",
    ),
    "verdict about another archive": (
        lambda r: r.change("linux-amd64.rebuild.json", sha256="1" * 64),
        f"{'1' * 64}, not about this archive",
    ),
    "deferred proof that nobody delivered": (
        lambda r: _defer(r, None),
        f"{LINUX_ARCHIVE}: its proof is deferred, and {LINUX_BASE}.proof.json is missing: start its",
    ),
    "deferred proof that failed": (
        lambda r: _defer(r, {"passed": False, "failures": {"ssl": "ImportError: no"}}),
        f"{LINUX_ARCHIVE}: its proof failed on a Mac: ssl: ImportError: no",
    ),
    "deferred proof of another executable": (
        lambda r: _defer(r, {"content": "9" * 64}),
        "is about an executable with other contents",
    ),
    "deferred proof of another platform": (
        lambda r: _defer(r, {"platform": "linux-arm64"}),
        f"{LINUX_BASE}.proof.json is about linux-arm64",
    ),
    "proof that is none": (
        lambda r: _defer(r, {"passed": "perhaps"}),
        f"{LINUX_BASE}.proof.json is invalid: passed",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_named(release: Release, fault: str) -> None:
    inject, message = FAULTS[fault]
    inject(release)
    defects = release.defects()
    assert any(message in defect for defect in defects), defects


def test_one_run_names_every_defect(release: Release) -> None:
    _archive(release).unlink()
    (release.directory / "extra").touch()
    _checksum(release).write_bytes(b"")
    release.repack(WINDOWS_ARCHIVE, {"agent-runner.exe": (0o755, PROGRAM)})
    text = "\n".join(release.defects())
    assert f"{LINUX_ARCHIVE}: is missing" in text
    assert "extra: is not part" in text
    assert f"{WINDOWS_ARCHIVE}: doesn't contain {NOTICES_NAME}" in text
    assert f"{WINDOWS_ARCHIVE}: its executable is ELF" in text


def _with_budget(budget: Budget) -> Project:
    budgets = {**AGENT_RUNNER.budgets, "linux-amd64": budget}
    return replace(AGENT_RUNNER, budgets=budgets)


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        (Budget(10), "over its budget of 10"),
        (Budget(10**8, Floor("glibc", "2.17")), "needs glibc 2.36, over its budget of glibc 2.17"),
        (Budget(10**8, Floor("glibc", "2.9")), "needs glibc 2.36, over its budget of glibc 2.9"),
    ],
)
def test_budgets(release: Release, budget: Budget, message: str) -> None:
    (defect,) = release.defects(_with_budget(budget))
    assert message in defect


def test_a_floor_that_only_the_packager_knows_must_be_told(release: Release) -> None:
    path = release.evidence / f"agent-runner-{TAG}-linux-amd64.json"
    evidence = json.loads(path.read_text())
    del evidence["executables"][0]["manifest"]["floor"]
    path.write_text(json.dumps(evidence))
    assert release.defects(_with_budget(Budget(10**8, Floor("glibc", "2.36")))) == [
        f"{LINUX_ARCHIVE}: doesn't state its floor, which must be glibc 2.36 or lower"
    ]


@pytest.mark.skipif(
    host_platform_name() not in ("linux-amd64", "linux-arm64"),
    reason="starts a program for Linux",
)
@pytest.mark.parametrize(
    ("says", "message"),
    [
        ("agent-runner dev\n", "prints the version 'agent-runner dev'"),
        ("", "prints the version ''"),
    ],
)
def test_the_program_itself_is_asked_for_its_version(
    release: Release, says: str, message: str
) -> None:
    platform = PLATFORMS[host_platform_name()]
    write = stand_ins.linux_amd64 if platform.arch == "amd64" else stand_ins.linux_arm64
    write_archive(
        release.directory,
        AGENT_RUNNER,
        TAG,
        platform,
        content=write(says),
        evidence=release.evidence,
    )
    (defect,) = release.defects()
    assert message in defect


def test_folders_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="is not a folder"):
        verify.verify(tmp_path / "x", AGENT_RUNNER, TAG, [LINUX])
    with pytest.raises(ReleaseError, match="folder of the evidence"):
        verify.verify(tmp_path, AGENT_RUNNER, TAG, [LINUX], VerifyOptions(tmp_path / "x"))
