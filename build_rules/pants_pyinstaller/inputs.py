"""From a `pyinstaller_binary` target to what the layers need: fields and sources, read once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath

from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.target_types import (
    PythonRequirementsField,
    PythonResolveField,
    PythonSourceField,
    ResolvedPexEntryPoint,
    ResolvePexEntryPointRequest,
)
from pants.backend.python.util_rules.python_sources import (
    PythonSourceFilesRequest,
    StrippedPythonSourceFiles,
)
from pants.core.goals.package import OutputPathField, PackageFieldSet
from pants.core.goals.run import RunFieldSet, RunInSandboxBehavior
from pants.core.target_types import FileSourceField, ResourceSourceField
from pants.core.util_rules.source_files import SourceFiles, SourceFilesRequest
from pants.core.util_rules.stripped_source_files import StrippedSourceFiles
from pants.engine.addresses import Addresses, UnparsedAddressInputs
from pants.engine.fs import AddPrefix, Digest, MergeDigests
from pants.engine.rules import Get, MultiGet, Rule, collect_rules, rule
from pants.engine.target import (
    DependenciesRequest,
    ExplicitlyProvidedDependencies,
    InvalidFieldException,
    SourcesField,
    SpecialCasedDependencies,
    Targets,
    TransitiveTargets,
    TransitiveTargetsRequest,
)
from pants.engine.unions import UnionRule
from pants.util.frozendict import FrozenDict

from pants_pyinstaller import target_types as fields
from pants_pyinstaller._compat import EnvironmentField
from pants_pyinstaller.driver import contract
from pants_pyinstaller.exercises import Exercises, ExercisesRequest
from pants_pyinstaller.platforms import Platform
from pants_pyinstaller.subsystem import PyInstaller
from pants_pyinstaller.toolchain import (
    Host,
    Toolchain,
    ToolchainRequest,
    interpreter_constraints,
    toolchain_request,
)

SOURCES = "src"
DATA = "data"
HOOKS = "hooks"
RUNTIME_HOOKS = "runtime_hooks"


@dataclass(frozen=True)
class PyInstallerFieldSet(PackageFieldSet, RunFieldSet):
    required_fields = (fields.PyInstallerEntryPointField,)
    run_in_sandbox_behavior = RunInSandboxBehavior.RUN_REQUEST_HERMETIC

    args: fields.PyInstallerArgsField
    build_info: fields.PyInstallerBuildInfoField
    collect: fields.PyInstallerCollectField
    console: fields.PyInstallerConsoleField
    contents_directory: fields.PyInstallerContentsDirectoryField
    dependencies: fields.PyInstallerDependenciesField
    entry_point: fields.PyInstallerEntryPointField
    environment: EnvironmentField
    excludes: fields.PyInstallerExcludesField
    exercise_ignore: fields.PyInstallerExerciseIgnoreField
    exercise_network: fields.PyInstallerExerciseNetworkField
    exercise_timeout: fields.PyInstallerExerciseTimeoutField
    exercises: fields.PyInstallerExercisesField
    extra_env_vars: fields.PyInstallerExtraEnvVarsField
    hidden_imports: fields.PyInstallerHiddenImportsField
    hooks: fields.PyInstallerHooksField
    icon: fields.PyInstallerIconField
    interpreter_constraints: fields.PyInstallerInterpreterConstraintsField
    mode: fields.PyInstallerModeField
    optimize: fields.PyInstallerOptimizeField
    output_path: OutputPathField
    proof: fields.PyInstallerProofField
    proof_allow: fields.PyInstallerProofAllowField
    python_options: fields.PyInstallerPythonOptionsField
    resolve: PythonResolveField
    runtime_hooks: fields.PyInstallerRuntimeHooksField
    runtime_tmpdir: fields.PyInstallerRuntimeTmpdirField
    strip: fields.PyInstallerStripField
    windows_version_info: fields.PyInstallerWindowsVersionInfoField


@dataclass(frozen=True)
class HookFiles:
    """The files of the fields `hooks` and `runtime_hooks`, below HOOKS and RUNTIME_HOOKS."""

    hooks_digest: Digest
    hook_directories: tuple[str, ...]
    runtime_digest: Digest
    runtime_files: tuple[str, ...]


@dataclass(frozen=True)
class Application:
    """The first-party half of a freeze: sources below SOURCES, files below DATA.

    :param requirements: distributions that the target names in its `dependencies`.
    :param third_party: whether anything that it depends on is a third-party requirement.
    """

    digest: Digest
    entry_point: str
    data: FrozenDict[str, str]
    requirements: tuple[str, ...]
    third_party: bool


@dataclass(frozen=True)
class BinaryRequest:
    """A `pyinstaller_binary` for one platform."""

    field_set: PyInstallerFieldSet
    platform: Platform


@dataclass(frozen=True)
class FreezeRequest:
    """All that a `pyinstaller_binary` says, with its sources, before anything is frozen."""

    field_set: PyInstallerFieldSet
    resolve: str
    toolchain: Toolchain
    application: Application
    hooks: HookFiles
    exercises: Exercises


async def _source_files(field: SpecialCasedDependencies) -> SourceFiles:
    targets = await Get(Targets, UnparsedAddressInputs, field.to_unparsed_address_inputs())
    sources = [
        target[PythonSourceField] for target in targets if target.has_field(PythonSourceField)
    ]
    if field.value and len(sources) != len(targets):
        others = [str(t.address) for t in targets if not t.has_field(PythonSourceField)]
        raise InvalidFieldException(
            f"The '{field.alias}' field in target {field.address} names {', '.join(others)}, "
            "which holds no Python source. Name `python_source` or `python_sources` targets."
        )
    return await Get(SourceFiles, SourceFilesRequest(sources))


@dataclass(frozen=True)
class HookFilesRequest:
    hooks: fields.PyInstallerHooksField
    runtime_hooks: fields.PyInstallerRuntimeHooksField


@rule
async def hook_files(request: HookFilesRequest) -> HookFiles:
    hooks = await _source_files(request.hooks)
    runtime = await _source_files(request.runtime_hooks)
    wrong = [file for file in hooks.files if not PurePath(file).name.startswith("hook-")]
    if wrong:
        raise InvalidFieldException(
            f"The 'hooks' field in target {request.hooks.address} names {', '.join(wrong)}. "
            "PyInstaller only uses files that are named hook-<module>.py."
        )
    hooks_digest, runtime_digest = await MultiGet(
        Get(Digest, AddPrefix(hooks.snapshot.digest, HOOKS)),
        Get(Digest, AddPrefix(runtime.snapshot.digest, RUNTIME_HOOKS)),
    )
    directories = sorted({f"{HOOKS}/{PurePath(file).parent.as_posix()}" for file in hooks.files})
    return HookFiles(
        hooks_digest,
        tuple(directories),
        runtime_digest,
        tuple(f"{RUNTIME_HOOKS}/{file}" for file in runtime.files),
    )


@dataclass(frozen=True)
class NamedRequirementsRequest:
    dependencies: fields.PyInstallerDependenciesField


@dataclass(frozen=True)
class NamedRequirements:
    """Projects of the `python_requirement` targets that a BUILD file names; not those that are inferred."""

    projects: tuple[str, ...]


@rule
async def named_requirements(request: NamedRequirementsRequest) -> NamedRequirements:
    named = await Get(ExplicitlyProvidedDependencies, DependenciesRequest(request.dependencies))
    targets = await Get(Targets, Addresses(named.includes))
    return NamedRequirements(
        tuple(
            sorted(
                {
                    requirement.project_name
                    for target in targets
                    if target.has_field(PythonRequirementsField)
                    for requirement in target[PythonRequirementsField].value
                }
            )
        )
    )


@dataclass(frozen=True)
class ApplicationRequest:
    field_set: PyInstallerFieldSet


@rule
async def application(request: ApplicationRequest) -> Application:
    field_set = request.field_set
    transitive, entry_point, requirements = await MultiGet(
        Get(TransitiveTargets, TransitiveTargetsRequest([field_set.address])),
        Get(ResolvedPexEntryPoint, ResolvePexEntryPointRequest(field_set.entry_point)),
        Get(NamedRequirements, NamedRequirementsRequest(field_set.dependencies)),
    )
    assert entry_point.val is not None, "the field is required"
    closure = transitive.closure
    python, resources, files = await MultiGet(
        Get(
            StrippedPythonSourceFiles,
            PythonSourceFilesRequest(closure, include_resources=False, include_files=False),
        ),
        Get(
            StrippedSourceFiles,
            SourceFilesRequest(
                (target.get(SourcesField) for target in closure),
                for_sources_types=(ResourceSourceField,),
                enable_codegen=True,
            ),
        ),
        Get(
            SourceFiles,
            SourceFilesRequest(
                (target.get(SourcesField) for target in closure),
                for_sources_types=(FileSourceField,),
                enable_codegen=True,
            ),
        ),
    )
    sources = python.stripped_source_files.snapshot
    module = entry_point.val.module.replace(".", "/")
    if not {f"{module}.py", f"{module}/__init__.py", f"{module}/__main__.py"} & set(sources.files):
        raise InvalidFieldException(
            f"The 'entry_point' field in target {field_set.address} is "
            f"{entry_point.val.spec!r}, but no first-party module of that name is among the "
            "target's dependencies. Check the name, the BUILD file of the module's folder and its "
            "`resolve`."
        )
    prefixed_sources, prefixed_data = await MultiGet(
        Get(Digest, AddPrefix(sources.digest, SOURCES)),
        Get(
            Digest,
            AddPrefix(
                await Get(Digest, MergeDigests([resources.snapshot.digest, files.snapshot.digest])),
                DATA,
            ),
        ),
    )
    names = sorted({*resources.snapshot.files, *files.snapshot.files})
    spec = entry_point.val.spec
    if (
        entry_point.file_name_used
        and not entry_point.val.function
        and f"{module}/__init__.py" in sources.files
        and f"{module}.py" in sources.files
    ):
        spec = f"{module}.py"  # the package beside the file has the module's name
    return Application(
        await Get(Digest, MergeDigests([prefixed_sources, prefixed_data])),
        spec,
        FrozenDict({name: f"{DATA}/{name}" for name in names}),
        requirements.projects,
        any(target.has_field(PythonRequirementsField) for target in closure),
    )


@rule
async def freeze_request(
    request: BinaryRequest, host: Host, pyinstaller: PyInstaller, python_setup: PythonSetup
) -> FreezeRequest:
    field_set = request.field_set
    tmpdir = field_set.runtime_tmpdir
    if tmpdir.value and field_set.mode.value == contract.ONE_DIR:
        raise InvalidFieldException(
            f"The '{tmpdir.alias}' field in target {field_set.address} has no meaning with "
            f'mode="{contract.ONE_DIR}", which unpacks nothing. Remove one of the two.'
        )
    enabled = python_setup.enable_resolves
    resolve = field_set.resolve.normalized_value(python_setup) if enabled else "(none)"
    if field_set.exercises.value and field_set.proof.value == contract.PROOF_OFF:
        raise InvalidFieldException(
            f"The 'exercises' field in target {field_set.address} has no meaning with "
            f'proof="{contract.PROOF_OFF}". Remove one of the two.'
        )
    app, hooks, exercises, toolchain = await MultiGet(
        Get(Application, ApplicationRequest(field_set)),
        Get(HookFiles, HookFilesRequest(field_set.hooks, field_set.runtime_hooks)),
        Get(Exercises, ExercisesRequest(field_set.exercises)),
        Get(
            Toolchain,
            ToolchainRequest,
            toolchain_request(
                request.platform,
                host,
                interpreter_constraints(
                    pyinstaller.interpreter_constraints,
                    field_set.interpreter_constraints.value_or_global_default(python_setup),
                    python_setup.interpreter_versions_universe,
                    field_set.address,
                ),
            ),
        ),
    )
    return FreezeRequest(field_set, resolve, toolchain, app, hooks, exercises)


def rules() -> Iterable[Rule | UnionRule]:
    return collect_rules()
