"""Apple's notary service, with its answers recorded; no call was ever made from here.

The shape of the answers is the one of `notarytool`'s manual page (`--output-format json`: id, status,
message) and of the log that Apple's "Resolving common notarization issues" shows (status,
statusSummary, issues with severity, path, message, docUrl, architecture). Numbers are made up.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from release.checks.verify import VerifyOptions, verify
from release.errors import ReleaseError
from release.platforms import PLATFORMS
from release.project import AGENT_RUNNER
from release.signing import notary
from release.signing.calls import Call, Output
from release.signing.settings import NotarySettings
from release.testing.apple import AD_HOC, SIGNED
from release.testing.stand_ins import write_archive

TAG = "agent-runner-v0.1.0"
PLATFORM = PLATFORMS["darwin-arm64"]
KEY = "-----BEGIN PRIVATE KEY-----\nMIG\n-----END PRIVATE KEY-----\n"
SETTINGS = NotarySettings(KEY, "KEYID12345", "69a6de70-0000-47e3-e053-5b8c7c11a4d1")
ID = "2efe2717-52ef-43a5-96dc-0797e4ca1041"

ACCEPTED = json.dumps({"id": ID, "message": "Processing complete", "status": "Accepted"})
INVALID = json.dumps({"id": ID, "message": "Processing complete", "status": "Invalid"})
WAITING = json.dumps({"id": ID, "message": "Timeout of 3000.0 reached", "status": "In Progress"})
LOG = json.dumps(
    {
        "logFormatVersion": 1,
        "jobId": ID,
        "status": "Invalid",
        "statusSummary": "Archive contains critical validation errors",
        "statusCode": 4000,
        "archiveFilename": "agent-runner.zip",
        "issues": [
            {
                "severity": "error",
                "code": None,
                "path": "agent-runner.zip/agent-runner",
                "message": "The executable does not have the hardened runtime enabled.",
                "docUrl": "https://developer.apple.com/documentation/",
                "architecture": "arm64",
            }
        ],
    }
)


class Apple:
    """codesign, ditto and notarytool; `submitted` is what the last one answers."""

    def __init__(self, submitted: Output, display: str = SIGNED) -> None:
        self.calls: list[Call] = []
        self.keys: list[Path] = []
        self._submitted = submitted
        self._display = display

    def __call__(self, call: Call) -> Output:
        self.calls.append(call)
        words = call.argv
        if "--key" in words:
            key = Path(words[words.index("--key") + 1])
            assert key.read_text() == KEY
            assert key.stat().st_mode & 0o777 == 0o600
            self.keys.append(key)
        if words[:3] == ("xcrun", "notarytool", "submit"):
            return self._submitted
        if words[:3] == ("xcrun", "notarytool", "log"):
            return Output(0, LOG)
        return Output(0, "", self._display if words[1] == "--display" else "")


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    release, evidence = tmp_path / "release", tmp_path / "evidence"
    release.mkdir()
    evidence.mkdir()
    return write_archive(release, AGENT_RUNNER, TAG, PLATFORM, evidence=evidence), evidence


def _notarise(files: tuple[Path, Path], apple: Apple) -> list[str]:
    said: list[str] = []
    notary.notarise(*files, AGENT_RUNNER, SETTINGS, apple, said.append)
    assert not any(key.exists() for key in apple.keys)
    return said


def test_apple_accepts(files: tuple[Path, Path]) -> None:
    archive, evidence = files
    before = archive.read_bytes()
    apple = Apple(Output(0, ACCEPTED))
    (said,) = _notarise(files, apple)
    assert ID in said
    assert "cannot be stapled" in said
    assert [call.argv[0] for call in apple.calls] == ["codesign", "codesign", "ditto", "xcrun"]
    _, _, pack, submit = (call.argv for call in apple.calls)
    assert pack[:3] == ("ditto", "-c", "-k")
    assert submit == (
        *("xcrun", "notarytool", "submit", pack[-1], "--key", str(apple.keys[0])),
        *("--key-id", "KEYID12345", "--issuer", SETTINGS.issuer),
        *("--wait", "--timeout", "50m", "--output-format", "json"),
    )
    assert "PRIVATE KEY" not in " ".join(map(str, apple.calls))

    assert archive.read_bytes() == before
    options = VerifyOptions(evidence, rebuilds=True)
    assert verify(archive.parent, AGENT_RUNNER, TAG, [PLATFORM], options).defects == []
    # Asked for once more, Apple's answer is there.
    again = Apple(Output(1))
    assert "is notarised already" in _notarise(files, again)[0]
    assert again.calls == []

    path = next(evidence.glob("*.notarisation.json"))
    path.write_text(json.dumps(json.loads(path.read_text()) | {"executable_sha256": "0" * 64}))
    (defect,) = verify(archive.parent, AGENT_RUNNER, TAG, [PLATFORM], options).defects
    assert "notarisation.json is about 0000" in str(defect)


@pytest.mark.parametrize(
    ("apple", "message"),
    [
        # Whether the tool fails when Apple refuses has changed between versions: the status counts.
        (Apple(Output(0, INVALID)), r"Invalid, .*\n  - Archive contains.*\n  - error: .*hardened"),
        (Apple(Output(1, INVALID)), r"\n  - error: agent-runner.zip/agent-runner arm64: The exec"),
        (Apple(Output(0, WAITING)), "did not answer within 50m; run `notarise` again later"),
        (
            Apple(Output(69, "", "Error: HTTP status code: 401. Unauthenticated.")),
            "notarytool submitted nothing .exit code 69.: .*401. Unauthenticated",
        ),
        (Apple(Output(0, ACCEPTED), AD_HOC), "cannot be notarised: it is signed ad hoc"),
    ],
    ids=["invalid", "invalid, failing", "waiting", "not let in", "ad hoc"],
)
def test_apple_refuses(files: tuple[Path, Path], apple: Apple, message: str) -> None:
    with pytest.raises(ReleaseError, match=message):
        _notarise(files, apple)
    assert not any(key.exists() for key in apple.keys)
    assert list(files[1].glob("*.notarisation.json")) == []


def test_a_log_that_is_none_is_shown_as_it_is() -> None:
    assert notary.parse_log("Submission log is not yet available\n") == [
        "Submission log is not yet available"
    ]
    assert notary.parse_log('{"issues": null}') == []
