"""The platforms that executables are made for, and how each is built on which host: data alone.

A platform is written `OS-arch` with Go's words for both. A new one is an entry here and, where it
is built in a new way, an acquisition in `toolchains/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from pants.util.frozendict import FrozenDict


class Build(Enum):
    """How a platform's programs are run on a host; each value has a module in `toolchains/`.

    FOREIGN: not at all. They are put together there, and proved on a machine of the platform.
    """

    NATIVE = "native"
    SYSROOT = "sysroot"
    WINE = "wine"
    FOREIGN = "foreign"


@dataclass(frozen=True)
class Platform:
    """A platform and what of it the rules have to know.

    wheels   its name in uv's `--python-platform`, which decides the tags of wheels and the markers
             of requirements; `{glibc}` stands for the newest glibc that they may need, as in `2_28`
    markers  the variables of environment markers that the platform decides
    cross    hosts that build for it although they are another platform, and how
    """

    name: str
    executable_suffix: str
    wheels: str
    markers: Mapping[str, str]
    cross: Mapping[str, Build] = field(default_factory=FrozenDict)

    def build_on(self, host: str) -> Build | None:
        """How it is built on the platform `host`; None where it can't be."""
        return Build.NATIVE if host == self.name else self.cross.get(host)

    def __str__(self) -> str:
        return self.name


def _markers(os_name: str, sys_platform: str, system: str, machine: str) -> Mapping[str, str]:
    return FrozenDict(
        {
            "os_name": os_name,
            "sys_platform": sys_platform,
            "platform_system": system,
            "platform_machine": machine,
        }
    )


PLATFORMS = {
    platform.name: platform
    for platform in (
        Platform(
            "darwin-arm64",
            "",
            "aarch64-apple-darwin",
            _markers("posix", "darwin", "Darwin", "arm64"),
            FrozenDict({"linux-amd64": Build.FOREIGN}),
        ),
        Platform(
            "darwin-amd64",
            "",
            "x86_64-apple-darwin",
            _markers("posix", "darwin", "Darwin", "x86_64"),
            FrozenDict({"linux-amd64": Build.FOREIGN}),
        ),
        Platform(
            "linux-amd64",
            "",
            "x86_64-manylinux_{glibc}",
            _markers("posix", "linux", "Linux", "x86_64"),
        ),
        Platform(
            "linux-arm64",
            "",
            "aarch64-manylinux_{glibc}",
            _markers("posix", "linux", "Linux", "aarch64"),
            FrozenDict({"linux-amd64": Build.SYSROOT}),
        ),
        Platform(
            "windows-amd64",
            ".exe",
            "x86_64-pc-windows-msvc",
            _markers("nt", "win32", "Windows", "AMD64"),
            FrozenDict({"linux-amd64": Build.WINE}),
        ),
    )
}
"""Every platform, by name."""

PANTS_PLATFORMS = {
    "linux_arm64": "linux-arm64",
    "linux_x86_64": "linux-amd64",
    "macos_arm64": "darwin-arm64",
    "macos_x86_64": "darwin-amd64",
}
"""Pants' names for the platforms that it runs on (`pants.engine.platform.Platform` values)."""

HOST = "host"
ALL = "all"


class PlatformError(ValueError):
    """`[pyinstaller].platforms` asks for what there is not."""


def choose(asked: tuple[str, ...], host: str) -> tuple[Platform, ...]:
    """The platforms that `[pyinstaller].platforms` names on the platform `host`, the host first.

    Raises PlatformError for a name that is no platform, or one that `host` can't build.
    """
    buildable = {name for name, platform in PLATFORMS.items() if platform.build_on(host)}
    wanted: set[str] = set()
    for name in asked:
        if name == HOST:
            wanted.add(host)
        elif name == ALL:
            wanted |= buildable
        elif name not in PLATFORMS:
            raise PlatformError(
                f"[pyinstaller].platforms names {name!r}. Known are {HOST}, {ALL}, "
                f"{', '.join(PLATFORMS)}."
            )
        elif name not in buildable:
            hosts = [name, *PLATFORMS[name].cross]
            raise PlatformError(
                f"[pyinstaller].platforms names {name!r}, which can't be built on {host}: it is "
                f"built on {' or '.join(hosts)}. Here can be built: "
                f"{', '.join(sorted(buildable))}."
            )
        else:
            wanted.add(name)
    if not wanted:
        raise PlatformError(f"[pyinstaller].platforms is empty: give {HOST}, {ALL} or a list.")
    return tuple(PLATFORMS[name] for name in sorted(wanted, key=lambda name: (name != host, name)))
