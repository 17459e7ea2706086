from __future__ import annotations

import pytest

from release.errors import ReleaseError
from release.plan import make_plan
from release.project import AGENT_RUNNER


def test_a_tag_is_published_under_the_ten_names() -> None:
    plan = make_plan(AGENT_RUNNER, tag="agent-runner-v0.1.0-test")
    assert plan.publish
    assert plan.prerelease
    assert plan.assets == [
        "agent-runner-agent-runner-v0.1.0-test-darwin-arm64.tar.gz",
        "agent-runner-agent-runner-v0.1.0-test-darwin-arm64.tar.gz.sha256",
        "agent-runner-agent-runner-v0.1.0-test-darwin-amd64.tar.gz",
        "agent-runner-agent-runner-v0.1.0-test-darwin-amd64.tar.gz.sha256",
        "agent-runner-agent-runner-v0.1.0-test-linux-amd64.tar.gz",
        "agent-runner-agent-runner-v0.1.0-test-linux-amd64.tar.gz.sha256",
        "agent-runner-agent-runner-v0.1.0-test-linux-arm64.tar.gz",
        "agent-runner-agent-runner-v0.1.0-test-linux-arm64.tar.gz.sha256",
        "agent-runner-agent-runner-v0.1.0-test-windows-amd64.zip",
        "agent-runner-agent-runner-v0.1.0-test-windows-amd64.zip.sha256",
    ]


def test_a_manual_run_publishes_nothing() -> None:
    plan = make_plan(AGENT_RUNNER)
    assert (plan.version, plan.tag, plan.publish) == ("dev", None, False)
    assert (
        make_plan(AGENT_RUNNER, version="dev-20260121")
        .assets[0]
        .startswith("agent-runner-dev-20260121-darwin-arm64")
    )


def test_the_matrix_builds_windows_on_linux_and_starts_it_on_windows() -> None:
    jobs = {job["platform"]: job for job in make_plan(AGENT_RUNNER).matrix()["include"]}
    assert len(jobs) == 5
    assert jobs["windows-amd64"] == {
        "platform": "windows-amd64",
        "build_on": "ubuntu-24.04",
        "smoke_on": "windows-2025",
        "executable": "agent-runner.exe",
        "archive": "agent-runner-dev-windows-amd64.zip",
        "checksum": "agent-runner-dev-windows-amd64.zip.sha256",
        "sbom": "agent-runner-dev-windows-amd64.cdx.json",
        "packages": "gcc-mingw-w64-x86-64 wine wine64",
        "python": "3.13.11",
        "glibc_floor": "",
    }
    assert jobs["linux-arm64"]["glibc_floor"] == "2.35"


def test_signatures_are_planned_for_what_is_published_and_asked_for() -> None:
    tag = "agent-runner-v1.2.3"
    planned = make_plan(AGENT_RUNNER, tag=tag, sign=["windows", "darwin"])
    jobs = {job["platform"]: job for job in planned.signing_matrix()["include"]}
    assert sorted(jobs) == ["darwin-amd64", "darwin-arm64", "windows-amd64"]
    assert jobs["windows-amd64"] == {
        "platform": "windows-amd64",
        "os": "windows",
        "sign_on": "ubuntu-24.04",
        "packages": "osslsigncode",
        "archive": f"agent-runner-{tag}-windows-amd64.zip",
    }
    assert make_plan(AGENT_RUNNER, tag=tag).signing == []
    assert make_plan(AGENT_RUNNER, sign=["windows"]).signing == []
    with pytest.raises(
        ReleaseError, match="for linux cannot be signed: choose from darwin, windows"
    ):
        make_plan(AGENT_RUNNER, tag=tag, sign=["linux"])


@pytest.mark.parametrize(
    ("number", "prerelease"),
    [
        ("1.2.3", False),
        ("1.2.3-rc.1", True),
        ("1.2.3-1", True),
        ("1.2.3rc1", True),
        ("1.2.3.dev4", True),
        ("1.2.3.post1", False),
    ],
)
def test_prereleases(number: str, prerelease: bool) -> None:
    assert make_plan(AGENT_RUNNER, tag=f"agent-runner-v{number}").prerelease is prerelease


@pytest.mark.parametrize(
    ("tag", "version", "message"),
    [
        ("v1.2.3", None, "doesn't start with 'agent-runner-v'"),
        ("agent-runner-v", None, "names no version"),
        ("agent-runner-vnext", None, "names no version"),
        ("agent-runner-v1.0/x", None, "slash"),
        (None, "a b", "white space"),
        ("agent-runner-v1.2.3", "dev", "either a tag"),
    ],
)
def test_what_cannot_be_planned(tag: str | None, version: str | None, message: str) -> None:
    with pytest.raises(ReleaseError, match=message):
        make_plan(AGENT_RUNNER, tag=tag, version=version)
