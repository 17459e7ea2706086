"""The workflows, carried out on this machine; above all from a tag to a published release.

Real: the workflow's YAML and every shell command in it, the release program, `gh`, git, the S3
server, the smoke test. Stand-ins: GitHub's API (on a Unix socket), the actions (they do the same
work on files), the Python to freeze, and `./pants`: `run build_rules/release:cli` starts the real
program, `package` delivers a small program for Linux on amd64 in place of the real one. What other machines would
build and start is delivered as recorded stand-ins of their artifacts.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from release.pack.archives import extract_member, file_sha256
from release.plan import asset_names
from release.platforms import PLATFORMS
from release.project import AGENT_RUNNER
from release.publish.bucket import connect
from release.publish.installers import INSTALLER_NAMES
from release.signing.authenticode import read_signature
from release.testing.github_server import (
    TOKEN,
    Fault,
    GitHubServer,
    GitHubState,
    Hangup,
    serve_github,
)
from release.testing.s3_server import serve_s3
from release.testing.signing_authority import PASSWORD, make_identity, required_program
from release.testing.stand_ins import write_archive, write_checksum
from release.testing.workflow_runner import (
    FAILURE,
    SKIPPED,
    SUCCESS,
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
"""What `./pants` does in its own tests and commands; here it only records the request."""

# `./pants`, in a checkout. Its package is made of the arguments and variables that the real one is.
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
    """The PATH with one more folder, so that installing packages is only noted: in `folder/asked`."""
    folder.mkdir()
    (folder / "apt-get").write_text(f'#!/bin/sh\necho "$*" >> "{folder}/asked"\n')
    (folder / "sudo").write_text('#!/bin/sh\nexec "$@"\n')
    for program in ("apt-get", "sudo"):
        (folder / program).chmod(0o755)
    return f"{folder}{os.pathsep}{path}"


def _git(folder: Path, *arguments: str) -> str:
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
    """All that a run meets: the repository, GitHub, the bucket, and what other machines built."""

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
        """A run that stands where a finished one stood when the job `after` was done."""
        run = self.prepare()
        run.adopt(finished, EVERYTHING[: EVERYTHING.index(after) + 1])
        return run

    def _elsewhere(self, run: WorkflowRun, instance: Instance) -> bool:
        """Other platforms' machines: what they build was recorded, what they start is believed."""
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
        _git(instance.workspace, "clone", "--quiet", *shallow, "--branch", ref, url, ".")
        pants = instance.workspace / "pants"
        pants.write_text(PANTS)
        pants.chmod(0o755)
        (instance.workspace / ".git/info/exclude").write_text("/pants\n")

    def _restore(
        self, run: WorkflowRun, instance: Instance, given: Mapping[str, str]
    ) -> dict[str, str]:
        """The entry of this key, or else the newest whose key starts like one of the others."""
        entries = sorted((self.folder / "caches").glob("*"), key=lambda p: p.stat().st_mtime_ns)
        prefixes = (given["key"], *given.get("restore-keys", "").split())
        for prefix in prefixes:
            for entry in reversed(entries):
                if entry.name.startswith(prefix) and "~" not in given["path"]:
                    shutil.copytree(entry, instance.workspace / given["path"])
                    return {"cache-hit": "true", "cache-primary-key": given["key"]}
        return {"cache-hit": "", "cache-primary-key": given["key"]}

    def _save(self, run: WorkflowRun, instance: Instance, given: Mapping[str, str]) -> None:
        if "~" not in given["path"]:  # Pants' own caches, which its stand-in has not
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
    """A repository with a release, a tag for the next one, and what other machines built of it."""

    repository: Path
    sha: str
    recorded: Path


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
    _git(repository, "init", "--quiet", "--initial-branch=main")
    for number, subject in enumerate(("feat: before", "feat(scope): since", "fix: this")):
        (repository / "number").write_text(str(number))
        _git(repository, "add", ".")
        _git(repository, "commit", "--quiet", "-m", subject)
        if number == 0:
            _git(repository, "tag", "agent-runner-v0.0.9")
    _git(repository, "tag", TAG)
    _git(repository, "branch", "merge")

    recorded = tmp_path_factory.mktemp("recorded")
    for name in sorted({platform.name for platform in AGENT_RUNNER.platforms} - {LOCAL}):
        release, evidence = (
            recorded / f"agent-runner-{name}" / part for part in ("release", "evidence")
        )
        release.mkdir(parents=True)
        evidence.mkdir()
        write_archive(release, AGENT_RUNNER, TAG, PLATFORMS[name], evidence=evidence)
    return History(repository, _git(repository, "rev-parse", "HEAD"), recorded)


@contextmanager
def _open_site(folder: Path, history: History) -> Iterator[Site]:
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
        del environment["GH_TOKEN"]  # the step that publishes gets it, and no other
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


@pytest.fixture
def site(tmp_path: Path, history: History) -> Iterator[Site]:
    with _open_site(tmp_path, history) as opened:
        yield opened


@dataclass(frozen=True)
class Finished:
    """A run from the tag to the end, and what it left; `objects` are the bucket's."""

    site: Site
    run: WorkflowRun
    objects: list[str]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, history: History) -> Finished:
    with _open_site(tmp_path_factory.mktemp("finished"), history) as opened:
        run = opened.run()
        return Finished(opened, run, opened.objects())


def _is_released(site: Site) -> bool:
    release = site.github.state.only_release()
    return not release["draft"] and sorted(site.github.state.files()) == sorted(
        asset_names(AGENT_RUNNER, TAG)
    )


def _nothing_is_public(site: Site) -> bool:
    drafts = [release["draft"] for release in site.github.state.releases.values()]
    return all(drafts) and site.objects() == []


def test_a_tag_becomes_a_release(finished: Finished) -> None:
    site, run, objects = finished.site, finished.run, finished.objects
    assert run.results == {**dict.fromkeys(EVERYTHING, SUCCESS), "sign": SKIPPED}, run.text
    assert _is_released(site)
    release = site.github.state.only_release()
    assert release["prerelease"] is True
    assert "**scope:** Since (" in release["body"]
    assert "Before" not in release["body"]
    assert "sha256sum -c $archive.sha256" in release["body"]
    # This machine's archive went the whole way, from `./pants package` to the download.
    name = AGENT_RUNNER.archive(TAG, PLATFORMS[LOCAL])
    assert f"{name}: it starts, and names what is missing" in run.text
    built = next(run.folder.glob(f"*-build/dist/release/{name}"))
    assert site.github.state.files()[name] == built.read_bytes()
    assert f"{name} is reproducible" in run.text

    names = [AGENT_RUNNER.archive(TAG, platform) for platform in AGENT_RUNNER.platforms]
    assert sorted(site.attested) == sorted(
        (name, kind) for name in names for kind in ("provenance", "sbom")
    )
    root = f"agent-runner/{TAG}"
    assert {f"{root}/{name}" for name in asset_names(AGENT_RUNNER, TAG)} < set(objects)
    assert {f"{root}/{name}" for name in INSTALLER_NAMES} < set(objects)
    assert f"{root}/evidence/{name.removesuffix('.tar.gz')}.cdx.json" in objects
    assert "agent-runner/latest.json" not in objects
    assert "| linux-amd64 |" in run.summary


def test_secrets_reach_the_steps_that_need_them_alone(finished: Finished) -> None:
    run = finished.run
    for job in run.workflow["jobs"].values():
        assert "secrets" not in str(job.get("env", ""))
        for step in job["steps"]:
            has_token = "token" in str(step.get("env", ""))
            assert has_token == ("publish dist/release" in step.get("run", ""))
            signs = "RELEASE_WINDOWS_" in str(step) or "RELEASE_MACOS_" in str(step)
            signs |= "RELEASE_NOTARY_" in str(step)
            assert signs == (" --required" in step.get("run", ""))
            assert not signs or job["environment"] == "release"
    read = {"contents": "read"}
    assert {name: job["permissions"] for name, job in run.workflow["jobs"].items()} == {
        **dict.fromkeys(("plan", "build", "sign", "smoke", "verify", "upload"), read),
        "attest": {"contents": "read", "id-token": "write", "attestations": "write"},
        "publish": {"contents": "write"},
    }
    assert run.workflow["permissions"] == {}


def test_a_manual_run_publishes_nothing(site: Site) -> None:
    run = site.run(Event("workflow_dispatch", "refs/heads/main", site.sha))
    skipped = ("sign", "verify", "attest", "publish", "upload")
    assert run.results == {
        **dict.fromkeys(("plan", "build", "smoke"), SUCCESS),
        **dict.fromkeys(skipped, SKIPPED),
    }, run.text
    assert "agent-runner dev" in run.text
    assert site.github.state.log == []


# ---------------------------------------------------------------------------------------------
# Signatures
# ---------------------------------------------------------------------------------------------


def test_executables_are_signed_where_it_is_asked_for(
    site: Site, finished: Finished, tmp_path: Path
) -> None:
    """For Windows really, and that is what gets attested and published; macOS is not built here."""
    required_program("osslsigncode")
    site.variables |= {"RELEASE_SIGN": "darwin windows", "RELEASE_WINDOWS_TIMESTAMP_URL": "none"}
    site.secrets |= make_identity().variables()
    run = site.prepare()
    run.adopt(finished.run, ["build"])
    run.run()
    assert run.results == dict.fromkeys(EVERYTHING, SUCCESS), run.text
    asked = (site.folder / "apt/asked").read_text()
    assert "install -qq --no-install-recommends osslsigncode\n" in asked
    assert PASSWORD not in run.text
    assert sorted(run.produced["sign"]) == ["agent-runner-windows-amd64"]

    name = AGENT_RUNNER.archive(TAG, PLATFORMS["windows-amd64"])
    assert f"signed {name}: Authenticode, CN=" in run.text
    published, unsigned = site.github.state.files(), finished.site.github.state.files()
    assert {n for n in published if published[n] != unsigned[n]} == {name, f"{name}.sha256"}
    archive = tmp_path / name
    archive.write_bytes(published[name])
    extract_member(archive, "agent-runner.exe", tmp_path / "agent-runner.exe")
    assert read_signature(tmp_path / "agent-runner.exe").kind == "Authenticode"
    assert (name, "sbom") in site.attested


def test_a_release_that_should_be_signed_and_is_not_ends(site: Site, finished: Finished) -> None:
    site.variables |= {"RELEASE_SIGN": "windows", "RELEASE_WINDOWS_TIMESTAMP_URL": "none"}
    run = site.prepare()
    run.adopt(finished.run, ["build"])
    run.run()
    assert run.results == {
        **dict.fromkeys(("plan", "build"), SUCCESS),
        "sign": FAILURE,
        **dict.fromkeys(("smoke", "verify", "attest", "publish", "upload"), SKIPPED),
    }
    assert "is not signed: RELEASE_WINDOWS_PFX" in run.text
    assert _nothing_is_public(site)


def test_an_input_is_no_shell(site: Site) -> None:
    """Whoever may start the workflow by hand writes a version, no commands."""
    inputs = {"version": '1"; touch "$HOME/owned'}
    run = site.run(Event("workflow_dispatch", "refs/heads/main", site.sha, inputs))
    assert run.results["plan"] == FAILURE
    assert "can't be part of a file name" in run.text
    assert not (site.folder / "owned").exists()


# ---------------------------------------------------------------------------------------------
# Faults in what was built: the release ends before anything is public
# ---------------------------------------------------------------------------------------------


def _truncate(archive: Path, checksum: Path) -> None:
    archive.write_bytes(archive.read_bytes()[:-20])
    write_checksum(archive)


def _wrong_checksum(archive: Path, checksum: Path) -> None:
    checksum.write_text(f"{'0' * 64}  {archive.name}\n")


def _remove(archive: Path, checksum: Path) -> None:
    archive.unlink()
    checksum.unlink()


@pytest.mark.parametrize(
    ("platform", "change", "message"),
    [
        ("darwin-arm64", _truncate, "can't be read as an archive"),
        ("linux-arm64", _wrong_checksum, f"sha256: says {'0' * 64}, but"),
        ("windows-amd64", _remove, "windows-amd64.zip: is missing"),
    ],
    ids=["a truncated archive", "a wrong checksum", "a missing platform"],
)
def test_damage_is_found_before_anything_is_public(
    site: Site,
    finished: Finished,
    platform: str,
    change: Callable[[Path, Path], object],
    message: str,
) -> None:
    run = site.go_on(finished.run, "smoke")
    archive = AGENT_RUNNER.archive(TAG, PLATFORMS[platform])
    there = run.artifacts / f"agent-runner-{platform}/release"
    change(there / archive, there / f"{archive}.sha256")
    run.run()
    assert run.results["verify"] == FAILURE, run.text
    assert message in run.text
    assert {run.results[name] for name in ("attest", "publish", "upload")} == {SKIPPED}
    assert (site.attested, site.github.state.log) == ([], [])
    assert _nothing_is_public(site)


def test_a_build_that_differs_without_a_cache_is_no_release(site: Site) -> None:
    run = site.run(DIFFERS="cold")
    assert run.results["build"] == FAILURE
    assert "is not reproducible" in run.text
    assert _nothing_is_public(site)


# ---------------------------------------------------------------------------------------------
# Faults on the way to GitHub: the run goes on, or the next one completes it
# ---------------------------------------------------------------------------------------------


def _hang_up(state: GitHubState) -> int:
    raise Hangup


ASSETS = r"/releases/\d+/assets"


def test_a_lost_upload_is_repeated(site: Site, finished: Finished) -> None:
    site.github.state.faults.append(Fault("POST", ASSETS, before=_hang_up))
    run = site.go_on(finished.run, "attest")
    run.run()
    assert run.results["publish"] == SUCCESS, run.text
    assert _is_released(site)


def test_an_upload_that_exists_already_is_compared(site: Site, finished: Finished) -> None:
    """An earlier upload arrived, late: GitHub says 422 already_exists, and what is there is ours."""
    run = site.go_on(finished.run, "attest")
    name = asset_names(AGENT_RUNNER, TAG)[0]
    (file,) = run.artifacts.glob(f"*/release/{name}")

    def arrive_late(state: GitHubState) -> None:
        site.github.add_asset(name, file.read_bytes())

    site.github.state.faults.append(Fault("POST", ASSETS, before=arrive_late))
    assert run.run()["publish"] == SUCCESS, run.text
    assert _is_released(site)


def test_another_file_of_that_name_is_not_overwritten(site: Site, finished: Finished) -> None:
    name = asset_names(AGENT_RUNNER, TAG)[0]

    def upload_another(state: GitHubState) -> None:
        site.github.add_asset(name, b"somebody else's")

    site.github.state.faults.append(Fault("POST", ASSETS, before=upload_another))
    run = site.go_on(finished.run, "attest")
    run.run()
    assert run.results["publish"] == FAILURE
    assert run.results["upload"] == SKIPPED
    assert "nothing is overwritten" in run.text
    assert _nothing_is_public(site)
    assert site.github.state.files()[name] == b"somebody else's"


def test_a_crash_between_upload_and_publication_is_completed_by_the_next_run(
    site: Site, finished: Finished
) -> None:
    run = site.go_on(finished.run, "attest")

    def crash(state: GitHubState) -> int:
        run.kill_step()
        raise Hangup

    site.github.state.faults.append(Fault("PATCH", r"/releases/\d+$", before=crash))
    assert run.run()["publish"] == FAILURE
    assert len(site.github.state.files()) == 10
    assert _nothing_is_public(site)

    before = [entry for entry in site.github.state.log if entry[0] == "POST"]
    assert run.run()["publish"] == SUCCESS, run.text
    assert run.results["upload"] == SUCCESS
    assert _is_released(site)
    assert [entry for entry in site.github.state.log if entry[0] == "POST"] == before


def test_a_tag_that_moved_is_no_release(site: Site, finished: Finished) -> None:
    site.github.state.tags[TAG] = "e" * 40
    run = site.go_on(finished.run, "attest")
    run.run()
    assert run.results["publish"] == FAILURE
    assert "but the files were built from" in run.text
    assert site.github.state.releases == {}


# ---------------------------------------------------------------------------------------------
# The other workflows
# ---------------------------------------------------------------------------------------------


def test_ci_compares_a_pull_request_with_main(site: Site) -> None:
    main = site.run(Event("push", "refs/heads/main", site.sha), CI)
    assert main.results == {"ci": SUCCESS}, main.text
    assert "| linux-amd64 | not known |" in main.summary
    (saved,) = (site.folder / "caches").iterdir()
    assert saved.name == f"evidence-{site.sha}"

    request = site.run(Event("pull_request", "refs/pull/1/merge", "f" * 40), CI, DIFFERS="always")
    assert request.results == {"ci": SUCCESS}, request.text
    assert " bytes (+" in request.summary
    assert list((site.folder / "caches").iterdir()) == [saved]
    for arguments in QUICK:
        if "build_support:audit" not in arguments:
            assert f"asked for {' '.join(arguments)}" in request.text
    assert site.github.state.log == []


def test_an_upgrade_of_the_locks_is_proposed_once(site: Site, tmp_path: Path) -> None:
    """`gh` only notes what it is asked for: the API's stand-in has no pull requests."""
    folder = tmp_path / "gh"
    folder.mkdir()
    asked = tmp_path / "asked"
    (folder / "gh").write_text(
        f'#!/bin/sh\necho "$*" >> "{asked}"\n[ "$2" != list ] || echo "$OPEN"\n'
    )
    (folder / "gh").chmod(0o755)
    path = f"{folder}{os.pathsep}{site.environment['PATH']}"
    event = Event("schedule", "refs/heads/main", site.sha)

    nothing = site.run(event, LOCKS, PATH=path, UPGRADE="==1.0")
    assert nothing.results == {"audit": SUCCESS, "upgrade": SUCCESS}, nothing.text
    assert "every lock is up to date" in nothing.text
    assert not asked.exists()

    proposed = site.run(event, LOCKS, PATH=path, UPGRADE="==1.1", OPEN="0")
    assert proposed.results["upgrade"] == SUCCESS, proposed.text
    assert "gh pr create" not in proposed.text
    commands = asked.read_text()
    assert "pr create --head upgrade-locks --title build: upgrade" in commands
    assert "-some-dist==1.0\n+some-dist==1.1" in commands
    assert "other==2.0" not in commands
    changed = _git(site.repository, "show", "upgrade-locks:3rdparty/python/app.lock")
    assert changed.startswith("some-dist==1.1 ")

    asked.unlink()
    again = site.run(event, LOCKS, PATH=path, UPGRADE="==1.2", OPEN="1")
    assert again.results["upgrade"] == SUCCESS, again.text
    assert "pr edit upgrade-locks" in asked.read_text()
    _git(site.repository, "branch", "-D", "upgrade-locks")
