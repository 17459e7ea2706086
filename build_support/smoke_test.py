"""The smoke test, on archives of small shell scripts."""

from __future__ import annotations

import hashlib
import io
import platform
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

import smoke

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="its programs are shell scripts")

GOOD = """#!/bin/sh
[ $# = 0 ] || { echo app 1; exit 0; }
echo "TEMPORAL_SERVICE_ADDRESS: is missing"; exit 2
"""


MACHINE = smoke.ARCHITECTURES[platform.machine()]
NATIVE = f"app-1-{platform.system().lower()}-{MACHINE}.tar.gz"
FOREIGN = "app-1-plan9-amd64.tar.gz"


def archive(folder: Path, program: str, digest: str | None = None, name: str = NATIVE) -> Path:
    path = folder / name
    with tarfile.open(path, "w:gz") as tar:
        info = tarfile.TarInfo("app")
        info.mode, info.size = 0o755, len(program)
        tar.addfile(info, io.BytesIO(program.encode()))
    digest = digest or hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_name(f"{path.name}.sha256").write_text(f"{digest}  {path.name}\n")
    return path


def test_a_good_archive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive(tmp_path, GOOD)
    assert smoke.main([str(tmp_path), "app"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{NATIVE}: app 1",
        f"{NATIVE}: it starts, and names what is missing",
    ]


def test_an_archive_for_another_platform_is_not_started(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive(tmp_path, "#!/no/such/interpreter\n", name=FOREIGN)
    assert smoke.main([str(tmp_path), "app"]) == 1
    assert "holds no archive for this platform" in capsys.readouterr().err
    archive(tmp_path, GOOD)
    assert smoke.main([str(tmp_path), "app"]) == 0
    assert f"{FOREIGN}: whole; for another platform" in capsys.readouterr().out
    assert smoke.main([str(tmp_path), "another"]) == 1
    assert "holds no another" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (GOOD.replace("exit 0", "exit 3"), "`--version` ended with 3"),
        (GOOD.replace("exit 2", "exit 1"), "without variables it ended with 1, not with 2"),
        (GOOD.replace("TEMPORAL", "SPATIAL"), "a list of what is missing"),
        ("#!/no/such/interpreter\n", "can't be started"),
    ],
)
def test_a_bad_program(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], program: str, message: str
) -> None:
    archive(tmp_path, program)
    assert smoke.main([str(tmp_path), "app"]) == 1
    assert message in capsys.readouterr().err


def test_what_a_pipe_cannot_encode_is_escaped(tmp_path: Path) -> None:
    archive(tmp_path, GOOD.replace("echo app 1", r"printf '\342\234\227\n'"))
    done = subprocess.run(
        [sys.executable, smoke.__file__, str(tmp_path), "app"],
        env={"PYTHONIOENCODING": "cp1252:strict"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"{NATIVE}: \\u2717".encode() in done.stdout


def test_a_program_finds_an_empty_home_whatever_its_variable(tmp_path: Path) -> None:
    found = smoke.environment(tmp_path)
    assert {found[name] for name in ("HOME", "USERPROFILE", "TMPDIR", "TEMP")} == {str(tmp_path)}


def test_bad_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert smoke.main([str(tmp_path), "app"]) == 1
    assert "holds no archive with a checksum" in capsys.readouterr().err
    path = archive(tmp_path, GOOD, digest="0" * 64)
    assert smoke.main([str(tmp_path), "app"]) == 1
    assert f"sha256 says {'0' * 64}" in capsys.readouterr().err
    path.write_bytes(b"no archive")
    path.with_name(f"{path.name}.sha256").write_text(
        f"{hashlib.sha256(b'no archive').hexdigest()}  {path.name}\n"
    )
    assert smoke.main([str(tmp_path), "app"]) == 1
    assert "can't be unpacked" in capsys.readouterr().err
    path.unlink()
    assert smoke.main([str(tmp_path), "app"]) == 1
    assert "which is not beside it" in capsys.readouterr().err
    assert smoke.main([]) == 2
