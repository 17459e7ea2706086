from __future__ import annotations

import json
from typing import Any

from cache_report.report import (
    HIT_REMOTELY,
    RAN,
    ProcessReport,
    Report,
    document,
    explain,
    markdown,
    process_report,
    text,
)

ASKED = {"remote_cache_requests": 2, "remote_cache_requests_cached": 1}


def workunit(source: str = RAN, scope: str = "Successful", **changes: Any) -> dict[str, Any]:
    definition = {
        "argv": ["/opt/python3.13", "layer"],
        "env": {"PATH": "/usr/bin"},
        "input_digests": {
            "inputs": {"digest": {"fingerprint": "aa"}},
            "immutable_inputs": {"site": {"digest": {"fingerprint": "bb"}}},
        },
        "execution_environment": {"platform": "Linux_x86_64"},
        "cache_scope": scope,
        "description": "Analyse",
        **changes,
    }
    return {
        "name": "process",
        "description": "Scheduling: Analyse",
        "metadata": {
            "definition": json.dumps(definition),
            "source": source,
            "total_elapsed_ms": 18028,
            "saved_by_cache_ms": 16192,
        },
    }


def process(**arguments: Any) -> ProcessReport:
    found = process_report(workunit(**arguments))
    assert found is not None
    return found


def explained(
    one: ProcessReport, counters: dict[str, int], other: ProcessReport | None = None
) -> str:
    compared = document(Report(ASKED, 0, 0, [other])) if other else None
    report = explain(Report(counters, 0, 0, [one]), json.loads(json.dumps(compared)))
    return report.processes[0].cause


def test_a_process_of_a_work_unit() -> None:
    found = process()
    assert (found.description, found.source, found.elapsed_ms, found.saved_ms) == (
        *("Analyse", "Ran", 18028, 16192),
    )
    assert found.key == {
        "argv[0]": "/opt/python3.13",
        "argv[1]": "layer",
        "env PATH": "/usr/bin",
        "input files": "aa",
        "input site": "bb",
        "platform": "Linux_x86_64",
    }
    assert process_report({"name": "check_action_cache", "metadata": {}}) is None


def test_causes() -> None:
    assert explained(process(source=HIT_REMOTELY), ASKED) == ""
    assert "each session" in explained(process(scope="PerRestartSuccessful"), ASKED)
    assert explained(process(), {}) == "no remote cache was asked"
    assert explained(process(), ASKED) == "not found"
    assert "did not answer in time" in explained(
        process(), {**ASKED, "remote_cache_request_timeouts": 1}
    )


def test_what_differs_from_another_machine_is_named() -> None:
    other = process(argv=["/usr/bin/python3.13", "layer"], env={"PATH": "/bin", "LANG": "C"})
    assert explained(process(), ASKED, other) == ("its key differs in argv[0], env LANG, env PATH")
    assert "not written, or evicted" in explained(process(), ASKED, process())


def test_the_closest_of_several_is_compared() -> None:
    near = process(argv=["/opt/python3.13", "pack"])
    far = process(argv=["a"], env={})
    compared = document(Report(ASKED, 0, 0, [far, near]))
    report = explain(Report(ASKED, 0, 0, [process()]), compared)
    assert report.processes[0].cause == "its key differs in argv[1]"


def test_texts() -> None:
    counters = {**ASKED, "remote_cache_total_time_saved_ms": 61_500, "remote_cache_read_errors": 3}
    report = explain(Report(counters, 81_100_000, None, [process(description="a | b")]))
    shown = text(report)
    assert "1 of 2 asked" in shown
    assert "61.5 s" in shown
    assert "81.1 MB" in shown
    assert "read errors" in shown
    assert "18.0 s  a | b: not found, or the cache could not be read" in shown
    assert "| a \\| b | 18.0 s |" in markdown(report)
    assert "no remote cache was used" in text(Report({}, 0, 0, []))
