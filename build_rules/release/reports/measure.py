"""Measurements of an archive, on the machine that built it."""

from __future__ import annotations

import os
import platform as host
import re
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from release.errors import ReleaseError
from release.evidence import Metrics, Rebuild
from release.pack.archives import extract_member, file_sha256
from release.platforms import Platform
from release.project import Project

_RUNS = 5
_TIMEOUT = 120.0


def measure_start(archive: Path, project: Project, platform: Platform) -> float:
    """Median seconds until the executable, without configuration, reports what is missing.

    Raises ReleaseError if it doesn't exit.
    """
    name = platform.executable_name(project.program)
    with tempfile.TemporaryDirectory() as folder:
        executable = Path(folder) / name
        extract_member(archive, name, executable)
        times = []
        for _ in range(_RUNS):
            start = time.perf_counter()
            try:
                subprocess.run(
                    [executable],
                    env={"HOME": folder, "TMPDIR": folder},
                    cwd=folder,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    timeout=_TIMEOUT,
                    check=False,
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                raise ReleaseError(f"cannot measure the start of {name}: {error}") from error
            times.append(time.perf_counter() - start)
    return statistics.median(times)


def describe_machine() -> str:
    """A description of the machine: its system, number of cores and processor."""
    processor = host.processor() or host.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        models = re.findall(r"^model name\s*: (.+)$", cpuinfo.read_text(), re.MULTILINE)
        processor = models[0] if models else processor
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{host.system()} {host.release()}, {cores} cores, {processor}"


def compare_rebuild(archive: Path, rebuilt: Path) -> Rebuild:
    """Compare an archive with a second build of the same name."""
    for path in (archive, rebuilt):
        if not path.is_file():
            raise ReleaseError(f"{path} is not a file")
    if archive.name != rebuilt.name:
        raise ReleaseError(
            f"{rebuilt.name} is not a second build of {archive.name}: the names differ"
        )
    return Rebuild(
        archive=archive.name, sha256=file_sha256(archive), rebuilt_sha256=file_sha256(rebuilt)
    )


def make_metrics(
    archive: Path,
    *,
    cold: float | None,
    cached: float | None,
    start: float | None,
    machine: str,
) -> Metrics:
    if not archive.is_file():
        raise ReleaseError(f"{archive} is not a file")
    return Metrics(
        archive=archive.name,
        sha256=file_sha256(archive),
        build_seconds_cold=cold,
        build_seconds_cached=cached,
        start_seconds=start,
        machine=machine,
    )
