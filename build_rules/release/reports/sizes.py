"""How a change affects a program's size: the evidence of two builds, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from release.errors import ReleaseError
from release.evidence import PROVENANCE_ENDING, SBOM_ENDING, Evidence, load
from release.manifest import Distribution
from release.reports.table import UNKNOWN, table

_NOTABLE = 10
_OTHER_ENDINGS = (SBOM_ENDING, PROVENANCE_ENDING, ".rebuild.json", ".metrics.json")


def read_evidence(folder: Path) -> dict[str, Evidence]:
    """The evidence of every archive in a folder, by platform."""
    if not folder.is_dir():
        return {}
    files = sorted(p for p in folder.glob("*.json") if not p.name.endswith(_OTHER_ENDINGS))
    found: dict[str, Evidence] = {}
    for path in files:
        evidence = load(Evidence, path)
        if evidence.platform in found:
            raise ReleaseError(
                f"{folder} has evidence of {found[evidence.platform].archive.name} and of "
                f"{evidence.archive.name}: delete the files of one of them"
            )
        found[evidence.platform] = evidence
    return found


def _distributions(evidence: Evidence) -> dict[str, Distribution]:
    manifests = [e.manifest for e in evidence.executables if e.manifest is not None]
    return {d.name: d for manifest in manifests for d in manifest.distributions}


@dataclass(frozen=True)
class Change:
    """A distribution in two builds; None where it is missing."""

    name: str
    before: Distribution | None
    after: Distribution | None

    @property
    def bytes(self) -> int | None:
        """How much it grew; None if its size is unknown."""
        sides = [side.size for side in (self.before, self.after) if side is not None]
        if None in sides:
            return None
        old = self.before.size if self.before else 0
        new = self.after.size if self.after else 0
        return (new or 0) - (old or 0)


def changes(before: Evidence, after: Evidence) -> list[Change]:
    """The distributions that were added, removed or changed in version or size, the largest
    first."""
    old, new = _distributions(before), _distributions(after)
    found = [
        Change(name, old.get(name), new.get(name))
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]
    return sorted(found, key=lambda change: (-abs(change.bytes or 0), change.name))


def _version(side: Distribution | None) -> str:
    return UNKNOWN if side is None else side.version


def _difference(size: int | None, whole: int | None = None) -> str:
    if size is None:
        return "unknown"
    text = f"{size:+,} bytes"
    return f"{text} ({100 * size / whole:+.2f} %)" if whole else text


def _changed(name: str, found: list[Change]) -> list[str]:
    rows = [
        (c.name, _version(c.before), _version(c.after), _difference(c.bytes))
        for c in found[:_NOTABLE]
    ]
    if len(found) > _NOTABLE:
        rows.append((f"and {len(found) - _NOTABLE} more", "", "", ""))
    columns = ("Distribution", "Before", "After", ">Inside")
    return ["", f"Distributions that changed in {name}:", "", *table(columns, rows)]


def render_comparison(before: dict[str, Evidence], after: dict[str, Evidence]) -> str:
    """Markdown for a job's summary; `before` may lack platforms, or everything."""
    rows: list[Sequence[str]] = []
    details: list[str] = []
    for platform, new in after.items():
        old, size = before.get(platform), f"{new.archive.size:,} bytes"
        if old is None:
            rows.append((platform, "not known", size, UNKNOWN))
            continue
        difference = _difference(new.archive.size - old.archive.size, old.archive.size)
        rows.append((platform, f"{old.archive.size:,} bytes", size, difference))
        found = changes(old, new)
        if found:
            details += _changed(platform, found)
    columns = ("Platform", ">Before", ">After", ">Difference")
    return "\n".join(["## Sizes", "", *table(columns, rows), *details]) + "\n"
