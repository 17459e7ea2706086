"""The workflows' shell commands, run on this machine: mainly from a tag to a published release.

`workflows.site` says what is real and what a test double stands for.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from release.pack.archives import extract_member
from release.plan import asset_names
from release.platforms import PLATFORMS
from release.project import AGENT_RUNNER
from release.publish.installers import INSTALLER_NAMES
from release.signing.authenticode import read_signature
from release.testing.github_server import Fault, GitHubState, Hangup
from release.testing.signing_authority import PASSWORD, make_identity, required_program
from release.testing.stand_ins import write_checksum
from release.testing.workflow_runner import FAILURE, SKIPPED, SUCCESS, Event
from workflows.site import (
    CI,
    EVERYTHING,
    LOCAL,
    LOCKS,
    QUICK,
    TAG,
    Finished,
    Site,
    git,
)


def test_a_tag_becomes_a_release(finished: Finished) -> None:
    site, run, objects = finished.site, finished.run, finished.objects
    assert run.results == {**dict.fromkeys(EVERYTHING, SUCCESS), "sign": SKIPPED}, run.text
    assert site.is_released()
    release = site.github.state.only_release()
    assert release["prerelease"] is True
    assert "**scope:** Since (" in release["body"]
    assert "Before" not in release["body"]
    assert "sha256sum -c $archive.sha256" in release["body"]
    # This machine's archive went all the way from `./pants package` to the download.
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
    """Windows is really signed, and that is what gets attested and published; macOS is not built
    here."""
    required_program("osslsigncode")
    site.variables |= {"RELEASE_SIGN": "darwin windows", "RELEASE_WINDOWS_TIMESTAMP_URL": "none"}
    site.secrets |= make_identity().variables()
    run = site.prepare()
    run.adopt(finished.run, ["build"])
    run.run()
    assert run.results == dict.fromkeys(EVERYTHING, SUCCESS), run.text
    asked = (site.folder / "apt/asked").read_text()
    assert re.search(r"^install -qq --no-install-recommends .*\bosslsigncode$", asked, re.MULTILINE)
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
    assert site.nothing_is_public()


def test_an_input_is_no_shell(site: Site) -> None:
    """The input of a manual run is a version, never a command."""
    inputs = {"version": '1"; touch "$HOME/owned'}
    run = site.run(Event("workflow_dispatch", "refs/heads/main", site.sha, inputs))
    assert run.results["plan"] == FAILURE
    assert "a file name cannot contain" in run.text
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
        ("darwin-arm64", _truncate, "cannot be read as an archive"),
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
    assert site.nothing_is_public()


def test_a_build_that_differs_without_a_cache_is_no_release(site: Site) -> None:
    run = site.run(DIFFERS="cold")
    assert run.results["build"] == FAILURE
    assert "is not reproducible" in run.text
    assert site.nothing_is_public()


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
    assert site.is_released()


def test_an_upload_that_exists_already_is_compared(site: Site, finished: Finished) -> None:
    """An earlier upload arrived late: GitHub answers 422 already_exists, and the asset is ours."""
    run = site.go_on(finished.run, "attest")
    name = asset_names(AGENT_RUNNER, TAG)[0]
    (file,) = run.artifacts.glob(f"*/release/{name}")

    def arrive_late(state: GitHubState) -> None:
        site.github.add_asset(name, file.read_bytes())

    site.github.state.faults.append(Fault("POST", ASSETS, before=arrive_late))
    assert run.run()["publish"] == SUCCESS, run.text
    assert site.is_released()


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
    assert site.nothing_is_public()
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
    assert site.nothing_is_public()

    before = [entry for entry in site.github.state.log if entry[0] == "POST"]
    assert run.run()["publish"] == SUCCESS, run.text
    assert run.results["upload"] == SUCCESS
    assert site.is_released()
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
    assert "### What changed since an explanation" in request.summary
    assert list((site.folder / "caches").iterdir()) == [saved]
    for arguments in QUICK:
        if "build_support:audit" not in arguments:
            assert f"asked for {' '.join(arguments)}" in request.text
    assert site.github.state.log == []


def test_an_upgrade_of_the_locks_is_proposed_once(site: Site, tmp_path: Path) -> None:
    """`gh` only records its arguments: the API's stand-in has no pull requests."""
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
    changed = git(site.repository, "show", "upgrade-locks:3rdparty/python/app.lock")
    assert changed.startswith("some-dist==1.1 ")

    asked.unlink()
    again = site.run(event, LOCKS, PATH=path, UPGRADE="==1.2", OPEN="1")
    assert again.results["upgrade"] == SUCCESS, again.text
    assert "pr edit upgrade-locks" in asked.read_text()
    git(site.repository, "branch", "-D", "upgrade-locks")
