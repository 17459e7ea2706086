"""A platform's Python: where it is, what it is made of, and the environment its programs get."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.pex_environment import PythonExecutable
from pants.core.util_rules.environments import EnvironmentTarget
from pants.engine.fs import DigestSubset, PathGlobs
from pants.engine.internals.native_engine import Digest
from pants.engine.process import Process, ProcessResult
from pants.engine.rules import Get, Rule, collect_rules, rule
from pants.engine.unions import UnionRule
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from pants_pyinstaller.driver import contract
from pants_pyinstaller.driver_sources import DRIVER_PREFIX, DriverSources
from pants_pyinstaller.subsystem import PyInstaller


@dataclass(frozen=True)
class ToolchainRequest:
    """The toolchain for the interpreters that `interpreter_constraints` allow."""

    interpreter_constraints: InterpreterConstraints


@dataclass(frozen=True)
class Toolchain:
    """An interpreter on this machine.

    `platform` is `OS-arch`; `content` the SHA-256 of all that the interpreter can put into an
    executable, which stands in `env` so that it is part of every process's key.
    """

    python: str
    version: str
    platform: str
    content: str
    env: FrozenDict[str, str]

    @property
    def windows(self) -> bool:
        return self.platform.startswith("windows-")


@rule(desc="Identify the interpreter that freezes", level=LogLevel.DEBUG)
async def find_toolchain(
    request: ToolchainRequest,
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
    env = {**contract.ENVIRONMENT, "PATH": path, "INTERPRETER_CONTENT": found["content"]}
    return Toolchain(
        python=python.path,
        version=found["version"],
        platform=found["platform"],
        content=found["content"],
        env=FrozenDict(env),
    )


def interpreter_constraints(
    pyinstaller: PyInstaller, python_setup: PythonSetup
) -> InterpreterConstraints:
    """What both `[pyinstaller]` and `[python]` allow."""
    return InterpreterConstraints.merge(
        (
            InterpreterConstraints(pyinstaller.interpreter_constraints),
            InterpreterConstraints(python_setup.interpreter_constraints),
        )
    )


def rules() -> Iterable[Rule | UnionRule]:
    return collect_rules()
