from __future__ import annotations

import json
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from release.checks import verify
from release.checks.verify import ArchiveFacts, VerifyOptions
from release.errors import ReleaseError
from release.evidence import Metrics, load, save
from release.platforms import PLATFORMS
from release.project import AGENT_RUNNER
from release.reports.ledger import (
    Ledger,
    LedgerEntry,
    breaches,
    make_entry,
    read_ledger,
    record,
    render_markdown,
    render_picture,
)
from release.reports.measure import compare_rebuild, make_metrics, measure_start
from release.testing import stand_ins
from release.testing.stand_ins import write_archive

TAG = "agent-runner-v0.1.0"
LINUX = PLATFORMS["linux-arm64"]


def _facts(tmp_path: Path) -> ArchiveFacts:
    directory, evidence = tmp_path / "release", tmp_path / "evidence"
    directory.mkdir()
    evidence.mkdir()
    write_archive(directory, AGENT_RUNNER, TAG, LINUX, evidence=evidence)
    report = verify.verify(directory, AGENT_RUNNER, TAG, [LINUX], VerifyOptions(evidence))
    assert report.defects == []
    return report.archives[0]


def _entry(version: str, platform: str, size: int, **values: object) -> LedgerEntry:
    return LedgerEntry.model_validate(
        {
            "version": version,
            "platform": platform,
            "sha256": "a" * 64,
            "size": size,
            "unpacked_size": size,
            **values,
        }
    )


def test_an_entry_holds_what_is_known(tmp_path: Path) -> None:
    facts = _facts(tmp_path)
    metrics = Metrics(
        archive=facts.name, sha256=facts.sha256, build_seconds_cold=100.5, machine="2 cores"
    )
    entry = make_entry(facts, TAG, metrics)
    assert entry.size == facts.size
    assert entry.unpacked_size == len(stand_ins.NOTICES) + facts.members[0].size
    assert entry.bundle_size == 200_000_000
    assert (entry.python, entry.floor) == ("3.13.0", "glibc 2.36")
    assert (entry.build_seconds_cold, entry.build_seconds_cached) == (100.5, None)
    assert [c.size for c in entry.contributors] == list(range(12_000, 2_000, -1000))


def test_metrics_of_other_bytes_are_refused(tmp_path: Path) -> None:
    facts = _facts(tmp_path)
    with pytest.raises(ReleaseError, match="measure again"):
        make_entry(facts, TAG, Metrics(archive=facts.name, sha256="0" * 64))


def test_the_history_grows_and_a_second_record_replaces(tmp_path: Path) -> None:
    first = record(Ledger(), [_entry("v1", "linux-amd64", 10), _entry("v1", "linux-arm64", 11)])
    ledger = record(first, [_entry("v2", "linux-amd64", 20), _entry("v1", "linux-amd64", 12)])
    assert [(e.version, e.platform, e.size) for e in ledger.entries] == [
        ("v1", "linux-amd64", 12),
        ("v1", "linux-arm64", 11),
        ("v2", "linux-amd64", 20),
    ]
    save(ledger, tmp_path / "ledger.json")
    assert read_ledger(tmp_path / "ledger.json") == ledger
    assert read_ledger(tmp_path / "none.json") == Ledger()


def test_a_damaged_history_is_named(tmp_path: Path) -> None:
    (tmp_path / "ledger.json").write_text('{"schema": 2, "entries": []}')
    with pytest.raises(ReleaseError, match=r"ledger\.json is invalid: schema"):
        read_ledger(tmp_path / "ledger.json")


def test_the_page_says_what_was_not_run() -> None:
    contributors = [{"name": "grpcio", "version": "1.7", "size": 12_300_000}]
    entry = _entry(
        "v2", "linux-amd64", 61_000_000, start_seconds=1.26, contributors=contributors, machine="m"
    )
    ledger = record(Ledger(), [_entry("v1", "linux-amd64", 10), entry])
    page = render_markdown(AGENT_RUNNER, ledger, "build-metrics.svg")
    assert page.index("## v2") < page.index("## v1")
    assert (
        "| linux-amd64 | 61.0 MB | 61.0 MB | – | – | – | 1.3 s | – | – | `aaaaaaaaaaaaaaaa…` |"
        in page
    )
    assert page.count("| darwin-arm64 | not run yet |") == 2
    assert "| grpcio 1.7 | 12.3 MB |" in page
    assert "- linux-amd64: m" in page
    columns = {line.count("|") for line in page.splitlines() if line.startswith(("| lin", "| dar"))}
    assert columns == {11}


def test_the_picture_has_a_point_for_each_entry_and_its_axis_starts_at_zero() -> None:
    ledger = record(
        Ledger(),
        [
            _entry("agent-runner-v1", "linux-amd64", 50_000_000),
            _entry("agent-runner-v2", "linux-amd64", 100_000_000),
            _entry("agent-runner-v2", "darwin-arm64", 100_000_000),
        ],
    )
    picture = ElementTree.fromstring(render_picture(AGENT_RUNNER, ledger))
    space = "{http://www.w3.org/2000/svg}"
    circles = [(c.attrib["cx"], float(c.attrib["cy"])) for c in picture.iter(f"{space}circle")]
    assert len(circles) == 3
    texts = {t.text: float(t.attrib["y"]) for t in picture.iter(f"{space}text")}
    assert {"v1", "v2", "0 MB", "linux-arm64 (not run yet)"} <= set(texts)
    zero = texts["0 MB"] - 4
    (half,) = [y for cx, y in circles if cx == min(cx for cx, _ in circles)]
    whole = min(y for _, y in circles)
    assert zero - half == pytest.approx((zero - whole) / 2, abs=0.2)


def test_an_empty_ledger_can_be_drawn() -> None:
    ElementTree.fromstring(render_picture(AGENT_RUNNER, Ledger()))
    assert "not run yet" not in render_markdown(AGENT_RUNNER, Ledger(), "p.svg")


def test_breaches_of_budgets() -> None:
    assert breaches(AGENT_RUNNER, _entry("v1", "linux-amd64", 10, start_seconds=1)) == []
    size, start = breaches(AGENT_RUNNER, _entry("v1", "linux-amd64", 10**9, start_seconds=60))
    assert "1,000,000,000 bytes, over the budget" in size
    assert "starts in 60.00 s" in start


def test_measurements(tmp_path: Path) -> None:
    archive = write_archive(tmp_path, AGENT_RUNNER, TAG, LINUX)
    metrics = make_metrics(archive, cold=1.5, cached=None, start=None, machine="m")
    save(metrics, tmp_path / "m.json")
    assert load(Metrics, tmp_path / "m.json") == metrics
    assert json.loads((tmp_path / "m.json").read_text())["schema"] == 1

    (tmp_path / "again").mkdir()
    again = write_archive(tmp_path / "again", AGENT_RUNNER, TAG, LINUX, content=b"other")
    verdict = compare_rebuild(archive, again)
    assert verdict.sha256 == metrics.sha256 != verdict.rebuilt_sha256
    with pytest.raises(ReleaseError, match="names differ"):
        compare_rebuild(archive, again.rename(again.with_name("x")))
    with pytest.raises(ReleaseError, match="is not a file"):
        compare_rebuild(archive, tmp_path / "none")


@pytest.mark.skipif(sys.platform == "win32", reason="starts a shell script")
def test_a_start_is_measured(tmp_path: Path) -> None:
    script = b"#!/bin/sh\nsleep 0.05\nexit 2\n"
    archive = write_archive(tmp_path, AGENT_RUNNER, TAG, LINUX, content=script)
    assert measure_start(archive, AGENT_RUNNER, LINUX) >= 0.05
    other = write_archive(tmp_path, AGENT_RUNNER, TAG, LINUX, content=b"not a program")
    with pytest.raises(ReleaseError, match="cannot measure the start"):
        measure_start(other, AGENT_RUNNER, LINUX)
