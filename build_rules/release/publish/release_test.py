"""Publishing through the real `gh`, against a stand-in of GitHub on a Unix socket."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from release.errors import ReleaseError
from release.publish.github import GitHub
from release.publish.release import Publication, describe, publish
from release.testing.github_server import Fault, GitHubServer, GitHubState, Hangup, serve_github
from release.versions import parse_tag

COMMIT = "c" * 40
TAG = "agent-runner-v0.1.0"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHubServer]:
    # Not tmp_path: a socket's path must be short.
    with tempfile.TemporaryDirectory() as folder, serve_github(Path(folder)) as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        running.state.tags[TAG] = COMMIT
        yield running


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, ...]:
    archive = tmp_path / f"agent-runner-{TAG}-linux-amd64.tar.gz"
    archive.write_bytes(b"archive" * 1000)
    checksum = tmp_path / f"{archive.name}.sha256"
    checksum.write_text("digest\n")
    return archive, checksum


def _publication(files: tuple[Path, ...], tag: str = TAG) -> Publication:
    version = parse_tag(tag, "agent-runner-v")
    return Publication(f"Agent-Runner {tag}", version, files, "notes", COMMIT)


def _publish(files: tuple[Path, ...], tag: str = TAG) -> list[str]:
    said: list[str] = []
    github = GitHub("owner/name", sleep=lambda seconds: None)
    publish(github, _publication(files, tag), said.append)
    return said


def _is_published(state: GitHubState, files: tuple[Path, ...]) -> bool:
    return (
        not state.only_release()["draft"]
        and state.files() == {file.name: file.read_bytes() for file in files}
        and len(state.only_release()["assets"]) == len(files)
    )


def test_a_release_is_published_when_every_file_is_on_it(
    server: GitHubServer, files: tuple[Path, ...]
) -> None:
    said = _publish(files)
    assert _is_published(server.state, files)
    release = server.state.only_release()
    assert (release["name"], release["body"]) == (f"Agent-Runner {TAG}", "notes")
    assert (release["prerelease"], release["make_latest"]) == (False, "legacy")
    assert said[-1] == "published https://github.com/owner/name/releases/1"

    methods = [method for method, _ in server.state.log]
    assert methods.index("PATCH") == len(methods) - 1
    downloads = [path for method, path in server.state.log if "/releases/assets/" in path]
    assert len(downloads) == 2 * len(files)  # after each upload, and all once more


def test_a_prerelease_is_not_the_latest(server: GitHubServer, files: tuple[Path, ...]) -> None:
    server.state.tags["agent-runner-v0.1.0-test"] = COMMIT
    _publish(files, "agent-runner-v0.1.0-test")
    release = server.state.only_release()
    assert (release["prerelease"], release["make_latest"]) == (True, "false")


def test_a_second_run_changes_nothing(server: GitHubServer, files: tuple[Path, ...]) -> None:
    _publish(files)
    server.state.log.clear()
    assert "published already" in _publish(files)[-1]
    assert {method for method, _ in server.state.log} == {"GET"}


def _hang_up(state: GitHubState) -> int:
    raise Hangup


def _server_error(state: GitHubState) -> int:
    return 502


def _truncate_last(state: GitHubState) -> None:
    asset = state.only_release()["assets"][-1]
    state.contents[asset["id"]] = state.contents[asset["id"]][:-1]
    asset["size"] -= 1


def _leave_starter(state: GitHubState) -> None:
    asset = state.only_release()["assets"][-1]
    asset.update(state="starter", size=0)
    raise Hangup


ASSETS = r"/releases/\d+/assets"
PASSING = {
    "the draft's answer is lost": Fault("POST", r"/releases$", after=_hang_up),
    "an upload's answer is lost": Fault("POST", ASSETS, after=_hang_up),
    "an upload breaks off": Fault("POST", ASSETS, after=_leave_starter),
    "an upload never arrives": Fault("POST", ASSETS, before=_hang_up),
    "an upload meets a bad gateway": Fault("POST", ASSETS, before=_server_error),
    "a download breaks off": Fault("GET", r"/releases/assets/", before=_server_error),
    "the release cannot be read": Fault("GET", r"/releases/1$", before=_server_error),
    "the publication meets a bad gateway": Fault("PATCH", r"/releases/1$", before=_server_error),
    "the publication's answer is lost": Fault("PATCH", r"/releases/1$", after=_hang_up),
}


@pytest.mark.parametrize("fault", PASSING)
def test_faults_that_pass_are_survived(
    server: GitHubServer, files: tuple[Path, ...], fault: str
) -> None:
    server.state.faults.append(PASSING[fault])
    _publish(files)
    assert server.state.faults == []
    assert _is_published(server.state, files)


@pytest.mark.parametrize("fault", ["POST", "PATCH"])
def test_a_run_that_fails_for_long_leaves_a_draft_that_the_next_completes(
    server: GitHubServer, files: tuple[Path, ...], fault: str
) -> None:
    path = rf"name={files[1].name}$" if fault == "POST" else r"/releases/1$"
    server.state.faults += [Fault(fault, path, before=_server_error) for _ in range(5)]
    with pytest.raises(ReleaseError, match=r"502"):
        _publish(files)
    assert server.state.only_release()["draft"]

    server.state.faults.clear()
    _publish(files)
    assert _is_published(server.state, files)


def test_a_truncated_upload_is_noticed_and_never_published(
    server: GitHubServer, files: tuple[Path, ...]
) -> None:
    server.state.faults.append(Fault("POST", ASSETS, after=_truncate_last))
    with pytest.raises(ReleaseError, match="holds other bytes under these names"):
        _publish(files)
    assert server.state.only_release()["draft"]


def test_a_differing_asset_is_not_overwritten_and_stops_everything(
    server: GitHubServer, files: tuple[Path, ...]
) -> None:
    server.state.tags[TAG] = COMMIT
    server.add_release(TAG, draft=True)
    same_size = b"x" * files[1].stat().st_size
    server.add_asset(files[1].name, same_size)
    with pytest.raises(ReleaseError, match=files[1].name):
        _publish(files)
    assert server.state.files() == {files[1].name: same_size}
    assert server.state.only_release()["draft"]


def test_what_an_earlier_run_uploaded_is_kept_and_its_failures_are_removed(
    server: GitHubServer, files: tuple[Path, ...]
) -> None:
    server.add_release(TAG, draft=True)
    server.add_asset(files[0].name, files[0].read_bytes())
    server.add_asset(files[1].name, b"", whole=False)
    said = _publish(files)
    assert _is_published(server.state, files)
    assert f"uploaded {files[0].name}" not in said
    assert f"removing the remains of a failed upload of {files[1].name}" in said


def test_a_published_release_without_a_file_is_refused(
    server: GitHubServer, files: tuple[Path, ...]
) -> None:
    _publish(files[:1])
    with pytest.raises(ReleaseError, match=f"is published without {files[1].name}"):
        _publish(files)


def test_foreign_assets_are_refused(server: GitHubServer, files: tuple[Path, ...]) -> None:
    server.add_release(TAG, draft=True)
    server.add_asset("sbom.json", b"{}")
    with pytest.raises(ReleaseError, match=r"not part of this release: sbom\.json"):
        _publish(files)
    assert list(server.state.files()) == ["sbom.json"]


def test_two_drafts_are_refused(server: GitHubServer, files: tuple[Path, ...]) -> None:
    server.add_release(TAG, draft=True)
    server.add_release(TAG, draft=True)
    with pytest.raises(ReleaseError, match="several drafts"):
        _publish(files)


def test_other_tags_do_not_matter_and_all_pages_are_read(
    server: GitHubServer, files: tuple[Path, ...]
) -> None:
    server.add_release(TAG, draft=True)
    for number in range(150):
        server.add_release(f"cli-v{number}", draft=False)
    _publish(files)
    (ours,) = [r for r in server.state.releases.values() if r["tag_name"] == TAG]
    assert not ours["draft"]


def test_a_tag_must_be_there_and_stand_for_the_commit_that_was_built(
    server: GitHubServer, files: tuple[Path, ...]
) -> None:
    server.state.tags[TAG] = "d" * 40
    with pytest.raises(ReleaseError, match=f"stands for {'d' * 40}, but the files were built"):
        _publish(files)
    del server.state.tags[TAG]
    with pytest.raises(ReleaseError, match="push it first"):
        _publish(files)
    assert server.state.releases == {}


def test_who_may_not_is_told(
    server: GitHubServer, files: tuple[Path, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GH_TOKEN", "wrong")
    with pytest.raises(ReleaseError, match="401"):
        _publish(files)
    monkeypatch.delenv("GH_TOKEN")
    with pytest.raises(ReleaseError, match="gh auth login"):
        _publish(files)
    without_gh = GitHub("owner/name", gh="no-such-gh")
    with pytest.raises(ReleaseError, match="apt-get install gh"):
        publish(without_gh, _publication(files), print)
    with pytest.raises(ReleaseError, match="OWNER/NAME"):
        GitHub("name")


def test_a_dry_run_names_every_step(files: tuple[Path, ...]) -> None:
    steps = describe(_publication(files), "owner/name")
    assert [step for step in steps if step.startswith("upload")] == [
        f"upload {file.name} ({file.stat().st_size:,} bytes)" for file in files
    ]
    assert steps[-1] == "publish the draft as a release"
