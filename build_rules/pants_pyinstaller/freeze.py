"""The steps of a freeze as cached processes: a rule each, from the `FreezeRequest` to its result.

    wheels -> Layer -+-> Packed
                     +-> Trace
                     +-> AppLayer -> Check -> Exercise -> chunks -> Assembled
                         (here)      (proof.py)           (assembly.py)

A step's process holds only what the step reads: `Assembled` alone sees `build_info`, and nothing
before `AppLayer` sees first-party code. So targets over one lock share the processes of `Layer`,
`Packed` and `Trace`. The programs are documented in `driver/contract.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace

from pants.build_graph.address import Address
from pants.engine.fs import (
    EMPTY_DIGEST,
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
)
from pants.engine.rules import Get, MultiGet, Rule, collect_rules, rule
from pants.engine.unions import UnionRule
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from pants_pyinstaller import own_files
from pants_pyinstaller.driver import contract
from pants_pyinstaller.errors import require_success
from pants_pyinstaller.inputs import SOURCES, FreezeRequest
from pants_pyinstaller.lockfiles import PYINSTALLER, Requirements, RequirementsRequest
from pants_pyinstaller.own_files import DRIVER_PREFIX, DriverSources
from pants_pyinstaller.subsystem import REMOTE_FIRST_MS, PyInstaller
from pants_pyinstaller.toolchain import Toolchain
from pants_pyinstaller.wheels import Wheels, WheelsRequest

logger = logging.getLogger(__name__)

OUTPUT = "out"
REFERENCE = "reference"
_REQUEST = "request.json"
_CORES = {contract.LAYER: 64, contract.PACK: 64}
"""The most processors that each program can use; Pants grants what is free. The others use one, and
wait for the processes that they start."""
CACHE = ".cache"
_CACHE_NAME = "pyinstaller_layers"
PACK = "pack"


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
                "{pants_concurrency}",  # filled in where processes run locally
            ),
            input_digest=inputs,
            immutable_input_digests={**toolchain.mounts, **run.mounts},
            append_only_caches={**toolchain.caches, _CACHE_NAME: CACHE},
            env=toolchain.env,
            output_directories=(OUTPUT,),
            description=run.description,
            level=LogLevel.INFO,
            remote_cache_speculation_delay_millis=REMOTE_FIRST_MS,
            concurrency_available=_CORES.get(run.program, 0),
        ),
    )
    require_success(result, what=run.description, repeat=run.address.spec)
    digest = await Get(Digest, RemovePrefix(result.output_digest, OUTPUT))
    return DriverOutput(digest)


@dataclass(frozen=True)
class Installed:
    """A resolve and PyInstaller's, each as a directory of wheels for the platform."""

    site: Digest
    tool: Digest


@rule
async def install_resolves(request: FreezeRequest, pyinstaller: PyInstaller) -> Installed:
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
    return Installed(site.digest, tool.digest)


def reference_of(request: FreezeRequest) -> FreezeRequest | None:
    """The same program for this machine, where the platform's own programs can't run here."""
    reference = request.toolchain.reference
    return replace(request, toolchain=reference) if reference else None


@dataclass(frozen=True)
class Layer:
    """A dependency layer and what it was made of, each a digest to mount."""

    site: Digest
    tool: Digest
    digest: Digest


@rule
async def make_layer(request: FreezeRequest) -> Layer:
    toolchain = request.toolchain
    installed = await Get(Installed, FreezeRequest, request)
    mounts = {"site": installed.site, "tool": installed.tool}
    reference = reference_of(request)
    if reference:
        mounts[REFERENCE] = (await Get(Installed, FreezeRequest, reference)).site
    output = await Get(
        DriverOutput,
        DriverRun(
            program=contract.LAYER,
            request=contract.LayerRequest(
                site="site",
                tool="tool",
                output=OUTPUT,
                cache=CACHE,
                hooks=request.hooks.hook_directories,
                optimize=request.field_set.optimize.value or 0,
                strip=request.field_set.strip.value,
                reference=REFERENCE if reference else None,
            ).to_json(),
            toolchain=toolchain,
            mounts=FrozenDict(mounts),
            files=request.hooks.hooks_digest,
            description=f"Analyse and compile the resolve `{request.resolve}`",
            address=request.field_set.address,
        ),
    )
    return Layer(installed.site, installed.tool, output.digest)


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
            request=contract.PackRequest(layer="layer", output=OUTPUT, cache=CACHE).to_json(),
            toolchain=request.toolchain,
            mounts=FrozenDict({"layer": layer.digest, "tool": layer.tool}),
            files=EMPTY_DIGEST,
            description=f"Compress the native libraries of the resolve `{request.resolve}`",
            address=request.field_set.address,
        ),
    )
    return Packed(FrozenDict({PACK: output.digest}))


@dataclass(frozen=True)
class Trace:
    """What each module of a layer does when it is imported frozen."""

    digest: Digest


@rule
async def trace_layer(request: FreezeRequest) -> Trace:
    reference = reference_of(request)
    if reference:
        return await Get(Trace, FreezeRequest, reference)
    layer = await Get(Layer, FreezeRequest, request)
    output = await Get(
        DriverOutput,
        DriverRun(
            program=contract.TRACE,
            request=contract.TraceRequest(
                layer="layer", site="site", output=OUTPUT, cache=CACHE
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
    """First-party code compiled, and the selection of what it needs from the layer.

    :param view: the same without what imports do not execute, see `contract.ReduceRequest`; empty
        where the program allows none.
    """

    digest: Digest
    view: Digest
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
    reference = reference_of(request)
    if reference:
        mounts[REFERENCE] = (await Get(Installed, FreezeRequest, reference)).site
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
                output=OUTPUT,
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
                proof=field_set.proof.value != contract.PROOF_OFF,
                address=field_set.address.spec,
                reference=REFERENCE if reference else None,
            ).to_json(),
            toolchain=request.toolchain,
            mounts=FrozenDict(mounts),
            files=files,
            description=f"Select what {field_set.address} needs",
            address=field_set.address,
        ),
    )
    whole, view = await MultiGet(
        Get(Digest, DigestSubset(output.digest, PathGlobs(["**", f"!{contract.APP_VIEW}/**"]))),
        Get(Digest, DigestSubset(output.digest, PathGlobs([f"{contract.APP_VIEW}/**"]))),
    )
    return AppLayer(whole, await Get(Digest, RemovePrefix(view, contract.APP_VIEW)), layer, trace)


def rules() -> Iterable[Rule | UnionRule]:
    return [*collect_rules(), *own_files.rules()]
