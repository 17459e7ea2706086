"""The interpreter of this machine."""

from __future__ import annotations

import json
from collections.abc import Iterable

from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.pex_environment import PythonExecutable
from pants.engine.fs import DigestSubset, PathGlobs
from pants.engine.internals.native_engine import Digest
from pants.engine.process import Process, ProcessResult
from pants.engine.rules import Get, Rule, collect_rules, rule
from pants.engine.unions import UnionRule
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from pants_pyinstaller._compat import EnvironmentTarget
from pants_pyinstaller.driver import contract
from pants_pyinstaller.own_files import DRIVER_PREFIX, DriverSources
from pants_pyinstaller.platforms import Platform
from pants_pyinstaller.subsystem import PyInstaller
from pants_pyinstaller.toolchain import NativeToolchainRequest, Toolchain


@rule(desc="Identify the interpreter that freezes", level=LogLevel.DEBUG)
async def find_native_toolchain(
    request: NativeToolchainRequest,
    pyinstaller: PyInstaller,
    driver: DriverSources,
    environment: EnvironmentTarget,
) -> Toolchain:
    python = await Get(PythonExecutable, InterpreterConstraints, request.interpreter_constraints)
    program = f"{DRIVER_PREFIX}/identity.py"
    sources = await Get(Digest, DigestSubset(driver.digest, PathGlobs([program])))
    path = ":".join(pyinstaller.search_path)
    result = await Get(
        ProcessResult,
        Process(
            (python.path, "-I", "-S", program),
            input_digest=sources,
            env={"PATH": path, "LC_ALL": "C"},
            description=f"Identify {python.path}",
            level=LogLevel.DEBUG,
            # The files that it reads are not inputs, so it runs again in each Pants daemon.
            cache_scope=environment.executable_search_path_cache_scope(),
        ),
    )
    found = json.loads(result.stdout)
    return Toolchain(
        platform=request.platform,
        version=found["version"],
        content=found["content"],
        command=(python.path,),
        env=FrozenDict(
            {**contract.ENVIRONMENT, "PATH": path, "INTERPRETER_CONTENT": found["content"]}
        ),
        wheels=("--python", python.path, *_wheel_platform(request.platform, pyinstaller)),
        python=python.path,
    )


def _wheel_platform(platform: Platform, pyinstaller: PyInstaller) -> tuple[str, ...]:
    """On Linux wheels don't depend on the machine's glibc; on macOS they follow the machine."""
    if platform.name.startswith("darwin-") and not pyinstaller.macos_floor:
        return ()
    return ("--python-platform", platform.wheels)


def rules() -> Iterable[Rule | UnionRule]:
    return collect_rules()
