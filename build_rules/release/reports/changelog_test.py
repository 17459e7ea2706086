from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from release.errors import ReleaseError
from release.reports.changelog import changelog

PREFIX = "agent-runner-v"


def _git(repository: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], cwd=repository, check=True, capture_output=True)


def _commit(repository: Path, message: str) -> None:
    _git(repository, "commit", "--allow-empty", "-m", message)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # The caller's own Git configuration must not decide what the tests see.
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    path = tmp_path / "repository"
    path.mkdir()
    _git(path, "init", "-b", "main")
    _commit(path, "feat(agent-runner): first words")
    return path


def test_commits_since_the_last_tag_are_grouped(repository: Path) -> None:
    _git(repository, "tag", "agent-runner-v0.1.0")
    _commit(repository, "fix(release): a digest")
    _commit(repository, "feat: something")
    _git(repository, "tag", "cli-v9.9.9")
    _commit(repository, "feat!: another wire format")
    _commit(repository, "docs: <script> in words")
    _commit(repository, "no convention at all")

    text = changelog(repository, "agent-runner-v0.2.0", PREFIX)
    assert text.startswith("Changes since `agent-runner-v0.1.0`:\n")
    assert "First words" not in text
    features, fixes = text.index("### Features"), text.index("### Fixes")
    documentation, other = text.index("### Documentation"), text.index("### Other")
    assert features < fixes < documentation < other
    assert "- **Breaking:** Another wire format (" in text[features:fixes]
    assert "- **release:** A digest (" in text[fixes:documentation]
    assert "No convention at all" in text[other:]
    assert text.count("### Features") == 1  # another program's tag ends no section
    assert "<!--" not in text


def test_a_tag_that_exists_ends_the_range(repository: Path) -> None:
    _git(repository, "tag", "agent-runner-v0.1.0")
    _commit(repository, "fix: inside")
    _git(repository, "tag", "-a", "agent-runner-v0.2.0", "-m", "x")
    _commit(repository, "fix: later")
    text = changelog(repository, "agent-runner-v0.2.0", PREFIX)
    assert "Inside" in text
    assert "Later" not in text


def test_the_first_release_tells_everything(repository: Path) -> None:
    text = changelog(repository, "agent-runner-v0.1.0", PREFIX)
    assert text.startswith("Changes since the beginning:\n")
    assert "First words" in text


def test_a_release_without_changes(repository: Path) -> None:
    _git(repository, "tag", "agent-runner-v0.1.0")
    _commit(repository, "fix: one")
    _git(repository, "tag", "agent-runner-v0.1.1")
    _git(repository, "tag", "agent-runner-v0.1.2")
    assert "One" in changelog(repository, "agent-runner-v0.1.2", PREFIX)


def test_what_cannot_be_read(repository: Path, tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="not a Git repository"):
        changelog(tmp_path, "agent-runner-v1.0.0", PREFIX)
    _commit(repository, "fix: one")
    _git(tmp_path, "clone", "--depth=1", f"file://{repository}", "shallow")
    with pytest.raises(ReleaseError, match="shallow clone"):
        changelog(tmp_path / "shallow", "agent-runner-v1.0.0", PREFIX)
