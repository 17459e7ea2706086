"""What the sysroot's toolchain says when it can't be had, and what decides its key."""

from __future__ import annotations

import json

import pytest
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.pex_environment import PythonExecutable
from pants.core.util_rules.subprocess_environment import SubprocessEnvironmentVars
from pants.core.util_rules.system_binaries import BinaryPath, BinaryPathRequest, BinaryPaths
from pants.engine.fs import (
    EMPTY_DIGEST,
    AddPrefix,
    CreateDigest,
    Digest,
    MergeDigests,
    RemovePrefix,
)
from pants.engine.process import FallibleProcessResult, Process
from pants.testutil.option_util import create_subsystem
from pants.testutil.rule_runner import MockGet, run_rule_with_mocks
from pants.util.frozendict import FrozenDict

from pants_pyinstaller._compat import EnvironmentTarget
from pants_pyinstaller.errors import FreezeError
from pants_pyinstaller.platforms import PLATFORMS
from pants_pyinstaller.subsystem import PyInstaller
from pants_pyinstaller.toolchain import SysrootToolchainRequest
from pants_pyinstaller.toolchains import sysroot
from pants_pyinstaller.toolchains.sysroot import Qemu, QemuRequest, SysrootPrograms

PINS = {"packages": [{"name": "python3.13-minimal", "version": "3.13.5-2+deb13u1"}]}
PROGRAMS = SysrootPrograms(
    FrozenDict({"launch.py": b"", "fetch.py": b"", "arm64.json": json.dumps(PINS).encode()})
)


def find_qemu(found: tuple[str, ...], exit_code: int = 0, said: str = "") -> Qemu:
    def paths(request: BinaryPathRequest) -> BinaryPaths:
        return BinaryPaths(
            request.binary_name,
            [BinaryPath(path, "print") for path in found if path.endswith(request.binary_name)],
        )

    def run(process: Process) -> FallibleProcessResult:
        assert "--probe" in process.argv
        result = object.__new__(FallibleProcessResult)
        object.__setattr__(result, "exit_code", exit_code)
        object.__setattr__(result, "stdout", said.encode())
        object.__setattr__(result, "stderr", said.encode())
        return result

    qemu: Qemu = run_rule_with_mocks(
        sysroot.find_qemu,
        rule_args=[QemuRequest("aarch64", "/python"), PROGRAMS, EnvironmentTarget(None, None)],
        mock_gets=[
            MockGet(BinaryPaths, (BinaryPathRequest,), paths),
            MockGet(Digest, (CreateDigest,), lambda _: EMPTY_DIGEST),
            MockGet(FallibleProcessResult, (Process,), run),
        ],
    )
    return qemu


def test_qemu_s_way_and_content_are_its_identity() -> None:
    said = json.dumps({"way": "private", "qemu": "abc", "cpu": "cortex-a72"})
    qemu = find_qemu(("/usr/bin/qemu-aarch64-static",), said=said)
    assert (qemu.path, qemu.way) == ("/usr/bin/qemu-aarch64-static", "private")
    assert json.loads(qemu.identity) == json.loads(said)


def test_a_machine_without_qemu_is_told_which_package_brings_it() -> None:
    with pytest.raises(FreezeError, match="apt-get install qemu-user-static"):
        find_qemu(())


def test_why_qemu_can_not_be_used_is_passed_on() -> None:
    with pytest.raises(FreezeError, match="none of these works"):
        find_qemu(("/usr/bin/qemu-aarch64",), exit_code=126, said="none of these works: ...")


def never(subject: object) -> object:
    raise AssertionError(f"nothing may be started, but {subject} is asked for")


def test_an_application_for_another_python_than_debian_s() -> None:
    with pytest.raises(FreezeError, match=r"linux-arm64 is built with Debian's Python 3\.13\.5"):
        run_rule_with_mocks(
            sysroot.find_sysroot_toolchain,
            rule_args=[
                SysrootToolchainRequest(
                    PLATFORMS["linux-arm64"], InterpreterConstraints(["CPython==3.12.*"])
                ),
                create_subsystem(PyInstaller, debian_mirror=""),
                PROGRAMS,
                SubprocessEnvironmentVars(FrozenDict()),
            ],
            mock_gets=[
                MockGet(output, (subject,), never)
                for output, subject in (
                    (PythonExecutable, InterpreterConstraints),
                    (Qemu, QemuRequest),
                    (Digest, CreateDigest),
                    (FallibleProcessResult, Process),
                    (Digest, RemovePrefix),
                    (Digest, MergeDigests),
                    (Digest, AddPrefix),
                )
            ],
        )
