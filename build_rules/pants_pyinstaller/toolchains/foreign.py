"""A Python for macOS on a machine that can't run it.

`driver/core.py` puts it together from wheels; the driver's programs run on this machine's interpreter
and work for it: see `driver/analysis/foreign.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pants.engine.fs import CreateDigest, Digest, FileContent, MergeDigests, RemovePrefix
from pants.engine.process import FallibleProcessResult, Process
from pants.engine.rules import Get, Rule, _uncacheable_rule, collect_rules, rule
from pants.engine.unions import UnionRule
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from pants_pyinstaller.driver import contract
from pants_pyinstaller.errors import require_success
from pants_pyinstaller.lockfiles import Requirements, pinned
from pants_pyinstaller.own_files import DRIVER_PREFIX, DriverSources
from pants_pyinstaller.toolchain import (
    ForeignToolchainRequest,
    Host,
    NativeToolchainRequest,
    Toolchain,
)
from pants_pyinstaller.toolchains import cores
from pants_pyinstaller.wheels import InstallRequest, Wheels

_HERE = Path(__file__).resolve().parent
_COMPONENTS = ("darwin_python/components.toml", "windows_python/components.toml")
_REQUIREMENTS = "requirements.txt"
_REQUEST = "request.json"
_MOUNT = "__python"
_OUTPUT = "out"


@dataclass(frozen=True)
class ForeignTables:
    """Tables of what an interpreter holds of other projects, by their paths here."""

    digest: Digest


@_uncacheable_rule
async def read_tables() -> ForeignTables:
    contents = [FileContent(path, (_HERE / path).read_bytes()) for path in _COMPONENTS]
    return ForeignTables(await Get(Digest, CreateDigest(contents)))


@rule(desc="Put a Python for macOS together", level=LogLevel.DEBUG)
async def find_foreign_toolchain(
    request: ForeignToolchainRequest, host: Host, driver: DriverSources, tables: ForeignTables
) -> Toolchain:
    platform = request.platform
    native = await Get(
        Toolchain, NativeToolchainRequest(host.platform, request.interpreter_constraints)
    )
    lock = cores.lock(native.version, platform).read_text("utf-8")
    arguments = (
        *("--python", native.python, "--python-version", native.version),
        *("--python-platform", platform.wheels),
    )
    wheels = await Get(
        Wheels,
        InstallRequest(
            Requirements(
                await Get(Digest, CreateDigest([FileContent(_REQUIREMENTS, lock.encode())])),
                _REQUIREMENTS,
                pinned(lock),
            ),
            arguments,
            description=f"Install the wheels that hold Python for {platform}",
        ),
    )
    text = contract.CoreRequest(
        wheels="wheels",
        machine=platform.markers["platform_machine"],
        components=_COMPONENTS[0],
        texts=_COMPONENTS[1:],
        output=_OUTPUT,
    ).to_json()
    asked = await Get(Digest, CreateDigest([FileContent(_REQUEST, text.encode())]))
    what = f"Put Python {native.version} for {platform} together"
    result = await Get(
        FallibleProcessResult,
        Process(
            (
                *(*native.command, *contract.INTERPRETER_FLAGS, f"{DRIVER_PREFIX}/__main__.py"),
                *(contract.CORE, _REQUEST),
            ),
            input_digest=await Get(Digest, MergeDigests([driver.digest, tables.digest, asked])),
            immutable_input_digests={"wheels": wheels.digest},
            # The standard library is no input: what it is stands in the key.
            env=native.env,
            output_directories=(_OUTPUT,),
            description=what,
            level=LogLevel.INFO,
        ),
    )
    require_success(result, what=what)
    core = await Get(Digest, RemovePrefix(result.output_digest, _OUTPUT))
    content = hashlib.sha256(f"{core.fingerprint} {native.content}".encode()).hexdigest()
    return Toolchain(
        platform=platform,
        version=native.version,
        content=content,
        command=native.command,
        env=FrozenDict(
            {
                **native.env,
                "INTERPRETER_CONTENT": content,
                contract.FOREIGN_VARIABLE: _MOUNT,
            }
        ),
        wheels=arguments,
        python=native.python,
        mounts=FrozenDict({_MOUNT: core}),
        reference=native,
    )


def rules() -> Iterable[Rule | UnionRule]:
    return collect_rules()
