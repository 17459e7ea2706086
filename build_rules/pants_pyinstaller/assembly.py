"""The last step of a freeze: the executable, from the layers and what the proof added to them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.engine.fs import EMPTY_DIGEST, AddPrefix, Digest, DigestSubset, MergeDigests, PathGlobs
from pants.engine.process import Process, ProcessCacheScope, ProcessResult
from pants.engine.rules import Get, MultiGet, Rule, collect_rules, rule
from pants.engine.unions import UnionRule
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from pants_pyinstaller.driver import contract
from pants_pyinstaller.freeze import OUTPUT, PACK, AppLayer, DriverOutput, DriverRun, Packed
from pants_pyinstaller.inputs import FreezeRequest
from pants_pyinstaller.proof import Check, Exercise
from pants_pyinstaller.subsystem import PyInstaller

_JOIN = 'cat "$0"/* > "$1" && chmod 755 "$1"'


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
                output=OUTPUT,
                name=request.name,
                site="site",
                pack=PACK if packed.mounts else None,
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


@dataclass(frozen=True)
class Kit:
    """A proof kit, see `contract.KitRequest`: `path` in `digest`; neither where the program has no proof."""

    digest: Digest
    path: str | None


@rule
async def make_kit(request: AssembledRequest) -> Kit:
    freeze = request.freeze
    app, check, exercise, packed = await MultiGet(
        Get(AppLayer, FreezeRequest, freeze),
        Get(Check, FreezeRequest, freeze),
        Get(Exercise, FreezeRequest, freeze),
        Get(Packed, FreezeRequest, freeze),
    )
    if check.digest is None or not packed.mounts:
        return Kit(EMPTY_DIGEST, None)
    parts = [
        await Get(Digest, AddPrefix(app.digest, "app")),
        await Get(Digest, AddPrefix(check.digest, "check")),
    ]
    if exercise.digest is not None:
        parts.append(await Get(Digest, AddPrefix(exercise.digest, "exercise")))
    output = await Get(
        DriverOutput,
        DriverRun(
            program=contract.KIT,
            request=contract.KitRequest(
                layer="layer",
                app="app",
                site="site",
                tool="tool",
                pack=PACK,
                check="check",
                exercise="exercise" if exercise.digest is not None else None,
                output=OUTPUT,
                name=request.name,
            ).to_json(),
            toolchain=freeze.toolchain,
            mounts=FrozenDict(
                {
                    "layer": app.layer.digest,
                    "site": app.layer.site,
                    "tool": app.layer.tool,
                    **packed.mounts,
                }
            ),
            files=await Get(Digest, MergeDigests(parts)),
            description=f"Make the proof kit of {freeze.field_set.address}",
            address=freeze.field_set.address,
        ),
    )
    name = request.name + contract.KIT_SUFFIX
    return Kit(
        output.digest,
        contract.executable_path(name, contract.ONE_FILE, freeze.toolchain.windows),
    )


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
    return collect_rules()
