from __future__ import annotations

import json

import pytest

from comparison.processes import Usage
from comparison.report import (
    OURS,
    PLAIN,
    SCENARIOS,
    Measurements,
    Quantity,
    Row,
    Scenario,
    Verdict,
    document,
    median,
    rows,
    table,
    verdict,
)

JUDGED = Scenario("x", "x", Quantity.CPU_RATIO, bar=0.6, aim=0.3)


def measurements(*entries: tuple[str, str, float, float]) -> Measurements:
    measured = Measurements()
    for side, key, cpu_s, wall_s in entries:
        measured.add(side, key, Usage(cpu_s, wall_s, 2_000_000))
    return measured


def row(measured: Measurements, key: str) -> Row:
    return next(row for row in rows(measured) if row.scenario.key == key)


def test_medians_are_taken_by_quantity() -> None:
    usages = [Usage(1, 30, 5), Usage(2, 10, 9), Usage(9, 20, 7)]
    assert median(usages) == Usage(2, 20, 7)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.3, Verdict.AIM),
        (0.31, Verdict.BAR),
        (0.6, Verdict.BAR),
        (0.601, Verdict.MISSED),
        (None, None),
    ],
)
def test_limits_are_inclusive(value: float | None, expected: Verdict | None) -> None:
    assert verdict(JUDGED, value) is expected


def test_no_bar_no_verdict() -> None:
    assert verdict(Scenario("x", "x", Quantity.SIZE_RATIO), 9.0) is None


def test_every_bar_has_an_aim_that_is_stricter_or_none() -> None:
    for scenario in SCENARIOS:
        if scenario.bar is not None:
            assert scenario.quantity is not None
            assert scenario.aim is None or scenario.aim < scenario.bar


def test_cpu_ratio_of_medians() -> None:
    found = row(
        measurements(
            *((OURS, "line", cpu, 1.0) for cpu in (5.0, 6.0, 50.0)),
            *((PLAIN, "line", cpu, 1.0) for cpu in (90.0, 100.0, 110.0)),
        ),
        "line",
    )
    assert (found.value, found.verdict, found.runs) == (0.06, Verdict.AIM, 3)


def test_nothing_changed_is_judged_by_our_seconds_alone() -> None:
    found = row(
        measurements((OURS, "nothing", 0.5, 2.5), (PLAIN, "nothing", 90.0, 90.0)), "nothing"
    )
    assert (found.value, found.verdict) == (2.5, Verdict.MISSED)


def test_ten_are_judged_against_our_clean_build() -> None:
    found = row(
        measurements(
            (OURS, "ten", 150.0, 1.0), (OURS, "clean", 100.0, 1.0), (PLAIN, "clean", 1, 1)
        ),
        "ten",
    )
    assert (found.value, found.verdict) == (1.5, Verdict.BAR)


def test_one_side_alone_has_no_ratio_and_no_verdict() -> None:
    found = row(measurements((OURS, "clean", 100.0, 1.0)), "clean")
    assert (found.value, found.verdict) == (None, None)


@pytest.mark.parametrize(
    ("digests", "expected"),
    [(["a", "a"], Verdict.BAR), (["a", "a", "b"], Verdict.MISSED)],
)
def test_same_bytes(digests: list[str], expected: Verdict) -> None:
    measured = Measurements(digests=digests)
    assert row(measured, "bytes").verdict is expected


def test_one_build_says_nothing_about_same_bytes() -> None:
    assert rows(Measurements(digests=["a"])) == []


def test_table_marks_what_was_missed_and_leaves_unknown_cells_empty() -> None:
    measured = measurements((OURS, "clean", 130.0, 70.0), (PLAIN, "clean", 100.0, 80.0))
    measured.add_size(OURS, "size", 60_000_000)
    measured.add_size(PLAIN, "size", 90_000_000)
    lines = table(rows(measured)).splitlines()
    assert len({len(line) for line in lines}) == 1
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[2] == [
        *("clean build", "100.00", "130.00", "1.30", "80.00", "70.00", "0.88"),
        *("2.0", "2.0", "1.00", "1", "CPU ratio", "1.30", "1.20", "0.80", "MISSED"),
    ]
    assert cells[3] == [
        *("one-file size", "", "", "", "", "", ""),
        *("90.0", "60.0", "0.67", "1", "size ratio", "0.67", "0.80", "0.65", "bar met"),
    ]


def test_document_keeps_every_measurement() -> None:
    measured = measurements((OURS, "clean", 1.0, 2.0), (OURS, "clean", 3.0, 4.0))
    measured.add_size(PLAIN, "size", 7)
    found = json.loads(json.dumps(document(measured, {"commit": "abc"})))
    assert found["commit"] == "abc"
    assert found["measured"]["ours"]["clean"]["cpu_s"] == [1.0, 3.0]
    assert found["measured"]["plain"]["size"] == {"bytes": [7]}
    assert [row["scenario"] for row in found["rows"]] == ["clean", "size"]
