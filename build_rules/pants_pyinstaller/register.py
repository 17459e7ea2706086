"""What Pants loads for `backend_packages = ["pants_pyinstaller"]`."""

from __future__ import annotations

from collections.abc import Iterable

from pants.engine.rules import Rule
from pants.engine.target import Target
from pants.engine.unions import UnionRule

from pants_pyinstaller import (
    assembly,
    build_info,
    carry,
    exercises,
    freeze,
    inference,
    inputs,
    lockfiles,
    network,
    package,
    proof,
    subsystem,
    tailor,
    toolchain,
    wheels,
)
from pants_pyinstaller.explain import goal as explain_goal
from pants_pyinstaller.target_types import PyInstallerBinary
from pants_pyinstaller.toolchains import foreign, native, sysroot, wine


def rules() -> Iterable[Rule | UnionRule]:
    return [
        *assembly.rules(),
        *build_info.rules(),
        *carry.rules(),
        *exercises.rules(),
        *explain_goal.rules(),
        *inference.rules(),
        *foreign.rules(),
        *freeze.rules(),
        *native.rules(),
        *package.rules(),
        *proof.rules(),
        *inputs.rules(),
        *lockfiles.rules(),
        *network.rules(),
        *subsystem.rules(),
        *sysroot.rules(),
        *tailor.rules(),
        *toolchain.rules(),
        *wheels.rules(),
        *wine.rules(),
    ]


def target_types() -> Iterable[type[Target]]:
    return [PyInstallerBinary]
