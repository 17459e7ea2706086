"""The options `[pyinstaller]` and `[pyinstaller-uv]`."""

from __future__ import annotations

from collections.abc import Iterable

from pants.backend.python.subsystems.python_tool_base import PythonToolBase
from pants.backend.python.target_types import ConsoleScript
from pants.engine.rules import Rule, collect_rules
from pants.engine.unions import UnionRule
from pants.option.option_types import BoolOption, StrListOption, StrOption
from pants.option.subsystem import Subsystem
from pants.util.strutil import softwrap

from pants_pyinstaller._compat import LOCKFILE_RULES_TYPE
from pants_pyinstaller.driver import contract
from pants_pyinstaller.platforms import ALL, HOST, PLATFORMS

REMOTE_FIRST_MS = 20_000
"""How long a remote cache may take to answer and to send before a process starts here as well, in
milliseconds: 200 MB at 100 Mbit/s. Without it both start at once, and what the cache spares is begun
nevertheless. A cache that says no, or can't be reached, is not waited for; one that hangs costs this
time at each of the five steps that follow one another. No part of a process's key."""

KITS_NONE, KITS_DEFERRED, KITS_CROSS, KITS_ALL = "none", "deferred", "cross", "all"


class PyInstaller(Subsystem):
    options_scope = "pyinstaller"
    help = "How `pyinstaller_binary` targets are frozen."

    install_from_resolve = StrOption(
        default=None,
        help=softwrap(
            f"""
            The resolve that holds PyInstaller {contract.PYINSTALLER_SUPPORTED} and nothing of the
            application, in place of the lockfile that this backend brings. It is installed apart, so
            that nothing of it gets into an executable.
            """
        ),
    )
    tailor = BoolOption(
        default=False,
        help="Let `tailor` propose a `pyinstaller_binary` for each file that has a `main`.",
    )
    build_from_source = StrListOption(
        default=[],
        help=softwrap(
            """
            Distributions that may be built from source where they have no wheel for the target, by
            the compilers in `search_path`. Only on the platform that the executable is for. What
            builds them (setuptools and the like) is taken from the index as it is at that time; the
            result is cached. Prefer wheels: what is built here may need a newer glibc.
            """
        ),
    )
    interpreter_constraints = StrListOption(
        default=["CPython>=3.10,<3.15"],
        help=softwrap(
            """
            Which interpreter freezes, and so goes into the executable. The interpreter needs a
            shared libpython. Constraints of `[python].interpreter_constraints` apply as well.
            """
        ),
    )
    platforms = StrListOption(
        default=[HOST],
        help=softwrap(
            f"""
            For which platforms executables are made: `{HOST}`, the one that Pants runs on;
            `{ALL}`, the host and every platform that it can build; or a list of
            {", ".join(PLATFORMS)}. The host's executable lies at the target's `output_path`, each
            other one in a directory beside it that is named for the platform.
            """
        ),
    )
    glibc_floor = StrOption(
        default="",
        help=softwrap(
            """
            The newest glibc that an executable for Linux may need, such as `2.28`. No wheel that
            needs a newer one is taken, and a bundled library that does fails the build and is
            named. By default the lowest that the interpreter and the lock allow: wheels are taken
            for the oldest glibc for which every distribution has one, and the manifest beside the
            executable states what it needs.
            """
        ),
    )
    macos_floor = StrOption(
        default="",
        help=softwrap(
            """
            The same for macOS, such as `12.0`. By default what the interpreter and the building
            machine's wheels need.
            """
        ),
    )
    codesign_identity = StrOption(
        default="",
        help=softwrap(
            """
            macOS: the identity in the building user's keychain that signs executables, such as
            `Developer ID Application: Name (TEAM)`. By default they are signed ad hoc, which arm64
            Macs ask of every program. A signature holds the time, so its bytes are not reproducible.
            """
        ),
    )
    proof_kits = StrOption(
        default=KITS_DEFERRED,
        help=softwrap(
            f"""
            For which executables a proof kit is made, the executable `NAME-proof` beside them: `{KITS_DEFERRED}`,
            those for platforms whose programs can't run on this machine; `{KITS_CROSS}`, those for all
            platforms but this machine's; `{KITS_ALL}`; or `{KITS_NONE}`. Started on a machine of the
            platform, a kit repeats the proof there and writes a report. One-file executables alone have them.
            """
        ),
    )
    debian_mirror = StrOption(
        default="",
        help=softwrap(
            """
            Base address of a Debian mirror, from which another architecture's pinned packages are
            taken. By default the sources of this machine's own apt.
            """
        ),
    )
    search_path = StrListOption(
        default=["/usr/bin", "/bin", "/usr/sbin", "/sbin"],
        help=softwrap(
            """
            Where the freezer finds objdump, objcopy, strip, ldd and ldconfig. The caller's PATH has
            no influence on a build.
            """
        ),
    )
    host_libraries = StrOption(
        default=contract.HOST_LIBRARIES_LIST,
        help=softwrap(
            """
            Libraries that come from this machine, neither from the lock nor from the interpreter
            (libssl, libffi ...): `allow` bundles them, `list` also logs them, `deny` fails and
            names them. The manifest beside the executable lists them in any case.
            """
        ),
    )


class Uv(PythonToolBase):
    options_scope = "pyinstaller-uv"  # Pants 2.32 has its own [uv]
    name = "uv"
    help = "Installs a resolve's wheels for freezing; checks every file against the lock's hashes."

    default_version = "uv>=0.8"
    default_main = ConsoleScript("uv")
    default_requirements = ["uv>=0.8"]
    register_interpreter_constraints = True
    default_interpreter_constraints = ["CPython>=3.9,<4"]
    default_lockfile_resource = ("pants_pyinstaller.locks", "uv.lock")
    lockfile_rules_type = LOCKFILE_RULES_TYPE


def rules() -> Iterable[Rule | UnionRule]:
    return collect_rules()
