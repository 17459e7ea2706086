"""Apple's notary service, which confirms that an executable is not known malware.

Gatekeeper asks for this when a downloaded program first starts. The bytes stay the same: Apple
remembers their digest. Apps, disk images and packages can carry a stapled ticket, bare executables
cannot, so their first start needs the network.

https://developer.apple.com/documentation/security/customizing-the-notarization-workflow
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from release.errors import ReleaseError
from release.evidence import Notarisation, load, notarisation_path, save
from release.files import Log
from release.pack.archives import extract_member, file_sha256
from release.plan import archive_base, archive_platform
from release.project import Project
from release.signing.calls import Call, Output, Runner, demand
from release.signing.developer_id import display_call, inspect, notarisation_obstacles, verify_call
from release.signing.secret_files import secret_folder, write_secret
from release.signing.settings import NotarySettings

ACCEPTED = "Accepted"
_IN_PROGRESS = "In Progress"
_WAIT = "50m"

NOT_STAPLED = (
    "a bare executable cannot be stapled: macOS asks Apple when it first starts, so that start "
    "needs the network"
)


@dataclass(frozen=True)
class Submission:
    """The answer of `notarytool submit --wait`."""

    id: str
    status: str
    message: str


def _credentials(settings: NotarySettings, key: Path) -> tuple[str, ...]:
    issuer = () if settings.issuer is None else ("--issuer", settings.issuer)
    return ("--key", str(key), "--key-id", settings.key_id, *issuer)


def zip_call(executable: Path, archive: Path) -> Call:
    """The service doesn't accept a bare executable."""
    return Call(("ditto", "-c", "-k", str(executable), str(archive)))


def submit_call(settings: NotarySettings, key: Path, archive: Path) -> Call:
    return Call(
        (
            *("xcrun", "notarytool", "submit", str(archive), *_credentials(settings, key)),
            *("--wait", "--timeout", _WAIT, "--output-format", "json"),
        )
    )


def log_call(settings: NotarySettings, key: Path, submission: str) -> Call:
    return Call(("xcrun", "notarytool", "log", submission, *_credentials(settings, key)))


def _json_object(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def parse_submission(output: Output) -> Submission:
    """Raises ReleaseError if the service could not be reached or refused the key."""
    answer = _json_object(output.stdout)
    if answer is None or not answer.get("id"):
        said = " ".join((output.stderr + output.stdout).split())[-1000:]
        raise ReleaseError(
            f"notarytool submitted nothing (exit code {output.code}): {said or 'no message'}"
        )
    return Submission(answer["id"], answer.get("status", ""), answer.get("message", ""))


def parse_log(text: str) -> list[str]:
    """What is wrong with a submission, one issue per line; the text itself if it is not a log."""
    log = _json_object(text)
    if log is None:
        return [text.strip()] if text.strip() else []
    lines = [str(log["statusSummary"])] if log.get("statusSummary") else []
    for issue in log.get("issues") or []:
        where = " ".join(str(issue[key]) for key in ("path", "architecture") if issue.get(key))
        more = f" ({issue['docUrl']})" if issue.get("docUrl") else ""
        lines.append(f"{issue.get('severity')}: {where}: {issue.get('message')}{more}")
    return lines


def refusal(name: str, submission: Submission, log: list[str]) -> str:
    """Why an executable is not notarised, and what to do."""
    about = f"{name} is not notarised (submission {submission.id})"
    if submission.status == _IN_PROGRESS:
        return f"{about}: Apple did not answer within {_WAIT}; run `notarise` again later"
    reasons = "".join(f"\n  - {line}" for line in log) or " (Apple's log gives no reason)"
    return f"{about}: Apple says {submission.status or 'nothing'}, {submission.message}{reasons}"


def notarise(
    archive: Path,
    evidence: Path,
    project: Project,
    settings: NotarySettings,
    runner: Runner,
    log: Log,
) -> None:
    """Have Apple notarise the executable in an archive, and keep the answer with the evidence.

    The archive and its other evidence stay the same. Raises ReleaseError with Apple's reasons if it
    refuses.
    """
    name = archive_platform(project, archive.name).executable_name(project.program)
    path = notarisation_path(evidence, archive_base(archive.name))
    with secret_folder() as folder:
        executable = folder / name
        extract_member(archive, name, executable)
        digest = file_sha256(executable)
        if path.exists() and load(Notarisation, path).executable_sha256 == digest:
            log(f"{name} in {archive.name} is notarised already ({path})")
            return
        obstacles = notarisation_obstacles(inspect(runner, executable))
        if obstacles:
            raise ReleaseError(f"{name} cannot be notarised: {'; '.join(obstacles)}")
        zipped = folder / f"{name}.zip"
        demand(runner, zip_call(executable, zipped), f"packing {name} for Apple")
        key = write_secret(folder / "key.p8", settings.key.encode())
        # The exit code tells whether there was an answer, not which.
        submission = parse_submission(runner(submit_call(settings, key, zipped)))
        if submission.status != ACCEPTED:
            reasons: list[str] = []
            if submission.status != _IN_PROGRESS:
                output = runner(log_call(settings, key, submission.id))
                reasons = parse_log(output.stdout or output.stderr)
            raise ReleaseError(refusal(name, submission, reasons))
    accepted = Notarisation(
        archive=archive.name,
        executable_sha256=digest,
        submission=submission.id,
        status=submission.status,
    )
    save(accepted, path)
    log(f"Apple notarised {name} in {archive.name} (submission {submission.id}); {NOT_STAPLED}")


def describe(archive: Path, project: Project, settings: NotarySettings) -> list[str]:
    """What `notarise` would do, one step per line."""
    name = archive_platform(project, archive.name).executable_name(project.program)
    folder = Path("TEMPORARY")
    calls = [
        verify_call(folder / name),
        display_call(folder / name),
        zip_call(folder / name, folder / f"{name}.zip"),
        submit_call(settings, folder / "key.p8", folder / f"{name}.zip"),
    ]
    return [f"extract {name} from {archive}", *(f"run {call}" for call in calls)]
