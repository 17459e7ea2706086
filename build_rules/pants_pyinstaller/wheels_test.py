"""Which wheels uv is asked for."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from pants.backend.python.subsystems.repos import PythonRepos
from pants.core.util_rules import subprocess_environment
from pants.engine.fs import CreateDigest, Digest, FileContent
from pants.engine.rules import Get, rule
from pants.option.global_options import GlobalOptions
from pants.testutil.rule_runner import QueryRule, RuleRunner

from pants_pyinstaller import network, wheels
from pants_pyinstaller.errors import FreezeError
from pants_pyinstaller.lockfiles import Requirements
from pants_pyinstaller.platforms import PLATFORMS
from pants_pyinstaller.subsystem import PyInstaller
from pants_pyinstaller.wheels import (
    GLIBC_LEVELS,
    InstallProcess,
    InstallRequest,
    UvProgram,
    build_arguments,
    first_that_has_wheels,
    wheel_arguments,
)

LINUX = ("--python-platform", PLATFORMS["linux-arm64"].wheels)


def test_the_lowest_glibc_is_asked_for_first() -> None:
    asked = [platform for _, platform in wheel_arguments(LINUX, "")]
    assert asked[:2] == ["aarch64-manylinux_2_17", "aarch64-manylinux_2_28"]
    assert len(asked) == len(GLIBC_LEVELS)


@pytest.mark.parametrize(("floor", "level"), [("2.28", "2_28"), ("2.30", "2_28"), ("2.41", "2_40")])
def test_a_floor_leaves_the_newest_level_that_it_allows(floor: str, level: str) -> None:
    assert wheel_arguments(LINUX, floor) == (("--python-platform", f"aarch64-manylinux_{level}"),)


@pytest.mark.parametrize("floor", ["2", "2_28", "2.5", "manylinux2014"])
def test_a_floor_that_nothing_can_be_taken_for(floor: str) -> None:
    with pytest.raises(FreezeError, match=rf"\[pyinstaller\]\.glibc_floor is '?{floor}"):
        wheel_arguments(LINUX, floor)


def test_other_systems_have_one_choice() -> None:
    windows = ("--python-platform", PLATFORMS["windows-amd64"].wheels)
    assert wheel_arguments(windows, "2.28") == (windows,)


LACKS = ("/bin/sh", "-c", "echo $0 >>tried; echo 'x has no usable wheels' >&2; exit 1")
HAS = ("/bin/sh", "-c", "echo $0 >>tried")
FAILS = ("/bin/sh", "-c", "echo $0 >>tried; echo 'no network' >&2; exit 2")


@pytest.mark.parametrize(
    ("commands", "exit_code", "tried", "said"),
    [
        ([(*LACKS, "a"), (*HAS, "b c"), (*HAS, "d")], 0, ["a", "b c"], ""),
        ([(*LACKS, "a"), (*FAILS, "b"), (*HAS, "c")], 1, ["a", "b"], "no network\n"),
        ([(*LACKS, "a"), (*LACKS, "b")], 1, ["a", "b"], "x has no usable wheels\n"),
    ],
)
def test_commands_are_tried_until_one_has_all_wheels(
    commands: list[tuple[str, ...]], exit_code: int, tried: list[str], said: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", first_that_has_wheels(commands)],
        cwd=tmp_path,
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (exit_code, said)
    assert (tmp_path / "tried").read_text().splitlines() == tried


def test_what_may_be_built_from_source_is_named() -> None:
    names = ("Some_Project", "other", "third")
    assert build_arguments(names, ()) == ("--only-binary", ":all:")
    expected = ("--only-binary", "other", "--only-binary", "third")
    assert build_arguments(names, ["some-project"]) == expected


@rule
async def some_uv() -> UvProgram:
    """Stands for the program, which is not started: what counts is the process's key."""
    return UvProgram(await Get(Digest, CreateDigest([FileContent("uv", b"uv", True)])))


def test_the_caller_s_network_does_not_install_wheels_anew(tmp_path: Path) -> None:
    runner = RuleRunner(
        rules=[
            *network.rules(),
            *subprocess_environment.rules(),
            *PyInstaller.rules(),
            *PythonRepos.rules(),
            *GlobalOptions.rules(),
            some_uv,
            wheels.install_process,
            QueryRule(InstallProcess, [InstallRequest]),
            QueryRule(Digest, [CreateDigest]),
        ],
        bootstrap_args=[f"--named-caches-dir={tmp_path}"],
    )

    def process(text: str, *options: str, **environment: str) -> InstallProcess:
        runner.set_options(options, env={"LANG": "C.UTF-8", **environment})
        lock = runner.request(Digest, [CreateDigest([FileContent("lock", text.encode())])])
        request = InstallRequest(
            Requirements(lock, "lock", ("idna",), ()), LINUX, description="Install"
        )
        return runner.request(InstallProcess, [request])

    first = process("idna==3.10")
    assert first.process.env["LANG"] == "C.UTF-8"
    assert process("idna==3.10", SSL_CERT_FILE="/ca.pem") == first
    assert process("idna==3.10", SSL_CERT_DIR="/ca", HTTPS_PROXY="http://localhost:1") == first
    assert process("idna==3.10", "--ca-certs-path=/corporate.pem") == first
    assert process("idna==3.11") != first
