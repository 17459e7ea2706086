from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from release.checks import verify
from release.evidence import Metrics
from release.platforms import PLATFORMS
from release.project import AGENT_RUNNER
from release.reports.notes import release_notes, verify_commands
from release.testing.stand_ins import write_archive

TAG = "agent-runner-v0.1.0"
LINUX = PLATFORMS["linux-arm64"]


def test_the_notes_have_changes_downloads_and_commands(tmp_path: Path) -> None:
    write_archive(tmp_path, AGENT_RUNNER, TAG, LINUX)
    facts = verify.verify(tmp_path, AGENT_RUNNER, TAG, [LINUX]).archives
    metrics = Metrics(archive=facts[0].name, sha256=facts[0].sha256, build_seconds_cold=95.4)
    notes = release_notes(
        AGENT_RUNNER, "owner/name", TAG, "- a change\n", facts, {facts[0].name: metrics}
    )
    assert "## Changes\n\n- a change\n" in notes
    assert f"| linux-arm64 | `agent-runner-{TAG}-linux-arm64.tar.gz` | 0.0 MB" in notes
    assert "| 95 s | – |" in notes
    assert f"https://github.com/owner/name/releases/download/{TAG}/$archive" in notes
    assert f"agent-runner-{TAG}-windows-amd64.zip" in notes


@pytest.mark.skipif(sys.platform != "linux", reason="runs the commands as a Linux user would")
def test_the_shell_commands_work_as_printed(tmp_path: Path) -> None:
    """With curl and gh replaced by programs that only note what they were asked for."""
    write_archive(tmp_path, AGENT_RUNNER, TAG, PLATFORMS["linux-amd64"])
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    for name in ("curl", "gh"):
        (bin_folder / name).write_text(f'#!/bin/sh\necho {name} "$@" >> "$LOG"\n')
        (bin_folder / name).chmod(0o755)
    script = verify_commands(AGENT_RUNNER, "owner/name", TAG).split("```")[1].removeprefix("sh\n")
    script = script.replace(" && ./agent-runner --version", "")
    environment = {"PATH": f"{bin_folder}:/usr/bin:/bin", "LOG": str(tmp_path / "log")}
    done = subprocess.run(
        ["sh", "-e", "-c", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    archive = f"agent-runner-{TAG}-linux-amd64.tar.gz"
    assert f"{archive}: OK" in done.stdout
    assert (tmp_path / "agent-runner").exists()
    curl, gh = (tmp_path / "log").read_text().splitlines()
    url = f"https://github.com/owner/name/releases/download/{TAG}/{archive}"
    assert shlex.split(curl) == ["curl", "-fLO", url, "-fLO", f"{url}.sha256"]
    assert shlex.split(gh) == ["gh", "attestation", "verify", archive, "--repo", "owner/name"]
