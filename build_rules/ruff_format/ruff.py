"""The `[ruff]` subsystem and the rules that call it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pants.backend.python.subsystems.python_tool_base import LockfileRules, PythonToolBase
from pants.backend.python.target_types import ConsoleScript, PythonSourceField
from pants.backend.python.util_rules import pex
from pants.backend.python.util_rules.pex import PexRequest, VenvPex, VenvPexProcess
from pants.core.goals.fmt import FmtResult, FmtTargetsRequest
from pants.core.goals.lint import LintResult, LintTargetsRequest
from pants.core.util_rules.config_files import ConfigFiles, ConfigFilesRequest
from pants.core.util_rules.partitions import PartitionerType
from pants.core.util_rules.source_files import SourceFiles, SourceFilesRequest
from pants.engine.fs import Digest, MergeDigests
from pants.engine.internals.native_engine import Snapshot
from pants.engine.process import FallibleProcessResult
from pants.engine.rules import Get, MultiGet, Rule, collect_rules, rule
from pants.engine.target import FieldSet
from pants.engine.unions import UnionRule
from pants.option.option_types import FileOption, SkipOption
from pants.util.logging import LogLevel
from pants.util.meta import classproperty
from pants.util.strutil import pluralize


class Ruff(PythonToolBase):
    options_scope = "ruff"
    name = "Ruff"
    help = "The formatter and linter Ruff (`ruff format` and `ruff check`)."

    default_version = "ruff>=0.5"
    default_main = ConsoleScript("ruff")
    default_requirements = ["ruff>=0.5"]
    register_interpreter_constraints = True
    default_interpreter_constraints = ["CPython>=3.9,<4"]
    # Pants wants a name here; there is no such file: `install_from_resolve` names the lock.
    default_lockfile_resource = ("ruff_format", "ruff.lock")
    lockfile_rules_type = LockfileRules.SIMPLE

    skip = SkipOption("fmt", "lint")
    config = FileOption(default=None, help="The `pyproject.toml` or `ruff.toml` that ruff reads.")


@dataclass(frozen=True)
class RuffFieldSet(FieldSet):
    required_fields = (PythonSourceField,)

    source: PythonSourceField


class RuffFormatRequest(FmtTargetsRequest):
    field_set_type = RuffFieldSet
    tool_subsystem = Ruff  # type: ignore[assignment]  # declared by Pants as the base alone
    partitioner_type = PartitionerType.DEFAULT_SINGLE_PARTITION

    @classproperty
    def tool_name(cls) -> str:
        return "ruff format"

    @classproperty
    def tool_id(cls) -> str:
        return "ruff-format"


class RuffCheckRequest(LintTargetsRequest):
    field_set_type = RuffFieldSet
    tool_subsystem = Ruff  # type: ignore[assignment]  # declared by Pants as the base alone
    partitioner_type = PartitionerType.DEFAULT_SINGLE_PARTITION

    @classproperty
    def tool_name(cls) -> str:
        return "ruff check"

    @classproperty
    def tool_id(cls) -> str:
        return "ruff-check"


@dataclass(frozen=True)
class RuffRun:
    """One call of ruff on the files of `snapshot`: `ruff ARGS FILES`."""

    args: tuple[str, ...]
    snapshot: Snapshot


@rule(level=LogLevel.DEBUG)
async def run_ruff(request: RuffRun, ruff: Ruff) -> FallibleProcessResult:
    venv, config = await MultiGet(
        Get(VenvPex, PexRequest, ruff.to_pex_request()),
        Get(
            ConfigFiles,
            ConfigFilesRequest(
                specified=ruff.config, specified_option_name=f"[{ruff.options_scope}].config"
            ),
        ),
    )
    inputs = await Get(Digest, MergeDigests((request.snapshot.digest, config.snapshot.digest)))
    config_args = (f"--config={ruff.config}",) if ruff.config else ()
    files = request.snapshot.files
    return await Get(
        FallibleProcessResult,
        VenvPexProcess(
            venv,
            argv=(*request.args, "--no-cache", "--quiet", *config_args, *files),
            input_digest=inputs,
            output_files=files,
            description=f"Run ruff {request.args[0]} on {pluralize(len(files), 'file')}.",
            level=LogLevel.DEBUG,
        ),
    )


@rule(desc="Format with ruff", level=LogLevel.DEBUG)
async def ruff_format(request: RuffFormatRequest.Batch) -> FmtResult:
    result = await Get(FallibleProcessResult, RuffRun(("format",), request.snapshot))
    return await FmtResult.create(request, result, strip_chroot_path=True)


@rule(desc="Lint with ruff", level=LogLevel.DEBUG)
async def ruff_check(request: RuffCheckRequest.Batch[RuffFieldSet, Any]) -> LintResult:
    sources = await Get(
        SourceFiles, SourceFilesRequest(field_set.source for field_set in request.elements)
    )
    result = await Get(FallibleProcessResult, RuffRun(("check",), sources.snapshot))
    return LintResult.create(request, result, strip_chroot_path=True)


def rules() -> Iterable[Rule | UnionRule]:
    return [
        *collect_rules(),
        *RuffFormatRequest.rules(),
        *RuffCheckRequest.rules(),
        *pex.rules(),
    ]
