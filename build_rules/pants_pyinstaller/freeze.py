"""The steps of a freeze as cached processes: a rule each, from the `FreezeRequest` to its result.

    wheels -> Layer -+-> Packed
                     +-> Trace
                     +-> AppLayer -> Check -> Exercise -> chunks -> Assembled

A step's process holds only what the step reads: `Assembled` alone sees `build_info`, and nothing
before `AppLayer` sees first-party code. So targets over one lock share the processes of `Layer`,
`Packed` and `Trace`. The programs are documented in `driver/contract.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from pants.build_graph.address import Address
from pants.engine.fs import (
    EMPTY_DIGEST,
    AddPrefix,
    CreateDigest,
    Digest,
    DigestSubset,
    FileContent,
    MergeDigests,
    PathGlobs,
    RemovePrefix,
)
from pants.engine.process import (
    FallibleProcessResult,
    Process,
    ProcessCacheScope,
    ProcessResult,
)
from pants.engine.rules import Get, MultiGet, Rule, collect_rules, rule
from pants.engine.unions import UnionRule
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from pants_pyinstaller import own_files
from pants_pyinstaller.driver import contract
from pants_pyinstaller.errors import require_success
from pants_pyinstaller.exercises import EXERCISES
from pants_pyinstaller.inputs import SOURCES, FreezeRequest
from pants_pyinstaller.lockfiles import PYINSTALLER, Requirements, RequirementsRequest
from pants_pyinstaller.own_files import DRIVER_PREFIX, DriverSources
from pants_pyinstaller.subsystem import REMOTE_FIRST_MS, PyInstaller
from pants_pyinstaller.toolchain import Toolchain
from pants_pyinstaller.wheels import Wheels, WheelsRequest

logger = logging.getLogger(__name__)

_OUTPUT = "out"
_REQUEST = "request.json"
_CACHE = ".cache"
_CACHE_NAME = "pyinstaller_layers"
_PACK = "pack"
_JOIN = 'cat "$0"/* > "$1" && chmod 755 "$1"'


@dataclass(frozen=True)
class DriverRun:
    """One run of a driver program.

    `mounts` are large, shared inputs: they are written to disk once a Pants session and appear in
    the sandbox as links. `files` are copied into it. The address only explains a failure.
    """

    program: str
    request: str
    toolchain: Toolchain
    mounts: FrozenDict[str, Digest]
    files: Digest
    description: str
    address: Address


@dataclass(frozen=True)
class DriverOutput:
    """What the program wrote."""

    digest: Digest


@rule
async def run_driver(run: DriverRun, driver: DriverSources) -> DriverOutput:
    request = await Get(Digest, CreateDigest([FileContent(_REQUEST, run.request.encode())]))
    toolchain = run.toolchain
    inputs = await Get(Digest, MergeDigests([driver.digest, request, run.files, toolchain.files]))
    result = await Get(
        FallibleProcessResult,
        Process(
            (
                *toolchain.command,
                *contract.INTERPRETER_FLAGS,
                f"{DRIVER_PREFIX}/__main__.py",
                run.program,
                _REQUEST,
            ),
            input_digest=inputs,
            immutable_input_digests={**toolchain.mounts, **run.mounts},
            append_only_caches={**toolchain.caches, _CACHE_NAME: _CACHE},
            env=toolchain.env,
            output_directories=(_OUTPUT,),
            description=run.description,
            level=LogLevel.INFO,
            remote_cache_speculation_delay_millis=REMOTE_FIRST_MS,
        ),
    )
    require_success(result, what=run.description, repeat=run.address.spec)
    digest = await Get(Digest, RemovePrefix(result.output_digest, _OUTPUT))
    return DriverOutput(digest)


@dataclass(frozen=True)
class Layer:
    """A dependency layer and what it was made of, each a digest to mount."""

    site: Digest
    tool: Digest
    digest: Digest


@rule
async def make_layer(request: FreezeRequest, pyinstaller: PyInstaller) -> Layer:
    toolchain = request.toolchain
    resolves = (request.resolve, pyinstaller.install_from_resolve or PYINSTALLER)
    own, tools = await MultiGet(
        Get(
            Requirements,
            RequirementsRequest(resolves[0], toolchain, request.application.third_party),
        ),
        Get(Requirements, RequirementsRequest(resolves[1], toolchain)),
    )
    site, tool = await MultiGet(
        Get(Wheels, WheelsRequest(resolves[0], own, toolchain)),
        Get(Wheels, WheelsRequest(resolves[1], tools, toolchain)),
    )
    output = await Get(
        DriverOutput,
        DriverRun(
            program=contract.LAYER,
            request=contract.LayerRequest(
                site="site",
                tool="tool",
                output=_OUTPUT,
                cache=_CACHE,
                hooks=request.hooks.hook_directories,
                optimize=request.field_set.optimize.value or 0,
                strip=request.field_set.strip.value,
            ).to_json(),
            toolchain=toolchain,
            mounts=FrozenDict({"site": site.digest, "tool": tool.digest}),
            files=request.hooks.hooks_digest,
            description=f"Analyse and compile the resolve `{request.resolve}`",
            address=request.field_set.address,
        ),
    )
    return Layer(site.digest, tool.digest, output.digest)


@dataclass(frozen=True)
class Packed:
    """A layer's files, compressed, as mounts: empty for a one-dir program, which has no use for them."""

    mounts: FrozenDict[str, Digest]


@rule
async def pack_layer(request: FreezeRequest) -> Packed:
    if request.field_set.mode.value != contract.ONE_FILE:
        return Packed(FrozenDict())
    layer = await Get(Layer, FreezeRequest, request)
    output = await Get(
        DriverOutput,
        DriverRun(
            program=contract.PACK,
            request=contract.PackRequest(layer="layer", output=_OUTPUT, cache=_CACHE).to_json(),
            toolchain=request.toolchain,
            mounts=FrozenDict({"layer": layer.digest, "tool": layer.tool}),
            files=EMPTY_DIGEST,
            description=f"Compress the native libraries of the resolve `{request.resolve}`",
            address=request.field_set.address,
        ),
    )
    return Packed(FrozenDict({_PACK: output.digest}))


@dataclass(frozen=True)
class Trace:
    """What each module of a layer does when it is imported frozen."""

    digest: Digest


@rule
async def trace_layer(request: FreezeRequest) -> Trace:
    layer = await Get(Layer, FreezeRequest, request)
    output = await Get(
        DriverOutput,
        DriverRun(
            program=contract.TRACE,
            request=contract.TraceRequest(
                layer="layer", site="site", output=_OUTPUT, cache=_CACHE
            ).to_json(),
            toolchain=request.toolchain,
            mounts=FrozenDict({"layer": layer.digest, "site": layer.site}),
            files=EMPTY_DIGEST,
            description=f"Import every module of the resolve `{request.resolve}` frozen",
            address=request.field_set.address,
        ),
    )
    return Trace(output.digest)


@dataclass(frozen=True)
class AppLayer:
    """First-party code compiled, and the selection of what it needs from the layer."""

    digest: Digest
    layer: Layer
    trace: Trace | None


@rule
async def make_app_layer(request: FreezeRequest) -> AppLayer:
    field_set = request.field_set
    layer = await Get(Layer, FreezeRequest, request)
    mounts = {"layer": layer.digest, "site": layer.site, "tool": layer.tool}
    trace = None
    if field_set.proof.value == contract.PROOF_CLOSURE:
        trace = await Get(Trace, FreezeRequest, request)
        mounts["trace"] = trace.digest
    files = await Get(
        Digest,
        MergeDigests(
            [
                request.application.digest,
                request.hooks.hooks_digest,
                request.hooks.runtime_digest,
            ]
        ),
    )
    output = await Get(
        DriverOutput,
        DriverRun(
            program=contract.APP,
            request=contract.AppRequest(
                layer="layer",
                site="site",
                tool="tool",
                output=_OUTPUT,
                source_roots=(SOURCES,),
                entry_point=request.application.entry_point,
                trace="trace" if trace else None,
                hidden_imports=field_set.hidden_imports.value or (),
                collect=field_set.collect.value or (),
                excludes=field_set.excludes.value or (),
                hooks=request.hooks.hook_directories,
                runtime_hooks=request.hooks.runtime_files,
                data=dict(request.application.data),
                optimize=field_set.optimize.value or 0,
                requirements=request.application.requirements,
                address=field_set.address.spec,
            ).to_json(),
            toolchain=request.toolchain,
            mounts=FrozenDict(mounts),
            files=files,
            description=f"Select what {field_set.address} needs",
            address=field_set.address,
        ),
    )
    return AppLayer(output.digest, layer, trace)


@dataclass(frozen=True)
class Check:
    """That what the application reaches does the same frozen as unfrozen; None where not asked."""

    digest: Digest | None


@rule
async def check_application(request: FreezeRequest) -> Check:
    field_set = request.field_set
    if field_set.proof.value == contract.PROOF_OFF:
        return Check(None)
    app, packed = await MultiGet(
        Get(AppLayer, FreezeRequest, request), Get(Packed, FreezeRequest, request)
    )
    mounts = {
        "layer": app.layer.digest,
        "site": app.layer.site,
        "tool": app.layer.tool,
        **packed.mounts,
    }
    if app.trace:
        mounts["trace"] = app.trace.digest
    app_digest = await Get(Digest, AddPrefix(app.digest, "app"))
    output = await Get(
        DriverOutput,
        DriverRun(
            program=contract.CHECK,
            request=contract.CheckRequest(
                mode=field_set.mode.value or contract.ONE_FILE,
                pack=_PACK if packed.mounts else None,
                layer="layer",
                app="app",
                site="site",
                tool="tool",
                output=_OUTPUT,
                source_roots=(SOURCES,),
                trace="trace" if app.trace else None,
                cache=_CACHE,
                allow=dict(field_set.proof_allow.value or {}),
            ).to_json(),
            toolchain=request.toolchain,
            mounts=FrozenDict(mounts),
            files=await Get(Digest, MergeDigests([app_digest, request.application.digest])),
            description=f"Prove that {field_set.address} imports frozen as unfrozen",
            address=field_set.address,
        ),
    )
    return Check(output.digest)


@dataclass(frozen=True)
class Exercise:
    """That the target's exercises do the same frozen as unfrozen; None where there are none."""

    digest: Digest | None


@rule
async def exercise_application(request: FreezeRequest) -> Exercise:
    field_set = request.field_set
    if not request.exercises.modules:
        return Exercise(None)
    if request.toolchain.windows:  # Wine's processes and pipes differ from those of Windows
        logger.info("%s: exercises are not run under Wine", field_set.address)
        return Exercise(None)
    app, check, packed = await MultiGet(
        Get(AppLayer, FreezeRequest, request),
        Get(Check, FreezeRequest, request),
        Get(Packed, FreezeRequest, request),
    )
    assert check.digest is not None, "exercises are refused without a proof"
    mounts = {"layer": app.layer.digest, "site": app.layer.site, **packed.mounts}
    if app.trace:
        mounts["trace"] = app.trace.digest
    app_digest, check_digest = await MultiGet(
        Get(Digest, AddPrefix(app.digest, "app")), Get(Digest, AddPrefix(check.digest, "check"))
    )
    parts = [app_digest, check_digest, request.application.digest, request.exercises.digest]
    output = await Get(
        DriverOutput,
        DriverRun(
            program=contract.EXERCISE,
            request=contract.ExerciseRequest(
                layer="layer",
                app="app",
                check="check",
                site="site",
                output=_OUTPUT,
                source_roots=(SOURCES,),
                exercise_roots=(EXERCISES,),
                exercises=dict(request.exercises.modules),
                trace="trace" if app.trace else None,
                pack=_PACK if packed.mounts else None,
                mode=field_set.mode.value or contract.ONE_FILE,
                contents_directory=field_set.contents_directory.value or contract.CONTENTS,
                python_options=field_set.python_options.value or (),
                timeout=field_set.exercise_timeout.value or 0,
                network=field_set.exercise_network.value,
                ignore=dict(field_set.exercise_ignore.value or {}),
            ).to_json(),
            toolchain=request.toolchain,
            mounts=FrozenDict(mounts),
            files=await Get(Digest, MergeDigests(parts)),
            description=f"Run the exercises of {field_set.address} unfrozen and frozen",
            address=field_set.address,
        ),
    )
    return Exercise(output.digest)


@dataclass(frozen=True)
class AssembledRequest:
    """The executable of `freeze`, with the build information that no earlier step sees."""

    freeze: FreezeRequest
    name: str
    build_info: FrozenDict[str, str]
    extra: FrozenDict[str, str]
    extra_digest: Digest


@dataclass(frozen=True)
class Assembled:
    """The executable (or its directory) with contract.MANIFEST and contract.NOTICES beside it."""

    digest: Digest
    executable: str


@rule
async def assemble(request: AssembledRequest, pyinstaller: PyInstaller) -> Assembled:
    freeze = request.freeze
    field_set = freeze.field_set
    app, check, exercise, packed = await MultiGet(
        Get(AppLayer, FreezeRequest, freeze),
        Get(Check, FreezeRequest, freeze),
        Get(Exercise, FreezeRequest, freeze),
        Get(Packed, FreezeRequest, freeze),
    )
    mode = field_set.mode.value or contract.ONE_FILE
    mounts = {
        "layer": app.layer.digest,
        "site": app.layer.site,
        "tool": app.layer.tool,
        **packed.mounts,
    }
    parts = [
        await Get(Digest, AddPrefix(app.digest, "app")),
        freeze.application.digest,
        freeze.hooks.runtime_digest,
        request.extra_digest,
    ]
    if check.digest is not None:
        parts.append(await Get(Digest, AddPrefix(check.digest, "check")))
    if exercise.digest is not None:
        parts.append(await Get(Digest, AddPrefix(exercise.digest, "exercise")))
    output = await Get(
        DriverOutput,
        DriverRun(
            program=contract.ASSEMBLE,
            request=contract.AssembleRequest(
                layer="layer",
                app="app",
                tool="tool",
                output=_OUTPUT,
                name=request.name,
                site="site",
                pack=_PACK if packed.mounts else None,
                check="check" if check.digest is not None else None,
                exercise="exercise" if exercise.digest is not None else None,
                mode=mode,
                console=field_set.console.value,
                runtime_tmpdir=field_set.runtime_tmpdir.value,
                contents_directory=field_set.contents_directory.value or contract.CONTENTS,
                python_options=field_set.python_options.value or (),
                build_info=dict(request.build_info),
                host_libraries=pyinstaller.host_libraries,
                codesign_identity=pyinstaller.codesign_identity or None,
                glibc_floor=pyinstaller.glibc_floor or None,
                macos_floor=pyinstaller.macos_floor or None,
                chunks=mode == contract.ONE_FILE,
                **request.extra,
            ).to_json(),
            toolchain=freeze.toolchain,
            mounts=FrozenDict(mounts),
            files=await Get(Digest, MergeDigests(parts)),
            description=f"Assemble {field_set.address}",
            address=field_set.address,
        ),
    )
    executable = contract.executable_path(request.name, mode, freeze.toolchain.windows)
    digest = output.digest
    if mode == contract.ONE_FILE:
        chunks, sidecars = await MultiGet(
            Get(Digest, DigestSubset(digest, PathGlobs([f"{contract.CHUNKS}/*"]))),
            Get(Digest, DigestSubset(digest, PathGlobs(["*", f"!{contract.CHUNKS}"]))),
        )
        joined = await Get(ProcessResult, Process, _join(chunks, contract.CHUNKS, executable))
        digest = await Get(Digest, MergeDigests([joined.output_digest, sidecars]))
    return Assembled(digest, executable)


def _join(chunks: Digest, directory: str, name: str) -> Process:
    """Joins the files of `directory`, in their names' order, to the executable `name`.

    A remote cache holds each chunk once, whichever executables it is part of. The joined file is not
    sent there: putting it together costs less than moving it.
    """
    return Process(
        ("/bin/sh", "-c", _JOIN, directory, name),
        input_digest=chunks,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
        output_files=(name,),
        description=f"Join {name}",
        level=LogLevel.DEBUG,
        cache_scope=ProcessCacheScope.PER_RESTART_SUCCESSFUL,
    )


def rules() -> Iterable[Rule | UnionRule]:
    return [*collect_rules(), *own_files.rules()]
