"""What is released, and its limits: only data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from release.manifest import Floor
from release.platforms import PLATFORMS, Platform, archive_name

MB = 1_000_000

NOTICES_NAME = "THIRD_PARTY_NOTICES.txt"


@dataclass(frozen=True)
class Budget:
    """Limits of a platform's archive; None if nothing has been measured yet.

    archive_bytes   size of the archive
    floor           highest floor of the executable and everything in it
    start_seconds   time from start to the first message
    """

    archive_bytes: int
    floor: Floor | None = None
    start_seconds: float | None = None


@dataclass(frozen=True)
class Job:
    """Where a platform's archive is built and where it is started (runner labels).

    packages     Debian packages that the build needs and its runner lacks
    python       version of the Python to freeze, from python-build-standalone
    glibc_floor  the newest glibc that anything inside may need; only on Linux
    """

    platform: Platform
    build_on: str
    smoke_on: str
    packages: tuple[str, ...] = ()
    python: str = "3.13"
    glibc_floor: str = ""


@dataclass(frozen=True)
class SigningMachine:
    """Where a system's executables are signed (runner label), and the Debian packages it needs."""

    runner: str
    packages: tuple[str, ...] = ()


@dataclass(frozen=True)
class Project:
    """A program that is released; `title` is its name in prose."""

    program: str
    title: str
    jobs: tuple[Job, ...]
    signing: Mapping[str, SigningMachine]
    """The systems whose executables can be signed after the build, by name."""
    budgets: Mapping[str, Budget]
    """By platform name."""

    @property
    def tag_prefix(self) -> str:
        return f"{self.program}-v"

    @property
    def platforms(self) -> tuple[Platform, ...]:
        return tuple(job.platform for job in self.jobs)

    def archive(self, version: str, platform: Platform) -> str:
        return archive_name(self.program, version, platform)

    def base(self, version: str, platform: Platform) -> str:
        """An archive's name without its format, the prefix of the evidence files."""
        return f"{self.program}-{version}-{platform.name}"

    def members(self, platform: Platform) -> dict[str, int]:
        """The files in an archive, with their permissions."""
        return {platform.executable_name(self.program): 0o755, NOTICES_NAME: 0o644}


_JOBS = (
    Job(PLATFORMS["darwin-arm64"], "macos-15", "macos-15"),
    Job(PLATFORMS["darwin-amd64"], "macos-15-intel", "macos-15-intel"),
    # The oldest runners available, until April 2027: their libstdc++ decides the floor.
    Job(PLATFORMS["linux-amd64"], "ubuntu-22.04", "ubuntu-24.04", glibc_floor="2.35"),
    Job(PLATFORMS["linux-arm64"], "ubuntu-22.04-arm", "ubuntu-24.04-arm", glibc_floor="2.35"),
    # Pants doesn't run on Windows: the executable is built on Linux, under Wine.
    Job(
        PLATFORMS["windows-amd64"],
        "ubuntu-24.04",
        "windows-2025",
        ("gcc-mingw-w64-x86-64", "wine", "wine64"),
        # The newest of build_rules/pants_pyinstaller/toolchains/cores, which Python for Windows is made of.
        "3.13.11",
    ),
)

AGENT_RUNNER = Project(
    program="agent-runner",
    title="Agent-Runner",
    jobs=_JOBS,
    signing={
        "darwin": SigningMachine("macos-15"),
        "windows": SigningMachine("ubuntu-24.04", ("osslsigncode",)),
    },
    budgets={
        PLATFORMS["darwin-arm64"].name: Budget(100 * MB, Floor("macOS", "12.0")),
        PLATFORMS["darwin-amd64"].name: Budget(100 * MB, Floor("macOS", "12.0")),
        # Reachable on laptops: Debian 12's libstdc++ needs 2.36, the sysroot of Debian 13 needs
        # 2.38.
        PLATFORMS["linux-amd64"].name: Budget(100 * MB, Floor("glibc", "2.38"), 5.0),
        PLATFORMS["linux-arm64"].name: Budget(100 * MB, Floor("glibc", "2.38"), 5.0),
        PLATFORMS["windows-amd64"].name: Budget(100 * MB),
    },
)
