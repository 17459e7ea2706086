"""Executables for macOS made on Linux: real wheels, signatures of Apple's own tools, and a reader that is not ours.

Nothing here can run on Linux. Run it by `make test-darwin`; the interpreter needs pytest, uv, PyInstaller and LIEF, and
must be of a release that `build_rules/pants_pyinstaller/toolchains/cores` has a lock for.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import lief  # pants: no-infer-dep
import pytest
from PyInstaller.archive.readers import CArchiveReader
from uv import find_uv_bin  # pants: no-infer-dep

from pants_pyinstaller.driver import contract
from pants_pyinstaller.driver.macho import bundled, image, signature

ROOT = Path(__file__).resolve().parents[2]
BACKEND = ROOT / "build_rules/pants_pyinstaller"
TOOLCHAINS = BACKEND / "toolchains"
MACHINES = {"arm64": "aarch64-apple-darwin", "x86_64": "x86_64-apple-darwin"}
FLOOR = (12, 0)
PROGRAM = """\
import ssl, sqlite3, sys, orjson
print(orjson.dumps({"platform": sys.platform}).decode(), ssl.OPENSSL_VERSION, sqlite3.sqlite_version)
"""


def install(lock: Path, target: Path, wheels: str | None) -> Path:
    """The wheels of a lock for another platform, None for this one."""
    chosen = ["--python-platform", wheels] if wheels else []
    subprocess.run(
        [
            *(find_uv_bin(), "pip", "install", "--quiet", "--no-config", "--no-deps"),
            *("--require-hashes", "--only-binary", ":all:", "--python", sys.executable, *chosen),
            *("--target", str(target), "--requirement", str(lock)),
        ],
        env={**os.environ, "MACOSX_DEPLOYMENT_TARGET": "{}.{}".format(*FLOOR)},
        check=True,
    )
    return target


@pytest.fixture(scope="module", params=sorted(MACHINES))
def machine(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


@pytest.fixture(scope="module")
def work(machine: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with agent-runner's wheels, PyInstaller's and the interpreter's, for one architecture."""
    root = tmp_path_factory.mktemp(machine)
    locks = {
        "site": ROOT / "3rdparty/python/agent-runner.lock",
        "tool": BACKEND / "locks/pyinstaller.lock",
        "wheels": TOOLCHAINS / f"cores/{platform.python_version()}.lock",
    }
    for name, lock in locks.items():
        install(lock, root / name, MACHINES[machine])
    return root


def machos(folder: Path) -> Iterator[tuple[Path, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            if image.is_macho(content):
                yield path, content


def images(folder: Path) -> Iterator[tuple[Path, bytes]]:
    for path, content in machos(folder):
        for cpu, found in image.slices(content).items():
            if cpu in image.PAGE:  # debugpy has code for 32-bit processors too
                yield path, found


def is_signed(content: bytes) -> bool:
    return any(one.number == image.LC_CODE_SIGNATURE for one in image.commands(content))


def read(content: bytes, tmp_path: Path) -> lief.MachO.Binary:
    """The image as LIEF reads it, which finds nothing wrong with it."""
    path = tmp_path / "image"
    path.write_bytes(content)
    fat = lief.MachO.parse(str(path))
    assert fat is not None
    found = fat.at(0)
    assert found is not None
    assert lief.MachO.check_layout(found) == (True, "")
    return found


def test_signatures_of_apples_tools_verify_and_a_changed_byte_does_not(work: Path) -> None:
    signed = [item for item in images(work) if is_signed(item[1])]
    assert len(signed) > 100
    for path, content in signed:
        assert signature.verify(content), path
    path, content = signed[0]
    spoilt = bytearray(content)
    spoilt[len(content) // 2] ^= 1
    with pytest.raises(image.MachOError, match="is not the one that was signed"):
        signature.verify(bytes(spoilt))


def test_every_file_of_the_wheels_can_be_prepared(work: Path, machine: str, tmp_path: Path) -> None:
    made = 0
    for path, content in machos(work / "site"):
        dest = path.relative_to(work / "site").as_posix()
        before = image.thin(content, machine)
        found = bundled.prepared(content, dest, machine)
        assert signature.verify(found) == -(-len(signature.unsigned(found)) // 4096), path
        assert signature.signed(found, path.name) == found, "signing again changes nothing"
        seen = read(found, tmp_path)
        loaded = [one for one in seen.libraries if one.command.name != "ID_DYLIB"]
        assert len(loaded) == len(image.libraries(before)), path
        outside = [one for one in image.libraries(found) if not image.is_of_system(one)]
        assert all(one.startswith("@rpath/") for one in outside), path
        places = [one.path for one in seen.rpaths]
        assert len(places) == len(set(places)) <= 1 or not outside, path
        assert image.minimum_macos(found) == image.minimum_macos(before), path
        made += 1
    assert made > 25


def test_a_file_without_code_for_the_machine_is_refused(work: Path, machine: str) -> None:
    other = next(name for name in MACHINES if name != machine)
    content = next(one for _, one in machos(work / "site") if len(image.slices(one)) == 1)
    with pytest.raises(image.MachOError, match=f"holds code for {machine}, none for {other}"):
        bundled.prepared(content, "a/b.so", other)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """orjson for this machine, which hooks import."""
    return tmp_path_factory.mktemp("reference")


class Freezer:
    """The driver's programs on one small program, for macOS."""

    def __init__(self, work: Path, machine: str, reference: Path, output: Path) -> None:
        self.root, self.machine = output, machine
        for name in ("tool", "wheels"):
            (output / name).symlink_to(work / name)
        lock = output / "orjson.lock"
        lines = (ROOT / "3rdparty/python/agent-runner.lock").read_text().splitlines()
        start = next(i for i, line in enumerate(lines) if line.startswith("orjson=="))
        end = next(i for i, line in enumerate(lines[start:]) if line.startswith("    #"))
        lock.write_text("\n".join(lines[start : start + end]).rstrip("\\ ") + "\n")
        install(lock, output / "site", MACHINES[machine])
        if not (reference / "orjson").is_dir():
            install(lock, reference, None)
        (output / "reference").symlink_to(reference)
        (output / "src").mkdir()
        (output / "src/hello.py").write_text(PROGRAM)

    def run(
        self, program: str, request: contract.Request, foreign: bool = True
    ) -> subprocess.CompletedProcess[str]:
        (self.root / "request.json").write_text(request.to_json())
        return subprocess.run(
            [
                *(sys.executable, *contract.INTERPRETER_FLAGS),
                *(str(BACKEND / "driver/__main__.py"), program, "request.json"),
            ],
            cwd=self.root,
            env={
                **contract.ENVIRONMENT,
                "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                **({contract.FOREIGN_VARIABLE: "python"} if foreign else {}),
            },
            capture_output=True,
            text=True,
            check=False,
        )

    def must(self, program: str, request: contract.Request, foreign: bool = True) -> None:
        done = self.run(program, request, foreign)
        assert done.returncode == 0, done.stderr

    def core(self) -> contract.CoreRequest:
        return contract.CoreRequest(
            wheels="wheels",
            machine=self.machine,
            components=str(TOOLCHAINS / "darwin_python/components.toml"),
            texts=(str(TOOLCHAINS / "windows_python/components.toml"),),
            output="python",
        )

    def freeze(self, floor: str) -> subprocess.CompletedProcess[str]:
        self.must(contract.CORE, self.core(), foreign=False)
        layer = contract.LayerRequest("site", "tool", "layer", reference="reference")
        self.must(contract.LAYER, layer)
        self.must(contract.PACK, contract.PackRequest("layer", "pack"))
        self.must(
            contract.APP,
            contract.AppRequest("layer", "site", "tool", "app", ("src",), "hello.py"),
        )
        return self.run(
            contract.ASSEMBLE,
            contract.AssembleRequest(
                *("layer", "app", "tool", "dist", "hello"),
                site="site",
                pack="pack",
                macos_floor=floor,
            ),
        )


@pytest.fixture(scope="module")
def executable(
    work: Path, machine: str, reference: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    freezer = Freezer(work, machine, reference, tmp_path_factory.mktemp("first"))
    done = freezer.freeze("12.0")
    assert done.returncode == 0, done.stderr
    return freezer.root / "dist/hello"


def test_an_executable_is_signed_and_holds_all_that_it_loads(
    executable: Path, machine: str, tmp_path: Path
) -> None:
    content = executable.read_bytes()
    assert signature.verify(content) == -(-len(signature.unsigned(content)) // 4096)
    seen = read(content, tmp_path)
    cpu = {"arm64": "ARM64", "x86_64": "X86_64"}[machine]
    assert (seen.header.cpu_type.name, seen.header.file_type.name) == (cpu, "EXECUTE")
    assert all(image.is_of_system(one.name) for one in seen.libraries)
    archive = CArchiveReader(str(executable))
    natives = {
        name: archive.extract(name)
        for name, entry in archive.toc.items()
        if entry[4] == "b" and image.is_macho(archive.extract(name))
    }
    assert {"libpython3.13.dylib", "python3.13/lib-dynload/_struct.cpython-313-darwin.so"} <= set(
        natives
    )
    for name, native in natives.items():
        assert list(image.slices(native)) == [image.CPU[machine]], name
        assert signature.verify(native), name
        assert (image.minimum_macos(native) or (0, 0)) <= FLOOR, name
    assert list(bundled.unresolved(natives)) == []
    del natives["libpython3.13.dylib"]
    assert "linux" not in " ".join(archive.toc)


def test_the_manifest_says_what_was_not_done(executable: Path, machine: str) -> None:
    manifest = json.loads((executable.parent / "manifest.json").read_text())
    name = {"arm64": "darwin-arm64", "x86_64": "darwin-amd64"}[machine]
    assert manifest["platform"] == name
    assert manifest["floor"]["system"] == "macOS"
    assert manifest["host_libraries"] == []
    assert manifest["interpreter"]["version"] == platform.python_version()
    brought = {one["package"] for one in manifest["interpreter"]["libraries"]}
    assert {"OpenSSL", "SQLite", "Expat", "libmpdec", "liblzma"} >= brought >= {"Expat"}


def test_two_builds_give_the_same_bytes(
    executable: Path, work: Path, machine: str, reference: Path, tmp_path: Path
) -> None:
    done = Freezer(work, machine, reference, tmp_path).freeze("12.0")
    assert done.returncode == 0, done.stderr
    first, second = (
        hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (executable, tmp_path / "dist/hello")
    )
    assert first == second


def test_a_floor_below_what_a_file_states_is_refused(
    work: Path, machine: str, reference: Path, tmp_path: Path
) -> None:
    done = Freezer(work, machine, reference, tmp_path).freeze("10.9")
    assert done.returncode == 1
    assert "macos_floor is 10.9, but" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_interpreter_of_another_release_is_refused(
    work: Path, machine: str, reference: Path, tmp_path: Path
) -> None:
    freezer = Freezer(work, machine, reference, tmp_path)
    freezer.must(contract.CORE, freezer.core(), foreign=False)
    path = tmp_path / "python" / contract.FOREIGN
    stated = json.loads(path.read_text())
    path.write_text(json.dumps({**stated, "version": "3.13.99"}))
    done = freezer.run(contract.LAYER, contract.LayerRequest("site", "tool", "layer"))
    assert done.returncode == 1
    assert "Python 3.13.99 for Darwin needs" in done.stderr
