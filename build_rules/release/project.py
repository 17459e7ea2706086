"""What is released, and what a release must keep to: data alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from release.manifest import Floor
from release.platforms import PLATFORMS, Platform, archive_name

MB = 1_000_000

NOTICES_NAME = "THIRD_PARTY_NOTICES.txt"


@dataclass(frozen=True)
class Budget:
    """What a platform's archive must not exceed; None where nothing has been measured yet.

    archive_bytes   size of the archive
    floor           highest floor of the executable and of all that it bundles
    start_seconds   time from start to the first message
    """

    archive_bytes: int
    floor: Floor | None = None
    start_seconds: float | None = None


@dataclass(frozen=True)
class Job:
    """Where a platform's archive is built and where it is started natively (runner labels).

    packages     Debian packages that the build needs and its runner lacks
    python       version of the Python that is frozen: python-build-standalone's
    glibc_floor  the newest glibc that anything inside may need; none elsewhere than on Linux
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
    """A program with releases of its own; `title` is its name in prose."""

    program: str
    title: str
    jobs: tuple[Job, ...]
    signing: Mapping[str, SigningMachine]
    """By the system's name: those whose executables can be signed after the build."""
    budgets: Mapping[str, Budget]
    """By the platform's name."""

    @property
    def tag_prefix(self) -> str:
        return f"{self.program}-v"

    @property
    def platforms(self) -> tuple[Platform, ...]:
        return tuple(job.platform for job in self.jobs)

    def archive(self, version: str, platform: Platform) -> str:
        return archive_name(self.program, version, platform)

    def base(self, version: str, platform: Platform) -> str:
        """An archive's name without its format: what files about it are named for."""
        return f"{self.program}-{version}-{platform.name}"

    def members(self, platform: Platform) -> dict[str, int]:
        """What an archive holds, with the permissions that each file has in it."""
        return {platform.executable_name(self.program): 0o755, NOTICES_NAME: 0o644}


_JOBS = (
    Job(PLATFORMS["darwin-arm64"], "macos-15", "macos-15"),
    Job(PLATFORMS["darwin-amd64"], "macos-15-intel", "macos-15-intel"),
    # The oldest runners there are, until April 2027: libstdc++ comes from them, and with it the floor.
    Job(PLATFORMS["linux-amd64"], "ubuntu-22.04", "ubuntu-24.04", glibc_floor="2.35"),
    Job(PLATFORMS["linux-arm64"], "ubuntu-22.04-arm", "ubuntu-24.04-arm", glibc_floor="2.35"),
    # Pants doesn't run on Windows: the executable is made on Linux, under Wine.
    Job(
        PLATFORMS["windows-amd64"],
        "ubuntu-24.04",
        "windows-2025",
        ("gcc-mingw-w64-x86-64", "wine", "wine64"),
        # The patch level of the Python for Windows that build_rules/pants_pyinstaller assembles.
        "3.13.0",
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
        PLATFORMS["darwin-arm64"].name: Budget(100 * MB),
        PLATFORMS["darwin-amd64"].name: Budget(100 * MB),
        # What laptops reach: Debian 12's libstdc++ asks for 2.36, the sysroot of Debian 13 for 2.38.
        PLATFORMS["linux-amd64"].name: Budget(100 * MB, Floor("glibc", "2.38"), 5.0),
        PLATFORMS["linux-arm64"].name: Budget(100 * MB, Floor("glibc", "2.38"), 5.0),
        PLATFORMS["windows-amd64"].name: Budget(100 * MB),
    },
)
