"""What a remote cache saves, and how cost grows with services and locks: verdicts and table. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from comparison.processes import Usage

MEGABYTE: Final = 1_000_000

WARM_REMOTE_CPU: Final = 0.2
FURTHER_SERVICE_CPU: Final = 0.1
CHANGED_LINE_UPLOAD: Final = 0.2
DOWN_RATIO: Final = 1.05
DOWN_S: Final = 5.0


@dataclass(frozen=True)
class Step:
    """One `./pants package ::`. Bytes are those of TCP streams to and from the server."""

    usage: Usage
    to_server: int = 0
    to_client: int = 0
    hits: int = 0
    ran: int = 0


@dataclass(frozen=True)
class Growth:
    """All steps of one subject.

    title          names it
    kind           subjects of one kind differ only in their number of services
    steps          by name: cold, fill, local, remote, line, down
    binary_bytes   of one executable
    server_bytes   the server's largest resident set
    kept_bytes     what the server keeps on disk
    same           whether every step made the same executables
    """

    title: str
    kind: str
    services: int
    steps: Mapping[str, Step]
    binary_bytes: int
    server_bytes: int
    kept_bytes: int
    same: bool


@dataclass(frozen=True)
class Bar:
    """A limit and the measurement to judge by it."""

    title: str
    value: float
    limit: float

    @property
    def kept(self) -> bool:
        return self.value <= self.limit


def bars(measured: Sequence[Growth]) -> list[Bar]:
    """Every bar that these measurements can judge."""
    found = []
    for growth in measured:
        name = growth.title
        steps = growth.steps
        if "cold" in steps and "remote" in steps:
            ratio = steps["remote"].usage.cpu_s / steps["cold"].usage.cpu_s
            found.append(Bar(f"{name}: warm remote CPU / cold", ratio, WARM_REMOTE_CPU))
            found.append(Bar(f"{name}: processes run, warm remote", steps["remote"].ran, 0))
        if "line" in steps:
            share = steps["line"].to_server / growth.binary_bytes
            found.append(Bar(f"{name}: uploaded for a line / binary", share, CHANGED_LINE_UPLOAD))
        if "cold" in steps and "down" in steps:
            limit = steps["cold"].usage.wall_s * DOWN_RATIO + DOWN_S
            found.append(Bar(f"{name}: wall s, server down", steps["down"].usage.wall_s, limit))
        found.append(Bar(f"{name}: executables that differ", float(not growth.same), 0))
    for first in measured:
        for more in measured:
            if first.kind == more.kind and first.services == 1 < more.services:
                cold = first.steps["cold"].usage.cpu_s
                each = (more.steps["cold"].usage.cpu_s - cold) / (more.services - 1)
                title = f"{more.title}: CPU of a further service / of the first"
                found.append(Bar(title, each / cold, FURTHER_SERVICE_CPU))
    return found


def table(measured: Sequence[Growth]) -> str:
    """The steps as a Markdown table."""
    lines = [
        "| what | step | CPU s | wall s | hits | ran | MB up | MB down |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for growth in measured:
        for name, step in growth.steps.items():
            lines.append(
                f"| {growth.title} | {name} | {step.usage.cpu_s:.1f} "
                f"| {step.usage.wall_s:.1f} | {step.hits} | {step.ran} "
                f"| {step.to_server / MEGABYTE:.2f} | {step.to_client / MEGABYTE:.2f} |"
            )
        lines.append(
            f"| {growth.title} | server: {growth.server_bytes / MEGABYTE:.0f} MB of memory, "
            f"{growth.kept_bytes / MEGABYTE:.0f} MB kept | | | | | | |"
        )
    return "\n".join(lines)


def verdicts(found: Sequence[Bar]) -> str:
    return "\n".join(
        f"{'kept  ' if bar.kept else 'MISSED'}  {bar.title}: {bar.value:.3f} (bar {bar.limit:.3f})"
        for bar in found
    )


def document(measured: Sequence[Growth], about: Mapping[str, object]) -> dict[str, object]:
    """The content of cache.json."""
    return {
        **about,
        "measured": [asdict(growth) for growth in measured],
        "bars": [{**asdict(bar), "kept": bar.kept} for bar in bars(measured)],
    }
