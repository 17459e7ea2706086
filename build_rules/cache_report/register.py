"""What Pants loads for `backend_packages = ["cache_report"]`: `[cache-report]` and two callbacks."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pants.engine.env_vars import EnvironmentVars, EnvironmentVarsRequest
from pants.engine.internals.scheduler import Workunit
from pants.engine.rules import Get, Rule, collect_rules, rule
from pants.engine.streaming_workunit_handler import (
    StreamingWorkunitContext,
    WorkunitsCallback,
    WorkunitsCallbackFactory,
    WorkunitsCallbackFactoryRequest,
)
from pants.engine.unions import UnionRule
from pants.option.global_options import GlobalOptions
from pants.option.option_types import BoolOption, StrOption
from pants.option.subsystem import Subsystem
from pants.util.strutil import softwrap

from cache_report import guard
from cache_report.histogram import HistogramError, total
from cache_report.report import (
    ProcessReport,
    Report,
    document,
    explain,
    markdown,
    process_report,
    text,
)

logger = logging.getLogger(__name__)

_SUMMARY = "GITHUB_STEP_SUMMARY"
_DOWNLOADED = "remote_store_blob_bytes_downloaded"
_UPLOADED = "remote_store_blob_bytes_uploaded"


class CacheReport(Subsystem):
    options_scope = "cache-report"
    help = "What the caches did for a run: hits, misses and their cause, bytes, saved time."

    enabled = BoolOption(
        default=False,
        help=softwrap(
            """
            Print the report at the end of the run, and append it to the job's summary where
            `GITHUB_STEP_SUMMARY` names one.
            """
        ),
    )
    file = StrOption(
        default="dist/cache-report.json",
        help="Where the report is written as JSON, with the parts of each process's key.",
    )
    compare = StrOption(
        default="",
        help=softwrap(
            """
            The report of another run, such as one of another machine. Of a process that ran although
            that run has one of its description, the parts of the key that differ are named.
            """
        ),
    )


class ReportCallback(WorkunitsCallback):
    """Collects the run's processes, and reports when it is over."""

    def __init__(self, file: str, compare: str, summary: str | None) -> None:
        self._file = Path(file)
        self._compare = compare
        self._summary = summary
        self._processes: list[ProcessReport] = []

    @property
    def can_finish_async(self) -> bool:
        return False  # the report belongs on the console

    def __call__(
        self,
        *,
        started_workunits: tuple[Workunit, ...],
        completed_workunits: tuple[Workunit, ...],
        finished: bool,
        context: StreamingWorkunitContext,
    ) -> None:
        for workunit in completed_workunits:
            process = process_report(workunit)
            if process is not None:
                self._processes.append(process)
        if not finished:
            return
        histograms = context.get_observation_histograms().get("histograms", {})
        counters = context.get_metrics()
        report = Report(
            counters,
            _total(histograms, _DOWNLOADED),
            _total(histograms, _UPLOADED),
            self._processes,
        )
        if not self._processes and not report.configured:
            return
        report = explain(report, _read(self._compare))
        _write(self._file, json.dumps(document(report), indent=1) + "\n")
        if self._summary:
            with open(self._summary, "a", encoding="utf-8") as summary:
                summary.write(markdown(report))
        logger.info("%s\n  written: %s", text(report), self._file)


def _total(histograms: dict[str, bytes], name: str) -> int | None:
    if name not in histograms:
        return 0
    try:
        return total(histograms[name])
    except HistogramError as error:
        logger.warning("Pants' histogram %s can't be read: %s", name, error)
        return None


def _read(path: str) -> dict[str, Any] | None:
    if not path:
        return None
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        logger.warning("[cache-report].compare: %s is no report: %s", path, error)
        return None
    return found if isinstance(found, dict) else None


def _write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.tmp")
    temporary.write_text(content, encoding="utf-8")
    temporary.replace(path)


class GuardCallback(WorkunitsCallback):
    """Looks at the connections to the remote cache whenever Pants reports its work, each second."""

    def __init__(self, store_address: str) -> None:
        self._peers = guard.addresses(store_address)

    @property
    def can_finish_async(self) -> bool:
        return True

    def __call__(
        self,
        *,
        started_workunits: tuple[Workunit, ...],
        completed_workunits: tuple[Workunit, ...],
        finished: bool,
        context: StreamingWorkunitContext,
    ) -> None:
        ended = guard.end_silent(self._peers)
        if ended:
            logger.warning(
                "The remote cache has been silent for %d s: %d of its connections were ended.",
                guard.SILENT_S,
                ended,
            )


@dataclass(frozen=True)
class GuardRequest(WorkunitsCallbackFactoryRequest):
    """Asks for the guard of the connections to the remote cache."""


@rule
async def make_guard(request: GuardRequest, options: GlobalOptions) -> WorkunitsCallbackFactory:
    address = options.remote_store_address
    return WorkunitsCallbackFactory(lambda: GuardCallback(address) if address else None)


@dataclass(frozen=True)
class CacheReportRequest(WorkunitsCallbackFactoryRequest):
    """Asks for the callback."""


@rule
async def make_callback(
    request: CacheReportRequest, options: CacheReport
) -> WorkunitsCallbackFactory:
    # The client's variable, not the daemon's.
    environment = await Get(EnvironmentVars, EnvironmentVarsRequest([_SUMMARY]))
    summary = environment.get(_SUMMARY)
    return WorkunitsCallbackFactory(
        lambda: ReportCallback(options.file, options.compare, summary) if options.enabled else None
    )


def rules() -> Iterable[Rule | UnionRule]:
    return [
        *collect_rules(),
        UnionRule(WorkunitsCallbackFactoryRequest, CacheReportRequest),
        UnionRule(WorkunitsCallbackFactoryRequest, GuardRequest),
    ]
