"""The ledger: the size and build cost of each released binary, release by release.

The history is a JSON file; a Markdown page and a picture are made from it, so that all three can be
committed and compared. Nothing is estimated: values that were not measured are marked.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

from pydantic import BaseModel, Field

from release import evidence as evidence_files
from release.checks.verify import ArchiveFacts
from release.errors import ReleaseError
from release.evidence import Metrics, metrics_path
from release.project import Project
from release.reports.table import UNKNOWN, megabytes, seconds, table

_TOP = 10


class Contributor(BaseModel):
    """A distribution and its bytes inside the executable."""

    name: str
    version: str
    size: int


class LedgerEntry(BaseModel):
    """One archive of one release; sizes in bytes, times in seconds, None: not measured."""

    version: str
    platform: str
    sha256: str
    size: int
    unpacked_size: int
    bundle_size: int | None = None
    python: str | None = None
    floor: str | None = None
    build_seconds_cold: float | None = None
    build_seconds_cached: float | None = None
    start_seconds: float | None = None
    machine: str = ""
    contributors: list[Contributor] = []


class Ledger(BaseModel):
    """All entries, in the order in which their versions were first recorded."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    entries: list[LedgerEntry] = []

    model_config = {"populate_by_name": True}

    def versions(self) -> list[str]:
        return list(dict.fromkeys(entry.version for entry in self.entries))

    def find(self, version: str, platform: str) -> LedgerEntry | None:
        for entry in self.entries:
            if (entry.version, entry.platform) == (version, platform):
                return entry
        return None


def read_ledger(path: Path) -> Ledger:
    """The history; empty where there is no file yet."""
    return evidence_files.load(Ledger, path) if path.exists() else Ledger()


def make_entry(facts: ArchiveFacts, version: str, metrics: Metrics | None) -> LedgerEntry:
    """Make an archive's entry from its facts and measurements.

    Raises ReleaseError if the metrics belong to other bytes.
    """
    if metrics is not None and (metrics.archive, metrics.sha256) != (facts.name, facts.sha256):
        raise ReleaseError(
            f"the metrics belong to {metrics.archive} {metrics.sha256}, not to "
            f"{facts.name} {facts.sha256}: measure again"
        )
    inside = facts.evidence.executables if facts.evidence else []
    manifests = [executable.manifest for executable in inside if executable.manifest is not None]
    contributors = [
        Contributor(name=item.name, version=item.version, size=item.size)
        for manifest in manifests
        for item in manifest.distributions
        if item.size is not None
    ]
    contributors.sort(key=lambda item: (-item.size, item.name))
    bundles = [m.unpacked_size for m in manifests if m.unpacked_size is not None]
    pythons = [m.interpreter.version for m in manifests if m.interpreter is not None]
    floor = facts.known_floor
    measured = metrics or Metrics(archive=facts.name, sha256=facts.sha256)
    return LedgerEntry(
        version=version,
        platform=facts.platform.name,
        sha256=facts.sha256,
        size=facts.size,
        unpacked_size=facts.unpacked_size,
        bundle_size=sum(bundles) if bundles else None,
        python=pythons[0] if pythons else None,
        floor=None if floor is None else str(floor),
        build_seconds_cold=measured.build_seconds_cold,
        build_seconds_cached=measured.build_seconds_cached,
        start_seconds=measured.start_seconds,
        machine=measured.machine,
        contributors=contributors[:_TOP],
    )


def read_metrics(
    project: Project, version: str, archives: Sequence[ArchiveFacts], folder: Path | None
) -> dict[str, Metrics]:
    """Measurements of these archives, by archive name; `folder` is the evidence folder."""
    if folder is None:
        return {}
    paths = {
        facts.name: metrics_path(folder, project.base(version, facts.platform))
        for facts in archives
    }
    return {
        name: evidence_files.load(Metrics, path) for name, path in paths.items() if path.exists()
    }


def record(ledger: Ledger, entries: Sequence[LedgerEntry]) -> Ledger:
    """A ledger with these entries; one for the same version and platform is replaced."""
    new = {(entry.version, entry.platform): entry for entry in entries}
    merged = [new.pop((old.version, old.platform), old) for old in ledger.entries]
    return Ledger(entries=[*merged, *new.values()])


def check_budgets(project: Project, entries: Sequence[LedgerEntry]) -> None:
    """Raises ReleaseError, which names every budget that an entry exceeds."""
    broken = [problem for entry in entries for problem in breaches(project, entry)]
    if broken:
        raise ReleaseError("over budget: " + "; ".join(broken))


def breaches(project: Project, entry: LedgerEntry) -> list[str]:
    """The budgets that an entry exceeds."""
    budget = project.budgets[entry.platform]
    found = []
    if entry.size > budget.archive_bytes:
        found.append(
            f"{entry.platform}: {entry.size:,} bytes, over the budget of {budget.archive_bytes:,}"
        )
    limit, start = budget.start_seconds, entry.start_seconds
    if limit is not None and start is not None and start > limit:
        found.append(f"{entry.platform}: starts in {start:.2f} s, over the budget of {limit:.2f} s")
    return found


# ---------------------------------------------------------------------------------------------
# The page
# ---------------------------------------------------------------------------------------------


_COLUMNS = (
    "Platform",
    ">Archive",
    ">Executable",
    ">Bundle",
    ">Build, cold",
    ">Build, cached",
    ">Start",
    "Python",
    "Needs at least",
    "SHA-256",
)


def _row(platform: str, entry: LedgerEntry | None) -> list[str]:
    if entry is None:
        return [platform, "not run yet", *[""] * (len(_COLUMNS) - 2)]
    return [
        platform,
        megabytes(entry.size),
        megabytes(entry.unpacked_size),
        megabytes(entry.bundle_size),
        seconds(entry.build_seconds_cold),
        seconds(entry.build_seconds_cached),
        seconds(entry.start_seconds),
        entry.python or UNKNOWN,
        entry.floor or UNKNOWN,
        f"`{entry.sha256[:16]}…`",
    ]


def render_markdown(project: Project, ledger: Ledger, picture: str) -> str:
    """The whole page; `picture` is the path of the picture as the page sees it."""
    lines = [
        "# Build metrics",
        "",
        "Made by `./pants run build_rules/release:cli -- ledger`; do not edit. “–”: not measured.",
        "Archive: the download. Executable: what the archive unpacks to. Bundle: what the executable",
        "unpacks to when it starts. Build, cold: `./pants package` without any cache; cached: after a",
        "change of the program's own code. Start: until the first message.",
        "",
        f"![Archive sizes by release]({picture})",
    ]
    for version in reversed(ledger.versions()):
        entries = {p.name: ledger.find(version, p.name) for p in project.platforms}
        lines += [
            "",
            f"## {version}",
            "",
            *table(_COLUMNS, [_row(name, entry) for name, entry in entries.items()]),
        ]
        machines = {e.platform: e.machine for e in entries.values() if e and e.machine}
        if machines:
            lines += ["", "Measured on:", ""]
            lines += [f"- {name}: {machine}" for name, machine in machines.items()]
        for name, entry in entries.items():
            if entry is None or not entry.contributors:
                continue
            lines += [
                "",
                f"Largest distributions in {name}:",
                "",
                *table(
                    ("Distribution", ">Inside"),
                    [(f"{c.name} {c.version}", megabytes(c.size)) for c in entry.contributors],
                ),
            ]
    return "\n".join(lines) + "\n"


# ---------------------------------------------------------------------------------------------
# The picture
# ---------------------------------------------------------------------------------------------

_WIDTH, _HEIGHT = 820, 360
_LEFT, _RIGHT, _TOP_MARGIN, _BOTTOM = 60, 190, 30, 50
_COLOURS = ("#0072b2", "#56b4e9", "#d55e00", "#e69f00", "#009e73", "#cc79a7")


def _text(parent: ElementTree.Element, x: float, y: float, words: str, **attributes: str) -> None:
    position = {"x": f"{x:.1f}", "y": f"{y:.1f}"}
    ElementTree.SubElement(parent, "text", position | attributes).text = words


def render_picture(project: Project, ledger: Ledger) -> str:
    """An SVG: each platform's archive size over the releases, from zero, in megabytes."""
    versions = ledger.versions()
    largest = max((entry.size for entry in ledger.entries), default=1) / 1e6
    step = next(s for s in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10**9) if largest / s <= 6)
    top = step * (int(largest / step) + 1)
    inner_width = _WIDTH - _LEFT - _RIGHT
    inner_height = _HEIGHT - _TOP_MARGIN - _BOTTOM

    def x(index: int) -> float:
        return _LEFT + inner_width * (index + 0.5) / max(len(versions), 1)

    def y(megabytes: float) -> float:
        return _TOP_MARGIN + inner_height * (1 - megabytes / top)

    svg = ElementTree.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {_WIDTH} {_HEIGHT}",
            "font-family": "sans-serif",
            "font-size": "12",
            "role": "img",
        },
    )
    ElementTree.SubElement(svg, "title").text = f"Archive sizes of {project.program} by release"
    background = {"width": str(_WIDTH), "height": str(_HEIGHT), "fill": "#ffffff"}
    ElementTree.SubElement(svg, "rect", background)
    for tick in range(0, int(top) + 1, step):
        line = {"x1": str(_LEFT), "x2": str(_WIDTH - _RIGHT), "stroke": "#dddddd"}
        ElementTree.SubElement(svg, "line", line | {"y1": f"{y(tick):.1f}", "y2": f"{y(tick):.1f}"})
        _text(svg, _LEFT - 8, y(tick) + 4, f"{tick} MB", **{"text-anchor": "end"})
    for index, version in enumerate(versions):
        label = version.removeprefix(f"{project.program}-")
        _text(svg, x(index), _HEIGHT - _BOTTOM + 20, label, **{"text-anchor": "middle"})
    for number, name in enumerate(p.name for p in project.platforms):
        colour = _COLOURS[number % len(_COLOURS)]
        points = [
            (x(index), y(entry.size / 1e6))
            for index, version in enumerate(versions)
            if (entry := ledger.find(version, name)) is not None
        ]
        path = " ".join(f"{px:.1f},{py:.1f}" for px, py in points)
        line = {"points": path, "fill": "none", "stroke": colour, "stroke-width": "2"}
        ElementTree.SubElement(svg, "polyline", line)
        for px, py in points:
            dot = {"cx": f"{px:.1f}", "cy": f"{py:.1f}", "r": "4", "fill": colour}
            ElementTree.SubElement(svg, "circle", dot)
        words = name if points else f"{name} (not run yet)"
        _text(svg, _WIDTH - _RIGHT + 12, _TOP_MARGIN + 20 * number + 4, words, fill=colour)
    ElementTree.indent(svg)
    return ElementTree.tostring(svg, encoding="unicode") + "\n"
