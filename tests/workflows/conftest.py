from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from release.platforms import PLATFORMS
from release.project import AGENT_RUNNER
from release.testing.stand_ins import write_archive
from workflows.site import LOCAL, STANDALONE_PYTHON, TAG, Finished, History, Site, git, open_site


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    repository = tmp_path_factory.mktemp("repository")
    for folder in (Path("build_support"), Path(".github")):
        shutil.copytree(folder, repository / folder)
    (repository / "build_support/standalone_python.py").write_text(STANDALONE_PYTHON)
    lock = repository / "3rdparty/python/app.lock"
    lock.parent.mkdir(parents=True)
    lock.write_text("some-dist==1.0 \\\n    --hash=sha256:1\nother==2.0\n")
    for script in (repository / "build_support").glob("*.sh"):
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
    git(repository, "init", "--quiet", "--initial-branch=main")
    for number, subject in enumerate(("feat: before", "feat(scope): since", "fix: this")):
        (repository / "number").write_text(str(number))
        git(repository, "add", ".")
        git(repository, "commit", "--quiet", "-m", subject)
        if number == 0:
            git(repository, "tag", "agent-runner-v0.0.9")
    git(repository, "tag", TAG)
    git(repository, "branch", "merge")

    recorded = tmp_path_factory.mktemp("recorded")
    for name in sorted({platform.name for platform in AGENT_RUNNER.platforms} - {LOCAL}):
        release, evidence = (
            recorded / f"agent-runner-{name}" / part for part in ("release", "evidence")
        )
        release.mkdir(parents=True)
        evidence.mkdir()
        write_archive(release, AGENT_RUNNER, TAG, PLATFORMS[name], evidence=evidence)
    return History(repository, git(repository, "rev-parse", "HEAD"), recorded)


@pytest.fixture
def site(tmp_path: Path, history: History) -> Iterator[Site]:
    with open_site(tmp_path, history) as opened:
        yield opened


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, history: History) -> Finished:
    with open_site(tmp_path_factory.mktemp("finished"), history) as opened:
        run = opened.run()
        return Finished(opened, run, opened.objects())
