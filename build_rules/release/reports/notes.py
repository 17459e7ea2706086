"""The text of a release: changes, downloads, and how to verify them."""

from __future__ import annotations

from collections.abc import Sequence

from release.checks.verify import ArchiveFacts
from release.evidence import Metrics
from release.platforms import CHECKSUM_SUFFIX
from release.project import Project
from release.reports.table import UNKNOWN, megabytes, seconds, table

_COLUMNS = (
    "Platform",
    "Archive",
    ">Size",
    ">Unpacked",
    "Needs at least",
    ">Build, cold",
    ">Build, cached",
)


def downloads_table(archives: Sequence[ArchiveFacts], metrics: dict[str, Metrics]) -> str:
    """A Markdown table; `metrics` by the archive's name."""
    rows = []
    for facts in archives:
        measured = metrics.get(facts.name)
        rows.append(
            (
                str(facts.platform),
                f"`{facts.name}`",
                megabytes(facts.size),
                megabytes(facts.unpacked_size),
                str(facts.known_floor or UNKNOWN),
                seconds(measured.build_seconds_cold if measured else None, 0),
                seconds(measured.build_seconds_cached if measured else None, 0),
            )
        )
    return "\n".join(table(_COLUMNS, rows))


def verify_commands(project: Project, repository: str, tag: str) -> str:
    """Commands to copy: download, check the checksum and the attestation, unpack."""
    unix = next(p for p in project.platforms if p.name == "linux-amd64")
    windows = next(p for p in project.platforms if p.os.name == "windows")
    tar, zipped = project.archive(tag, unix), project.archive(tag, windows)
    url = f"https://github.com/{repository}/releases/download/{tag}"
    program = project.program
    return f"""\
Linux and macOS (put your platform's archive into the first line; macOS has `shasum -a 256`
instead of `sha256sum`):

```sh
archive={tar}
curl -fLO {url}/$archive -fLO {url}/$archive{CHECKSUM_SUFFIX}
sha256sum -c $archive{CHECKSUM_SUFFIX}
gh attestation verify $archive --repo {repository}
tar -xzf $archive && ./{program} --version
```

Windows (PowerShell):

```powershell
$archive = "{zipped}"
$checksum = "$archive{CHECKSUM_SUFFIX}"
foreach ($file in $archive, $checksum) {{ Invoke-WebRequest "{url}/$file" -OutFile $file }}
(Get-FileHash $archive).Hash -eq (Get-Content $checksum).Split(" ")[0]   # True
gh attestation verify $archive --repo {repository}
Expand-Archive $archive -DestinationPath . ; .\\{program}.exe --version
```
"""


def release_notes(
    project: Project,
    repository: str,
    tag: str,
    changes: str,
    archives: Sequence[ArchiveFacts],
    metrics: dict[str, Metrics],
) -> str:
    """The whole text, in Markdown. `repository` is OWNER/NAME."""
    return (
        f"## Changes\n\n{changes.strip()}\n\n"
        f"## Downloads\n\n{downloads_table(archives, metrics)}\n\n"
        f"## Verify\n\n{verify_commands(project, repository, tag)}"
    )
