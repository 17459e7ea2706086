"""Uploading by boto3 to a real S3 server on loopback."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from release.errors import ReleaseError
from release.platforms import PLATFORMS
from release.project import AGENT_RUNNER
from release.publish.bucket import Bucket, connect
from release.publish.downloads import Destination, describe, describe_rollback, rollback, upload
from release.publish.installers import INSTALLER_NAMES
from release.testing.s3_server import serve_s3
from release.testing.stand_ins import write_archive
from release.versions import parse_tag

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LINUX = PLATFORMS["linux-amd64"]


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Client]:
    with serve_s3() as endpoint:
        for name, value in {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }.items():
            monkeypatch.setenv(name, value)
        connected = connect(endpoint, "us-east-1")
        connected.create_bucket(Bucket="downloads")
        yield connected


@pytest.fixture
def destination(client: S3Client) -> Destination:
    return Destination(Bucket(client, "downloads"), "agent-runner", "tools/")


class Uploader:
    """Makes the files of a version and uploads them."""

    def __init__(self, destination: Destination, folder: Path) -> None:
        self.destination = destination
        self.folder = folder
        self.said: list[str] = []

    def files(self, number: str) -> tuple[list[Path], list[Path]]:
        tag = f"agent-runner-v{number}"
        directory, evidence = self.folder / number / "release", self.folder / number / "evidence"
        if not directory.exists():
            directory.mkdir(parents=True)
            evidence.mkdir()
            write_archive(directory, AGENT_RUNNER, tag, LINUX, evidence=evidence)
            for name in INSTALLER_NAMES:
                (self.folder / number / name).write_text(f"installs {tag}")
        return sorted(directory.iterdir()), sorted(evidence.iterdir())

    def installers(self, number: str) -> list[Path]:
        return [self.folder / number / name for name in INSTALLER_NAMES]

    def __call__(self, number: str) -> None:
        version = parse_tag(f"agent-runner-v{number}", AGENT_RUNNER.tag_prefix)
        files, evidence = self.files(number)
        self.said.clear()
        upload(
            self.destination,
            AGENT_RUNNER,
            version,
            files,
            evidence,
            "c" * 40,
            self.said.append,
            self.installers(number),
        )


@pytest.fixture
def uploader(destination: Destination, tmp_path: Path) -> Uploader:
    return Uploader(destination, tmp_path)


def _keys(client: S3Client) -> list[str]:
    return [item["Key"] for item in client.list_objects_v2(Bucket="downloads").get("Contents", [])]


def _latest(destination: Destination) -> str | None:
    content = destination.bucket.read(destination.latest_key)
    return None if content is None else str(json.loads(content)["version"])


def test_a_version_lies_under_its_keys_with_its_headers(
    client: S3Client, destination: Destination, uploader: Uploader
) -> None:
    uploader("1.0.0")
    root = "tools/agent-runner/agent-runner-v1.0.0"
    archive = "agent-runner-agent-runner-v1.0.0-linux-amd64"
    assert _keys(client) == sorted(
        [
            f"{root}/{archive}.tar.gz",
            f"{root}/{archive}.tar.gz.sha256",
            f"{root}/evidence/{archive}.cdx.json",
            f"{root}/evidence/{archive}.intoto.json",
            f"{root}/evidence/{archive}.json",
            f"{root}/evidence/{archive}.rebuild.json",
            f"{root}/install.ps1",
            f"{root}/install.sh",
            f"{root}/manifest.json",
            "tools/agent-runner/install.ps1",
            "tools/agent-runner/install.sh",
            "tools/agent-runner/latest.json",
        ]
    )
    stored = client.get_object(Bucket="downloads", Key=f"{root}/{archive}.tar.gz")
    assert stored["ContentType"] == "application/gzip"
    assert stored["CacheControl"] == "public, max-age=31536000, immutable"
    content = stored["Body"].read()
    latest = client.get_object(Bucket="downloads", Key="tools/agent-runner/latest.json")
    assert latest["CacheControl"] == "public, max-age=60"
    manifest = json.loads(latest["Body"].read())
    assert manifest == json.loads(destination.bucket.read(f"{root}/manifest.json") or b"")
    assert (manifest["version"], manifest["commit"]) == ("agent-runner-v1.0.0", "c" * 40)
    assert manifest["files"][0] == {
        "name": f"{archive}.tar.gz",
        "key": f"{root}/{archive}.tar.gz",
        "platform": "linux-amd64",
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content),
    }
    assert uploader.said[-1] == "tools/agent-runner/latest.json names agent-runner-v1.0.0"


def test_a_second_run_stores_nothing(client: S3Client, uploader: Uploader) -> None:
    uploader("1.0.0")
    uploader("1.0.0")
    assert not [line for line in uploader.said if line.startswith("stored")]


def test_the_latest_version_is_final_and_does_not_go_back(
    destination: Destination, uploader: Uploader
) -> None:
    uploader("1.0.0-rc.1")
    assert _latest(destination) is None
    uploader("1.10.0")
    uploader("1.9.1")
    assert "which is newer" in uploader.said[-1]
    uploader("2.0.0rc1")
    assert "is a prerelease" in uploader.said[-1]
    assert _latest(destination) == "agent-runner-v1.10.0"
    uploader("1.10.1")
    assert _latest(destination) == "agent-runner-v1.10.1"


def test_other_bytes_under_a_key_stop_everything(
    client: S3Client, destination: Destination, uploader: Uploader
) -> None:
    files, _ = uploader.files("1.0.0")
    key = f"tools/agent-runner/agent-runner-v1.0.0/{files[1].name}"
    client.put_object(Bucket="downloads", Key=key, Body=b"other")
    with pytest.raises(ReleaseError, match="never overwritten"):
        uploader("1.0.0")
    assert destination.bucket.read(key) == b"other"
    assert _latest(destination) is None
    assert destination.bucket.read(destination.manifest_key("agent-runner-v1.0.0")) is None


def test_wrong_headers_are_noticed(client: S3Client, uploader: Uploader) -> None:
    files, _ = uploader.files("1.0.0")
    key = f"tools/agent-runner/agent-runner-v1.0.0/{files[0].name}"
    client.put_object(Bucket="downloads", Key=key, Body=files[0].read_bytes())
    with pytest.raises(ReleaseError, match="is served as"):
        uploader("1.0.0")


def test_a_run_that_ends_midway_is_completed_by_the_next(
    client: S3Client,
    destination: Destination,
    uploader: Uploader,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    create = Bucket.create
    calls = 0

    def create_two(self: Bucket, *arguments: str) -> bool:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        return create(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Bucket, "create", create_two)
    with pytest.raises(KeyboardInterrupt):
        uploader("1.0.0")
    assert _latest(destination) is None
    monkeypatch.setattr(Bucket, "create", create)
    uploader("1.0.0")
    assert [line.split()[0] for line in uploader.said[:3]] == ["found", "found", "stored"]
    assert _latest(destination) == "agent-runner-v1.0.0"


def test_a_lost_upload_is_noticed(
    destination: Destination, uploader: Uploader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Bucket, "create", lambda *arguments: True)
    with pytest.raises(ReleaseError, match="although it was written"):
        uploader("1.0.0")
    assert _latest(destination) is None


def test_rollback(client: S3Client, destination: Destination, uploader: Uploader) -> None:
    for number in ("1.0.0", "1.1.0", "1.2.0-rc.1"):
        uploader(number)
    rollback(destination, AGENT_RUNNER, "agent-runner-v1.0.0", uploader.said.append)
    assert _latest(destination) == "agent-runner-v1.0.0"
    script = destination.bucket.read("tools/agent-runner/install.sh")
    assert script == b"installs agent-runner-v1.0.0"

    with pytest.raises(ReleaseError, match="never completely uploaded"):
        rollback(destination, AGENT_RUNNER, "agent-runner-v0.9.0", print)
    with pytest.raises(ReleaseError, match="prerelease"):
        rollback(destination, AGENT_RUNNER, "agent-runner-v1.2.0-rc.1", print)
    files, _ = uploader.files("1.1.0")
    key = f"tools/agent-runner/agent-runner-v1.1.0/{files[0].name}"
    client.put_object(Bucket="downloads", Key=key, Body=b"rotten")
    with pytest.raises(ReleaseError, match="different from its manifest"):
        rollback(destination, AGENT_RUNNER, "agent-runner-v1.1.0", print)
    client.delete_object(Bucket="downloads", Key=key)
    with pytest.raises(ReleaseError, match="is missing"):
        rollback(destination, AGENT_RUNNER, "agent-runner-v1.1.0", print)
    assert _latest(destination) == "agent-runner-v1.0.0"


def test_what_cannot_be_reached_is_explained(
    client: S3Client, uploader: Uploader, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    elsewhere = Destination(Bucket(client, "nowhere"), "agent-runner")
    with pytest.raises(ReleaseError, match=r"bucket nowhere failed: .*NoSuchBucket"):
        Uploader(elsewhere, tmp_path)("1.0.0")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    anonymous = connect(client.meta.endpoint_url, "us-east-1")
    with pytest.raises(ReleaseError, match="AWS_ACCESS_KEY_ID"):
        Uploader(Destination(Bucket(anonymous, "downloads"), "agent-runner"), tmp_path)("1.0.0")
    with pytest.raises(ReleaseError, match="cannot create an S3 client"):
        connect("not a url", "us-east-1")


def test_a_dry_run_names_every_key(destination: Destination, uploader: Uploader) -> None:
    files, evidence = uploader.files("1.0.0")
    version = parse_tag("agent-runner-v1.0.0", AGENT_RUNNER.tag_prefix)
    scripts = uploader.installers("1.0.0")
    steps = describe(destination, AGENT_RUNNER, version, files, evidence, scripts)
    assert len([step for step in steps if step.startswith("store ")]) == 2 + 4 + 2 + 1
    assert steps[-4:] == [
        "unless tools/agent-runner/latest.json names a newer version:",
        "replace tools/agent-runner/install.sh",
        "replace tools/agent-runner/install.ps1",
        "point tools/agent-runner/latest.json to agent-runner-v1.0.0",
    ]
    assert (
        "point tools/agent-runner/latest.json to"
        in (describe_rollback(destination, AGENT_RUNNER, "agent-runner-v1.0.0")[-1])
    )
    assert _latest(destination) is None
