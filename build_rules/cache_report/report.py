"""From what Pants counts and says of its processes to a report. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

SCHEMA = 1

RAN = "Ran"
HIT_LOCALLY = "HitLocally"
HIT_REMOTELY = "HitRemotely"
"""What Pants calls the source of a process's result."""

_CACHED_SCOPES = ("Successful", "Always")
_SHOWN = 20


@dataclass(frozen=True)
class ProcessReport:
    """One process.

    source      where its result came from: RAN, HIT_LOCALLY or HIT_REMOTELY
    elapsed_ms  how long it took where it ran
    saved_ms    what the cache saved: that time without the time of the look-up
    cacheable   whether its result is stored at all
    key         the parts of its cache key by name
    cause       why it ran; empty for a hit
    """

    description: str
    source: str
    elapsed_ms: int
    saved_ms: int
    cacheable: bool
    key: Mapping[str, str] = field(default_factory=dict)
    cause: str = ""


@dataclass(frozen=True)
class Report:
    """One run: Pants' counters, bytes moved to and from the remote cache, and its processes."""

    counters: Mapping[str, int]
    downloaded_bytes: int | None
    uploaded_bytes: int | None
    processes: Sequence[ProcessReport]

    @property
    def configured(self) -> bool:
        """Whether a remote cache was asked or written at all."""
        names = ("remote_cache_requests", "remote_cache_write_attempts")
        return any(self.counters.get(name) for name in names)


def key_of(definition: Mapping[str, Any]) -> dict[str, str]:
    """The parts of a process's cache key, of Pants' definition of it."""
    parts = {f"argv[{number}]": word for number, word in enumerate(definition.get("argv", ()))}
    parts.update({f"env {name}": value for name, value in definition.get("env", {}).items()})
    inputs = definition.get("input_digests", {})
    found = {"input files": inputs.get("inputs")}
    found.update({f"input {name}": one for name, one in inputs.get("immutable_inputs", {}).items()})
    for name, one in found.items():
        parts[name] = (one or {}).get("digest", {}).get("fingerprint", "")
    parts["platform"] = definition.get("execution_environment", {}).get("platform", "")
    return parts


def process_report(workunit: Mapping[str, Any]) -> ProcessReport | None:
    """The process of a work unit, None for any other work unit."""
    metadata = workunit.get("metadata", {})
    if workunit.get("name") != "process" or "source" not in metadata:
        return None
    definition = json.loads(metadata.get("definition", "{}"))
    return ProcessReport(
        description=definition.get("description") or workunit.get("description", "?"),
        source=metadata["source"],
        elapsed_ms=int(metadata.get("total_elapsed_ms", 0)),
        saved_ms=int(metadata.get("saved_by_cache_ms", 0)),
        cacheable=definition.get("cache_scope") in _CACHED_SCOPES,
        key=key_of(definition),
    )


def differences(key: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """The names of the parts in which two keys differ."""
    return sorted(name for name in {*key, *other} if key.get(name) != other.get(name))


def cause(
    process: ProcessReport, counters: Mapping[str, int], known: Sequence[Mapping[str, str]]
) -> str:
    """Why a process ran, as far as this run and `known`, keys of its namesakes in another, tell."""
    if process.source != RAN:
        return ""
    if not process.cacheable:
        return "Pants runs it anew in each session"
    if not counters.get("remote_cache_requests"):
        return "no remote cache was asked"
    if counters.get("remote_cache_speculation_local_completed_first"):
        return "not found, or done here before the cache answered"
    failures = [
        words
        for name, words in (
            ("remote_cache_read_errors", "the cache could not be read"),
            ("remote_cache_request_timeouts", "the cache did not answer in time"),
            ("remote_store_missing_digest", "an output was missing in the cache"),
            ("backtrack_attempts", "an output was missing in the cache"),
        )
        if counters.get(name)
    ]
    if failures:
        return "not found, or " + failures[0]
    if not known:
        return "not found"
    closest = min((differences(process.key, other) for other in known), key=len)
    if not closest:
        return "not found, though its key is the compared run's: not written, or evicted"
    return "its key differs in " + ", ".join(closest)


def explain(report: Report, compared: Mapping[str, Any] | None = None) -> Report:
    """The report with causes, compared with the JSON of another one."""
    known: dict[str, list[Mapping[str, str]]] = {}
    for one in (compared or {}).get("processes", ()):
        known.setdefault(one["description"], []).append(one["key"])
    processes = [
        ProcessReport(
            **{
                **asdict(process),
                "cause": cause(process, report.counters, known.get(process.description, ())),
            }
        )
        for process in report.processes
    ]
    return Report(report.counters, report.downloaded_bytes, report.uploaded_bytes, processes)


def document(report: Report) -> dict[str, Any]:
    """The report as JSON."""
    return {"schema": SCHEMA, **asdict(report)}


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds / 1000:.1f} s"


def _bytes(size: int | None) -> str:
    return "unknown" if size is None else f"{size / 1_000_000:.1f} MB"


def _rows(report: Report) -> list[tuple[str, str]]:
    count = report.counters
    remote = count.get("remote_cache_requests_cached", 0)
    local = count.get("local_cache_requests_cached", 0)
    cacheable = [one for one in report.processes if one.cacheable]
    ran = [one for one in cacheable if one.source == RAN]
    rows = [
        ("found in the local cache", f"{local}"),
        ("found in the remote cache", f"{remote} of {count.get('remote_cache_requests', 0)} asked"),
        ("ran here", f"{len(ran)} of {len(cacheable)} whose result is kept"),
        (
            "time saved",
            _seconds(
                count.get("remote_cache_total_time_saved_ms", 0)
                + count.get("local_cache_total_time_saved_ms", 0)
            ),
        ),
        ("time of processes that ran", _seconds(count.get("local_process_total_time_run_ms", 0))),
        ("downloaded", _bytes(report.downloaded_bytes)),
        ("uploaded", _bytes(report.uploaded_bytes)),
        (
            "results written",
            f"{count.get('remote_cache_write_successes', 0)} of "
            f"{count.get('remote_cache_write_attempts', 0)}",
        ),
    ]
    troubles = {
        "read errors": "remote_cache_read_errors",
        "write errors": "remote_cache_write_errors",
        "time-outs": "remote_cache_request_timeouts",
        "missing outputs": "remote_store_missing_digest",
    }
    rows += [(name, f"{count[key]}") for name, key in troubles.items() if count.get(key)]
    return rows


def _misses(report: Report) -> list[ProcessReport]:
    ran = [one for one in report.processes if one.source == RAN and one.cacheable]
    return sorted(ran, key=lambda one: -one.elapsed_ms)


def text(report: Report) -> str:
    """For a terminal."""
    lines = ["Caches in this run:"]
    if not report.configured:
        lines.append("  no remote cache was used; docs/remote-cache.md says how to set one up")
    rows = _rows(report)
    width = max(len(name) for name, _ in rows)
    lines += [f"  {name.ljust(width)}  {value}" for name, value in rows]
    misses = _misses(report)
    if misses:
        lines.append("Ran here, the longest first:")
        lines += [
            f"  {_seconds(one.elapsed_ms):>8}  {one.description}: {one.cause}"
            for one in misses[:_SHOWN]
        ]
        if len(misses) > _SHOWN:
            lines.append(f"  and {len(misses) - _SHOWN} more")
    return "\n".join(lines)


def markdown(report: Report) -> str:
    """For a job's summary on GitHub."""

    def cell(value: str) -> str:
        return value.replace("|", "\\|").replace("\n", " ")

    lines = ["### Caches", "", "| | |", "|---|---:|"]
    lines += [f"| {cell(name)} | {cell(value)} |" for name, value in _rows(report)]
    misses = _misses(report)
    if misses:
        lines += ["", "| ran here | time | cause |", "|---|---:|---|"]
        lines += [
            f"| {cell(one.description)} | {_seconds(one.elapsed_ms)} | {cell(one.cause)} |"
            for one in misses[:_SHOWN]
        ]
    return "\n".join(lines) + "\n"
