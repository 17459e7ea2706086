from __future__ import annotations

from comparison.growth import Growth, Step, bars, table, verdicts
from comparison.processes import Usage


def growth(services: int, *, cold: float, remote: float, **changes: object) -> Growth:
    steps = {
        "cold": Step(Usage(cold, 100.0, 0), ran=10),
        "remote": Step(Usage(remote, 10.0, 0), to_client=80_000_000, hits=10),
        "line": Step(Usage(5.0, 5.0, 0), to_server=1_000_000),
        "down": Step(Usage(cold, 111.0, 0)),
    }
    values: dict[str, object] = {
        "title": f"{services} services",
        "kind": "one lock",
        "services": services,
        "steps": steps,
        "binary_bytes": 10_000_000,
        "server_bytes": 100_000_000,
        "kept_bytes": 80_000_000,
        "same": True,
        **changes,
    }
    return Growth(**values)  # type: ignore[arg-type]


def test_bars() -> None:
    found = {bar.title: bar for bar in bars([growth(1, cold=50, remote=5)])}
    name = "1 services"
    assert found[f"{name}: warm remote CPU / cold"].value == 0.1
    assert found[f"{name}: uploaded for a line / binary"].value == 0.1
    assert found[f"{name}: wall s, server down"].limit == 110.0
    assert [bar.title for bar in found.values() if not bar.kept] == [f"{name}: wall s, server down"]


def test_a_further_service_is_judged_where_there_is_a_first() -> None:
    found = bars([growth(1, cold=50, remote=5), growth(11, cold=100, remote=5)])
    (further,) = (bar for bar in found if "further" in bar.title)
    assert further.value == 0.1
    assert further.kept
    assert not any("further" in bar.title for bar in bars([growth(11, cold=100, remote=5)]))


def test_other_bytes_are_a_missed_bar() -> None:
    found = bars([growth(1, cold=50, remote=50, same=False)])
    assert "MISSED  1 services: executables that differ: 1.000" in verdicts(found)
    assert "| 1 services | remote | 50.0 | 10.0 | 10 | 0 | 0.00 | 80.00 |" in table(
        [growth(1, cold=50, remote=50)]
    )
