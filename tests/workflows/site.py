"""What a workflow meets when a test carries it out: a repository, GitHub, a bucket, other machines.

Real: git, `gh`, the S3 server, the release program. Test doubles: GitHub's API (on a Unix socket),
the actions (they do the same work on files), the Python to freeze, and `./pants`: `run
build_rules/release:cli` starts the real program, `package` delivers a stand-in for Linux on x86-64.
What other machines would build is delivered as recorded stand-ins of their artifacts.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from release.pack.archives import file_sha256
from release.plan import asset_names
from release.project import AGENT_RUNNER
from release.publish.bucket import connect
from release.testing.github_server import TOKEN, GitHubServer, serve_github
from release.testing.s3_server import serve_s3
from release.testing.workflow_runner import (
    ActionFailed,
    Event,
    Instance,
    WorkflowRun,
    download_artifact,
    upload_artifact,
)

FOLDER = Path(".github/workflows")
RELEASE, CI, LOCKS = "build-agent-runner-binaries.yml", "ci.yml", "locks.yml"
LOCAL = "linux-amd64"
TAG = "agent-runner-v0.1.0-test"
BUCKET = "downloads"

QUICK = [
    ["lint", "check", "::"],
    ["run", "build_support:audit"],
    ["run", "build_support:lock", "--", "--check"],
    ["test", "::"],
]
"""Commands of `./pants` that have their own tests; here they are only recorded."""

# The stand-in of `./pants` in a checkout. It reads the same arguments and variables as the real
# one.
PANTS = f"""\
#!{sys.executable}
import os, sys
from pathlib import Path
sys.path[:0] = {[os.path.abspath(folder) for folder in sys.path]!r}
arguments = sys.argv[1:]
if arguments[:2] == ["run", "build_rules/release:cli"]:
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)
    os.execv(sys.executable, [sys.executable, "-m", "release.cli", *arguments[3:]])
if arguments in {QUICK!r}:
    sys.exit(print("the stand-in of ./pants was asked for", *arguments))
if arguments == ["run", "build_support:lock", "--", "--upgrade-all"]:
    lock = Path("3rdparty/python/app.lock")
    sys.exit(lock.write_text(lock.read_text().replace("==1.0", os.environ["UPGRADE"])) and 0)
if arguments[0] == "explain-binary":
    if "--document" in arguments:
        made = Path("dist/backend.services.agent-runner/agent-runner.explanation.json")
        made.parent.mkdir(parents=True, exist_ok=True)
        made.write_text("an explanation")
    else:
        (old,) = (a.partition("=")[2] for a in arguments if a.startswith("--diff="))
        print("### What changed since", Path(old).read_text())
    sys.exit(0)
if arguments[-2:] != ["package", "::"]:
    sys.exit(f"the stand-in of ./pants doesn't know {{arguments}}")
from release.testing.stand_ins import write_archive
from release.platforms import PLATFORMS
from release.project import AGENT_RUNNER
options = dict(a.removeprefix("--").partition("=")[::2] for a in arguments[:-2])
dist = Path(options.get("pants-distdir", "dist"))
(name,) = eval(os.environ.get("PANTS_PYINSTALLER_PLATFORMS", "['{LOCAL}']"))
version = os.environ.get("PANTS_RELEASE_VERSION", "dev")
if version != "dev":
    assert os.environ["PANTS_PYTHONS"] == {os.path.dirname(sys.executable)!r}
    assert int(os.environ["PANTS_RELEASE_SOURCE_DATE_EPOCH"]) > 315532800
    assert len(os.environ["PANTS_RELEASE_COMMIT"]) == 40
content = None
if os.environ.get("DIFFERS") == ("cold" if "pants-distdir" in options else "always"):
    from release.testing.stand_ins import COMPLAINT, linux_amd64
    content = linux_amd64("agent-runner dev, another build", COMPLAINT)
for folder in ("release", "evidence"):
    (dist / folder).mkdir(parents=True, exist_ok=True)
write_archive(dist / "release", AGENT_RUNNER, version, PLATFORMS[name],
              evidence=dist / "evidence", content=content, rebuilt=False)
"""


STANDALONE_PYTHON = f"""\
import sys
assert sys.argv[1:] == ["3.13"], sys.argv
print("PANTS_PYTHONS={os.path.dirname(sys.executable)}")
"""


def _package_manager(folder: Path, path: str) -> str:
    """The PATH with a fake package manager, which records its arguments in `folder/asked`."""
    folder.mkdir()
    (folder / "apt-get").write_text(f'#!/bin/sh\necho "$*" >> "{folder}/asked"\n')
    (folder / "sudo").write_text('#!/bin/sh\nexec "$@"\n')
    for program in ("apt-get", "sudo"):
        (folder / program).chmod(0o755)
    return f"{folder}{os.pathsep}{path}"


def git(folder: Path, *arguments: str) -> str:
    environment = {
        **os.environ,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "A",
        "GIT_AUTHOR_EMAIL": "a@example.org",
        "GIT_COMMITTER_NAME": "A",
        "GIT_COMMITTER_EMAIL": "a@example.org",
    }
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@dataclass
class Site:
    """Everything that a run meets: the repository, GitHub, the bucket, and other machines'
    builds."""

    folder: Path
    repository: Path
    github: GitHubServer
    s3: str
    sha: str
    recorded: Path
    environment: dict[str, str]
    attested: list[tuple[str, str]]
    variables: dict[str, str]
    secrets: dict[str, str]

    def objects(self) -> list[str]:
        client = connect(self.s3, "us-east-1")
        listed = client.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return sorted(item["Key"] for item in listed)

    def is_released(self) -> bool:
        release = self.github.state.only_release()
        files = sorted(self.github.state.files())
        return not release["draft"] and files == sorted(asset_names(AGENT_RUNNER, TAG))

    def nothing_is_public(self) -> bool:
        drafts = [release["draft"] for release in self.github.state.releases.values()]
        return all(drafts) and self.objects() == []

    def prepare(
        self, event: Event | None = None, workflow: str = RELEASE, **environment: str
    ) -> WorkflowRun:
        return WorkflowRun(
            FOLDER / workflow,
            event or Event("push", f"refs/tags/{TAG}", self.sha),
            Path(tempfile.mkdtemp(dir=self.folder)),
            actions={
                "actions/attest": self._attest,
                "actions/cache/restore": self._restore,
                "actions/cache/save": self._save,
                "actions/checkout": self._checkout,
                "actions/download-artifact": download_artifact,
                "actions/setup-python": self._setup_python,
                "actions/upload-artifact": upload_artifact,
            },
            environment={**self.environment, **environment},
            token=TOKEN,
            elsewhere=self._elsewhere,
            variables=self.variables,
            secrets=self.secrets,
        )

    def run(
        self, event: Event | None = None, workflow: str = RELEASE, **environment: str
    ) -> WorkflowRun:
        run = self.prepare(event, workflow, **environment)
        run.run()
        return run

    def go_on(self, finished: WorkflowRun, after: str) -> WorkflowRun:
        """A run that continues from a finished one after its job `after`."""
        run = self.prepare()
        run.adopt(finished, EVERYTHING[: EVERYTHING.index(after) + 1])
        return run

    def _elsewhere(self, run: WorkflowRun, instance: Instance) -> bool:
        """Play the other platforms' machines: their builds are recorded, their smoke tests
        succeed."""
        platform = instance.matrix.get("platform", LOCAL)
        if instance.name not in ("build", "smoke", "sign") or platform == LOCAL:
            return False
        if instance.name == "sign" and instance.matrix["sign_on"].startswith("ubuntu"):
            return False  # this machine signs for Windows
        name = f"agent-runner-{platform}"
        if instance.name == "build" and (self.recorded / name).is_dir():
            shutil.copytree(self.recorded / name, run.artifacts / name)
            run.produced.setdefault("build", []).append(name)
        return True

    def _checkout(self, run: WorkflowRun, instance: Instance, given: Mapping[str, str]) -> None:
        assert given["persist-credentials"] == "false"
        depth = int(given.get("fetch-depth", "1"))
        shallow = [f"--depth={depth}"] if depth else []
        url = f"file://{self.repository}"
        ref = run.event.ref.rpartition("/")[2]
        git(instance.workspace, "clone", "--quiet", *shallow, "--branch", ref, url, ".")
        pants = instance.workspace / "pants"
        pants.write_text(PANTS)
        pants.chmod(0o755)
        (instance.workspace / ".git/info/exclude").write_text("/pants\n")

    def _restore(
        self, run: WorkflowRun, instance: Instance, given: Mapping[str, str]
    ) -> dict[str, str]:
        """The entry with this key, or else the newest whose key has one of the prefixes."""
        entries = sorted((self.folder / "caches").glob("*"), key=lambda p: p.stat().st_mtime_ns)
        prefixes = (given["key"], *given.get("restore-keys", "").split())
        for prefix in prefixes:
            for entry in reversed(entries):
                if entry.name.startswith(prefix) and "~" not in given["path"]:
                    shutil.copytree(entry, instance.workspace / given["path"])
                    return {"cache-hit": "true", "cache-primary-key": given["key"]}
        return {"cache-hit": "", "cache-primary-key": given["key"]}

    def _save(self, run: WorkflowRun, instance: Instance, given: Mapping[str, str]) -> None:
        if "~" not in given["path"]:  # Pants' own caches, which its stand-in lacks
            shutil.copytree(
                instance.workspace / given["path"], self.folder / "caches" / given["key"]
            )

    def _setup_python(self, run: WorkflowRun, instance: Instance, given: Mapping[str, str]) -> None:
        assert given["python-version"] == "3.13"
        folder = instance.workspace.parent / "python/bin"
        folder.mkdir(parents=True, exist_ok=True)
        python = folder / "python"
        python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        python.chmod(0o755)
        instance.environment["PATH"] = f"{folder}{os.pathsep}{instance.environment['PATH']}"

    def _attest(self, run: WorkflowRun, instance: Instance, given: Mapping[str, str]) -> None:
        permissions = instance.job["permissions"]
        assert (permissions["id-token"], permissions["attestations"]) == ("write", "write")
        subject = instance.workspace / given["subject-path"]
        if not subject.is_file():
            raise ActionFailed(f"Could not find subject at path {given['subject-path']}")
        kind = "provenance"
        if "sbom-path" in given:
            sbom = json.loads((instance.workspace / given["sbom-path"]).read_text())
            assert sbom["bomFormat"] == "CycloneDX"
            assert sbom["metadata"]["component"]["hashes"][0]["content"] == file_sha256(subject)
            kind = "sbom"
        self.attested.append((subject.name, kind))


EVERYTHING = ("plan", "build", "sign", "smoke", "verify", "attest", "publish", "upload")


@dataclass(frozen=True)
class History:
    """A repository with a release and a tag for the next, and other machines' builds of that."""

    repository: Path
    sha: str
    recorded: Path


@dataclass(frozen=True)
class Finished:
    """A run from the tag to the end, and its results; `objects` are the bucket's."""

    site: Site
    run: WorkflowRun
    objects: list[str]


@contextmanager
def open_site(folder: Path, history: History) -> Iterator[Site]:
    # A socket's path must be short.
    with (
        tempfile.TemporaryDirectory() as short,
        serve_github(Path(short)) as github,
        serve_s3() as s3,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "test")
        connect(s3, "us-east-1").create_bucket(Bucket=BUCKET)
        github.state.tags[TAG] = history.sha
        environment = {
            **github.environment,
            "HOME": str(folder),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "PATH": _package_manager(folder / "apt", github.environment["PATH"]),
        }
        del environment["GH_TOKEN"]  # only the step that publishes gets it
        yield Site(
            folder,
            history.repository,
            github,
            s3,
            history.sha,
            history.recorded,
            environment,
            [],
            {
                "RELEASE_BUCKET": BUCKET,
                "RELEASE_S3_ENDPOINT": s3,
                "RELEASE_S3_REGION": "us-east-1",
            },
            {"RELEASE_ACCESS_KEY_ID": "test", "RELEASE_SECRET_ACCESS_KEY": "test"},
        )
