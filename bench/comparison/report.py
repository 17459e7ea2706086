"""From measurements to verdicts: medians, ratios, bars, the table and the JSON file. Pure."""

from __future__ import annotations

import enum
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from comparison.processes import Usage

PLAIN: Final = "plain"
OURS: Final = "ours"
MEGABYTE: Final = 1_000_000


class Quantity(enum.Enum):
    """What a bar limits."""

    CPU_RATIO = "CPU ratio"
    WALL_SECONDS = "our wall s"
    CPU_OF_CLEAN = "CPU / our clean"
    SIZE_RATIO = "size ratio"
    SAME_BYTES = "same bytes"


@dataclass(frozen=True)
class Scenario:
    """One row. `bar` is the limit to keep, `aim` the goal."""

    key: str
    title: str
    quantity: Quantity | None = None
    bar: float | None = None
    aim: float | None = None


SCENARIOS: Final = (
    Scenario("daemon", "start of the Pants daemon"),
    Scenario("clean", "clean build", Quantity.CPU_RATIO, 1.2, 0.8),
    Scenario("nothing", "nothing changed", Quantity.WALL_SECONDS, 2.0, 1.0),
    Scenario("body", "one line that no proof executes", Quantity.CPU_RATIO, 0.05, 0.035),
    Scenario("line", "one line that imports execute", Quantity.CPU_RATIO, 0.08, 0.06),
    Scenario("bump", "one dependency bumped", Quantity.CPU_RATIO, 0.3, 0.15),
    Scenario("version", "version changed"),
    Scenario("onedir", "one-dir, after the one-file"),
    Scenario("ten", "ten binaries over one resolve, clean", Quantity.CPU_OF_CLEAN, 2.0, 1.4),
    Scenario("size", "one-file size", Quantity.SIZE_RATIO, 0.80, 0.65),
    Scenario("size-onedir", "one-dir size", Quantity.SIZE_RATIO),
    Scenario("error", "one-file start to the configuration error", Quantity.CPU_RATIO, 0.6, 0.4),
    Scenario("polling", "one-file start to polling", Quantity.CPU_RATIO, 0.7, 0.4),
    Scenario("error-onedir", "one-dir start to the configuration error", Quantity.CPU_RATIO),
    Scenario("polling-onedir", "one-dir start to polling", Quantity.CPU_RATIO),
    Scenario("bytes", "two clean builds elsewhere", Quantity.SAME_BYTES, 1.0),
)


class Verdict(enum.Enum):
    AIM = "aim met"
    BAR = "bar met"
    MISSED = "MISSED"


@dataclass
class Measurements:
    """The measurements, by side and scenario, one entry per run."""

    usages: dict[tuple[str, str], list[Usage]] = field(default_factory=dict)
    sizes: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    digests: list[str] = field(default_factory=list)
    """SHA-256 of our executable after each clean build."""
    failed: list[str] = field(default_factory=list)
    """What could not be measured, and why."""

    def add(self, side: str, scenario: str, usage: Usage) -> None:
        self.usages.setdefault((side, scenario), []).append(usage)

    def add_size(self, side: str, scenario: str, size: int) -> None:
        self.sizes.setdefault((side, scenario), []).append(size)


def median(usages: Sequence[Usage]) -> Usage:
    """Each quantity's own median."""
    return Usage(
        statistics.median(usage.cpu_s for usage in usages),
        statistics.median(usage.wall_s for usage in usages),
        int(statistics.median(usage.peak_bytes for usage in usages)),
    )


@dataclass(frozen=True)
class Row:
    scenario: Scenario
    plain: Usage | None = None
    ours: Usage | None = None
    plain_bytes: float | None = None
    ours_bytes: float | None = None
    runs: int = 0
    value: float | None = None

    @property
    def verdict(self) -> Verdict | None:
        """None where there is no bar, or nothing was measured."""
        return verdict(self.scenario, self.value)


def verdict(scenario: Scenario, value: float | None) -> Verdict | None:
    if value is None or scenario.bar is None:
        return None
    if scenario.quantity is Quantity.SAME_BYTES:
        return Verdict.BAR if value == scenario.bar else Verdict.MISSED
    if scenario.aim is not None and value <= scenario.aim:
        return Verdict.AIM
    return Verdict.BAR if value <= scenario.bar else Verdict.MISSED


def _ratio(ours: float | None, other: float | None) -> float | None:
    return None if ours is None or not other else ours / other


def rows(measured: Measurements) -> list[Row]:
    """One row for each scenario that was measured, in the order of SCENARIOS."""
    medians = {key: median(usages) for key, usages in measured.usages.items()}
    our_clean = medians.get((OURS, "clean"))
    found = []
    for scenario in SCENARIOS:
        keys = [(PLAIN, scenario.key), (OURS, scenario.key)]
        plain, ours = (medians.get(key) for key in keys)
        plain_bytes, ours_bytes = (
            statistics.median(measured.sizes[key]) if key in measured.sizes else None
            for key in keys
        )
        runs = max(
            len(measured.usages.get(key, ())) or len(measured.sizes.get(key, ())) for key in keys
        )
        same = None
        if scenario.quantity is Quantity.SAME_BYTES and len(measured.digests) > 1:
            runs = len(measured.digests)
            same = float(len(set(measured.digests)) == 1)
        if not runs:
            continue
        plain_cpu, ours_cpu = (usage.cpu_s if usage else None for usage in (plain, ours))
        value = {
            None: _ratio(ours_cpu, plain_cpu),
            Quantity.CPU_RATIO: _ratio(ours_cpu, plain_cpu),
            Quantity.WALL_SECONDS: ours.wall_s if ours else None,
            Quantity.CPU_OF_CLEAN: _ratio(ours_cpu, our_clean.cpu_s if our_clean else None),
            Quantity.SIZE_RATIO: _ratio(ours_bytes, plain_bytes),
            Quantity.SAME_BYTES: same,
        }[scenario.quantity]
        found.append(Row(scenario, plain, ours, plain_bytes, ours_bytes, runs, value))
    return found


_HEADER: Final = (
    *("scenario", "CPU s: plain", "ours", "ratio", "wall s: plain", "ours", "ratio"),
    *("MB: plain", "ours", "ratio", "runs", "judged by", "value", "bar", "aim", "verdict"),
)


def _pair(plain: float | None, ours: float | None, digits: int) -> tuple[str, str, str]:
    return (_number(plain, digits), _number(ours, digits), _number(_ratio(ours, plain)))


def _number(value: float | None, digits: int = 2) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _megabytes(usage: Usage | None, size: float | None) -> float | None:
    found = usage.peak_bytes if usage else size
    return None if found is None else found / MEGABYTE


def _cells(row: Row) -> tuple[str, ...]:
    scenario, plain, ours = row.scenario, row.plain, row.ours
    same = scenario.quantity is Quantity.SAME_BYTES
    return (
        scenario.title,
        *_pair(plain.cpu_s if plain else None, ours.cpu_s if ours else None, 2),
        *_pair(plain.wall_s if plain else None, ours.wall_s if ours else None, 2),
        *_pair(_megabytes(plain, row.plain_bytes), _megabytes(ours, row.ours_bytes), 1),
        str(row.runs),
        scenario.quantity.value if scenario.quantity and row.value is not None else "",
        ("yes" if row.value else "no") if same else _number(row.value),
        "" if same else _number(scenario.bar),
        _number(scenario.aim),
        row.verdict.value if row.verdict else "",
    )


def table(found: Sequence[Row]) -> str:
    """The rows as a Markdown table, aligned for a terminal."""
    lines = [_HEADER, *(_cells(row) for row in found)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEADER))]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return f"| {' | '.join(padded)} |"

    rule = [
        "-" * width if column == 0 else "-" * (width - 1) + ":"
        for column, width in enumerate(widths)
    ]
    return "\n".join([line(_HEADER), line(rule), *(line(cells) for cells in lines[1:])])


def document(measured: Measurements, about: Mapping[str, object]) -> dict[str, object]:
    """The content of compare.json: `about`, every measurement, and the judged rows."""
    sides: dict[str, dict[str, object]] = {PLAIN: {}, OURS: {}}
    for (side, key), usages in measured.usages.items():
        sides[side][key] = {
            "cpu_s": [round(usage.cpu_s, 3) for usage in usages],
            "wall_s": [round(usage.wall_s, 3) for usage in usages],
            "peak_bytes": [usage.peak_bytes for usage in usages],
            "programs_cpu_s": [
                {name: round(cpu_s, 2) for name, cpu_s in usage.programs.items()}
                for usage in usages
            ],
        }
    for (side, key), sizes in measured.sizes.items():
        sides[side][key] = {"bytes": sizes}
    return {
        **about,
        "measured": sides,
        "sha256": measured.digests,
        "failed": measured.failed,
        "rows": [
            {
                "scenario": row.scenario.key,
                "title": row.scenario.title,
                "judged": (row.scenario.quantity or Quantity.CPU_RATIO).value,
                "value": row.value if row.value is None else round(row.value, 4),
                "bar": row.scenario.bar,
                "aim": row.scenario.aim,
                "verdict": row.verdict.value if row.verdict else None,
            }
            for row in rows(measured)
        ],
    }
