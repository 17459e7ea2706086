"""Which files make a Windows Python, and what is read out of them."""

from __future__ import annotations

import importlib.util
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from pants_pyinstaller.toolchains.windows_python import components, contents, images
from pants_pyinstaller.toolchains.windows_python.errors import AssemblyError

PROGRAM = Path(contents.__file__).parent / "__main__.py"
_SETUPTOOLS = importlib.util.find_spec("setuptools")
assert _SETUPTOOLS is not None
assert _SETUPTOOLS.origin is not None
LAUNCHER = Path(_SETUPTOOLS.origin).parent / "cli-64.exe"


def test_only_the_ordinary_builds_modules_are_kept() -> None:
    names = [
        *("python313.dll", "python3.dll", "VCRUNTIME140_1.dll", "MSVCP140.dll", "_ssl.pyd"),
        *(
            "_ssl.cp313t-win_amd64.pyd",
            "_testcapi.pyd",
            "_ctypes_test.pyd",
            "_wmi.pyd",
            "tk86t.dll",
        ),
    ]

    kept = [name for name in names if contents.is_kept(name)]

    assert kept == ["python313.dll", "VCRUNTIME140_1.dll", "MSVCP140.dll", "_ssl.pyd"]


def test_a_library_comes_with_what_it_loads_itself_but_not_with_windows() -> None:
    imports = {
        "_ssl.pyd": ["LIBSSL-3.dll".lower(), "kernel32.dll", "api-ms-win-crt-heap-l1-1-0.dll"],
        "libssl-3.dll": ["libcrypto-3.dll"],
    }
    available = ["libssl-3.dll", "libcrypto-3.dll", "tcl86t.dll", "api-ms-win-crt-heap-l1-1-0.dll"]

    found = contents.with_libraries(["_ssl.pyd"], available, lambda name: imports.get(name, []))

    assert found == ["_ssl.pyd", "libcrypto-3.dll", "libssl-3.dll"]


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("os.py", True),
        ("asyncio/windows_events.py", True),
        ("asyncio/__pycache__/base_events.cpython-313.pyc", False),
        ("_sysconfigdata__linux_x86_64-linux-gnu.py", False),
        ("config-3.13-x86_64-linux-gnu/Makefile", False),
        ("lib-dynload/_ssl.cpython-313-x86_64-linux-gnu.so", False),
        ("site-packages/pip/__init__.py", False),
        ("test/test_os.py", False),
    ],
)
def test_the_native_library_is_taken_without_its_native_parts(path: str, kept: bool) -> None:
    assert contents.is_library_file_kept(path) is kept


def test_two_interpreters_in_one_wheel_are_none() -> None:
    assert contents.python_library(["python313.dll", "python3.dll"]) == "python313.dll"
    assert contents.python_library(["python312.dll", "python313.dll"]) is None


def test_python3_forwards_pythons_names_alone() -> None:
    text = contents.forwarder("python313.dll", ["PyErr_Clear", "_Py_Dealloc", "OPENSSL_Applink"])

    assert text.splitlines() == [
        "LIBRARY python3.dll",
        "EXPORTS",
        "  PyErr_Clear = python313.PyErr_Clear",
        "  _Py_Dealloc = python313._Py_Dealloc",
    ]


def test_an_executable_is_read() -> None:
    assert images.machine(LAUNCHER) == "amd64"
    assert "kernel32.dll" in images.imports(LAUNCHER)
    assert images.exports(LAUNCHER) == []
    assert images.file_version(LAUNCHER) == ""


def assemble(wheels: Path, output: Path) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        str(PROGRAM),
        "python",
        str(wheels),
        str(output),
        "no-such-compiler-",
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_wheels_without_python_are_named(tmp_path: Path) -> None:
    done = assemble(tmp_path, tmp_path / "out")

    assert done.returncode == 1
    assert "hold no deploy_libs/pythonXY.dll" in done.stderr
    assert "Traceback" not in done.stderr


def test_another_patch_level_is_refused_by_both_names(tmp_path: Path) -> None:
    (tmp_path / "deploy_libs").mkdir()
    library = tmp_path / "deploy_libs/python313.dll"
    library.write_bytes(LAUNCHER.read_bytes())  # an image without a version

    done = assemble(tmp_path, tmp_path / "out")

    assert done.returncode == 1
    assert "python313.dll of the wheel is Python of an unknown version" in done.stderr
    assert platform.python_version() in done.stderr
    assert "interpreter_constraints" in done.stderr
    assert not (tmp_path / "out").exists()


PSF = ("Python Software Foundation", "3.13.0")


def test_files_of_others_are_named_with_their_version_and_licence() -> None:
    known = components.read()
    found = components.describe(
        known,
        known.python[0],
        {
            "DLLs/libssl-3.dll": ("The OpenSSL Project, https://www.openssl.org/", "3.0.15"),
            "vcruntime140.dll": ("Microsoft Corporation", "14.00.24247.2 built by: VCTOOLSD14ULDR"),
            "DLLs/_bz2.pyd": PSF,
            "DLLs/_queue.pyd": PSF,
        },
    )

    versions = {path: (one["package"], one["version"]) for path, one in found["libraries"].items()}
    assert versions == {
        "DLLs/libssl-3.dll": ("OpenSSL", "3.0.15"),
        "vcruntime140.dll": ("Microsoft Visual C++ runtime", "14.00.24247.2"),
        "DLLs/_bz2.pyd": ("bzip2", "1.0.8"),
    }
    assert sorted(found["texts"]) == ["Microsoft Visual C++ runtime", "OpenSSL", "bzip2"]


@pytest.mark.parametrize(
    ("python", "files", "said"),
    [
        ("3.13.0", {"DLLs/new-1.dll": ("Somebody", "1")}, "new-1.dll of the wheels is Somebody's"),
        ("3.13.0", {"DLLs/new-1.dll": ("", "")}, "new-1.dll of the wheels is nobody's"),
        ("3.13.99", {"DLLs/_bz2.pyd": PSF}, "but this is 3.13.99"),
    ],
)
def test_what_the_list_of_components_does_not_know_is_an_error(
    python: str, files: dict[str, tuple[str, str]], said: str
) -> None:
    with pytest.raises(AssemblyError, match=said):
        components.describe(components.read(), python, files)
