"""The server's metrics, for Prometheus.

BuildGrid reports each event to a bus that forwards it to a statsd server. Here the bus counts
events under BuildGrid's own names, beside the sweeper's figures about the folder.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass

from buildgrid._protos.build.buildgrid.monitoring_pb2 import LogRecord, MetricRecord
from buildgrid.server.monitoring import MonitoringBus, MonitoringOutputType
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, SummaryMetricFamily
from prometheus_client.registry import Collector

from remote_cache.storage import Sweeper

LABELS = ("serviceName", "method", "code", "type")
"""The metadata that become labels; the rest differs for each client."""


@dataclass
class _Series:
    count: int = 0
    total: float = 0.0


class Metrics(MonitoringBus, Collector):
    """Counts what BuildGrid reports."""

    def __init__(self, sweeper: Sweeper) -> None:
        super().__init__(endpoint_type=MonitoringOutputType.SILENT)
        self._sweeper = sweeper
        self._guard = threading.Lock()
        self._counters: dict[tuple[str, tuple[str, ...]], float] = {}
        self._summaries: dict[tuple[str, tuple[str, ...]], _Series] = {}

    @property
    def is_enabled(self) -> bool:
        return True

    def send_record_nowait(self, record: MetricRecord | LogRecord) -> None:
        if not isinstance(record, MetricRecord):
            return
        labels = tuple(str(record.metadata.get(label, "")) for label in LABELS)
        key = (record.name, labels)
        with self._guard:
            if record.type == MetricRecord.COUNTER:
                self._counters[key] = self._counters.get(key, 0.0) + record.count
            elif record.type in (MetricRecord.TIMER, MetricRecord.DISTRIBUTION):
                timed = record.type == MetricRecord.TIMER
                value = record.duration.ToMicroseconds() / 1000 if timed else record.count
                series = self._summaries.setdefault(key, _Series())
                series.count += 1
                series.total += value

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily | SummaryMetricFamily]:
        with self._guard:
            counters = sorted(self._counters.items())
            summaries = sorted(
                (key, series.count, series.total) for key, series in self._summaries.items()
            )
        adding: dict[str, CounterMetricFamily] = {}
        for (name, labels), value in counters:
            if name not in adding:
                title = f"BuildGrid's {name}"
                adding[name] = CounterMetricFamily(_name(name), title, labels=LABELS)
            adding[name].add_metric(labels, value)
        yield from adding.values()
        summing: dict[str, SummaryMetricFamily] = {}
        for (name, labels), count, total in summaries:
            if name not in summing:
                title = f"BuildGrid's {name}"
                summing[name] = SummaryMetricFamily(_name(name), title, labels=LABELS)
            summing[name].add_metric(labels, count_value=count, sum_value=total)
        yield from summing.values()
        sweeper = self._sweeper
        yield GaugeMetricFamily("remote_cache_kept_bytes", "Kept now", value=sweeper.kept_bytes)
        yield GaugeMetricFamily(
            "remote_cache_kept_files", "Kept at the last sweep", value=sweeper.kept_files
        )
        yield CounterMetricFamily(
            "remote_cache_expired_bytes", "Evicted for age", value=sweeper.expired_bytes
        )
        yield CounterMetricFamily(
            "remote_cache_evicted_bytes", "Evicted to make room", value=sweeper.evicted_bytes
        )


def _name(name: str) -> str:
    return f"buildgrid_{name.replace('.', '_')}"
