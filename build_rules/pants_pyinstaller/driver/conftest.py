"""Small distributions with planted faults, installed as an installer would, and a driver that freezes them."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import importlib.util
import os
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from pants_pyinstaller.driver import contract

DRIVER = Path(__file__).resolve().parent
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **contract.ENVIRONMENT}


def make_wheel(
    folder: Path,
    name: str,
    version: str,
    files: Mapping[str, str | bytes],
    metadata: str = "",
    entry_points: str = "",
) -> Path:
    """A wheel with these files; ``metadata`` are further header lines."""
    stem = name.replace("-", "_")
    info = f"{stem}-{version}.dist-info"
    content = {
        path: data.encode() if isinstance(data, str) else data for path, data in files.items()
    }
    content[f"{info}/METADATA"] = (
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{metadata}\n".encode()
    )
    content[f"{info}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    if entry_points:
        content[f"{info}/entry_points.txt"] = entry_points.encode()
    lines = []
    for path, data in content.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={digest},{len(data)}")
    content[f"{info}/RECORD"] = ("\n".join([*lines, f"{info}/RECORD,,"]) + "\n").encode()
    target = folder / f"{stem}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(target, "w") as archive:
        for path, data in content.items():
            archive.writestr(path, data)
    return target


def install(wheel: Path, site: Path) -> None:
    """Unpack a wheel, as installers do for ``--target``."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)


def an_extension(name: str = "_bisect") -> bytes:
    """A native module of this interpreter: content for a planted one."""
    folder = Path(sysconfig.get_path("stdlib")) / "lib-dynload"
    return next(
        path for path in sorted(folder.iterdir()) if path.name.startswith(name + ".")
    ).read_bytes()


PLANTED: dict[str, dict[str, str | bytes]] = {
    "dynamic-host": {
        "dynamic_host/__init__.py": (
            "import importlib\nbackend = importlib.import_module('_'.join(['dynamic', 'backend']))\n"
        ),
    },
    "dynamic-backend": {"dynamic_backend.py": "VALUE = 'backend'\n"},
    "needs-metadata": {
        "needs_metadata/__init__.py": (
            "import importlib.metadata\nNAME = '-'.join(['needs', 'metadata'])\n"
            "__version__ = importlib.metadata.version(NAME)\n"
        ),
    },
    "needs-data": {
        "needs_data/__init__.py": (
            "from pathlib import Path\nTEXT = (Path(__file__).parent / 'tables' / 'table.txt').read_text()\n"
        ),
        "needs_data/tables/table.txt": "forty-two",
        "needs_data/tests/data.txt": "not for users",
    },
    "needs-header": {
        "needs_header/__init__.py": (
            "from pathlib import Path\nTEXT = Path(__file__).with_name('api.h').read_text()\n"
        ),
        "needs_header/api.h": "int answer(void);",
    },
    "shim-owner": {
        "shared_name/__init__.py": (
            "import importlib.util, sys\nfrom pathlib import Path\n"
            "for entry in sys.path:\n"
            "    path = Path(entry, 'shared_name.py')\n"
            "    if path.is_file():\n"
            "        spec = importlib.util.spec_from_file_location('shared_name', path)\n"
            "        module = importlib.util.module_from_spec(spec)\n"
            "        sys.modules['shared_name'] = module\n"
            "        spec.loader.exec_module(module)\n"
            "        break\n"
            "else:\n"
            "    FALLBACK = True\n"
        ),
    },
    "file-owner": {"shared_name.py": "class Segment:\n    pass\n"},
    "needs-source": {
        "needs_source/__init__.py": (
            "import inspect\n\ndef kernel():\n    return 1\n\nSOURCE = inspect.getsource(kernel)\n"
        ),
    },
    "plugin-host": {
        "plugin_host/__init__.py": (
            "from importlib.metadata import entry_points\n\n"
            "def load():\n    return sorted(p.load().NAME for p in entry_points(group='planted.plugins'))\n"
        ),
    },
    "plugin-one": {"plugin_one.py": "NAME = 'one'\n"},
    "needs-native": {
        "needs_native/__init__.py": (
            "import ctypes\nfrom pathlib import Path\n\n"
            "def load():\n    return ctypes.PyDLL(str(Path(__file__).parent / 'native' / 'libplanted.so'))\n"
        ),
    },
    "packed-module": {"packed_module/__init__.py": ""},
    "optional-user": {
        "optional_user/__init__.py": (
            "try:\n    import absent_speedups\nexcept ImportError:\n    absent_speedups = None\n"
        ),
    },
    "unused": {"unused/__init__.py": "import dynamic_backend\n"},
}
ENTRY_POINTS = {
    "plugin-one": "[planted.plugins]\none = plugin_one\n[console_scripts]\nplugin = plugin_one:main\n"
}


@dataclasses.dataclass
class Freezer:
    """Runs driver programs as the rules do: a process each, in one directory, relative paths."""

    root: Path

    def run(self, program: str, request: contract.Request) -> subprocess.CompletedProcess[str]:
        (self.root / f"{program}.json").write_text(request.to_json())
        return subprocess.run(
            [
                sys.executable,
                *contract.INTERPRETER_FLAGS,
                str(DRIVER / "__main__.py"),
                program,
                f"{program}.json",
            ],
            cwd=self.root,
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
        )

    def must(self, program: str, request: contract.Request) -> str:
        """Run a program that must succeed; returns what it said."""
        done = self.run(program, request)
        assert done.returncode == 0, done.stderr
        return done.stderr

    def app(
        self, name: str, files: Mapping[str, str], entry_point: str, **fields: object
    ) -> contract.AppRequest:
        """Write first-party sources and return their request."""
        for path, text in files.items():
            target = self.root / name / "src" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        return contract.AppRequest(
            layer="layer",
            site="site",
            tool="tool",
            trace="trace",
            output=f"{name}/app",
            source_roots=(f"{name}/src",),
            entry_point=entry_point,
            **fields,  # type: ignore[arg-type]
        )

    def check(
        self, request: contract.AppRequest, allow: dict[str, str] | None = None
    ) -> contract.CheckRequest:
        return contract.CheckRequest(
            layer="layer",
            app=request.output,
            site="site",
            tool="tool",
            trace=request.trace,
            output=request.output.replace("/app", "/check"),
            source_roots=request.source_roots,
            allow=allow,
        )

    def assembly(self, request: contract.AppRequest, **fields: object) -> contract.AssembleRequest:
        values: dict[str, object] = {
            "layer": "layer",
            "site": "site",
            "pack": "pack",
            "app": request.output,
            "check": request.output.replace("/app", "/check"),
            "tool": "tool",
            "output": request.output.replace("/app", "/dist"),
            "name": "program",
            **fields,
        }
        return contract.AssembleRequest(**values)  # type: ignore[arg-type]

    def freeze(self, request: contract.AppRequest, **fields: object) -> Path:
        """App, check and assembly; returns the executable."""
        self.must(contract.APP, request)
        self.must(contract.CHECK, self.check(request))
        assembly = self.assembly(request, **fields)
        self.must(contract.ASSEMBLE, assembly)
        return (
            self.root
            / assembly.output
            / contract.executable_path("program", assembly.mode, os.name == "nt")
        )


def tool_directory() -> Path:
    """The directory that PyInstaller is installed in."""
    spec = importlib.util.find_spec("PyInstaller")
    assert spec is not None, "these tests need PyInstaller beside pytest"
    assert spec.origin is not None
    return Path(spec.origin).parent.parent


@pytest.fixture(scope="session")
def freezer(tmp_path_factory: pytest.TempPathFactory) -> Freezer:
    """A layer over the planted distributions, analysed, packed and traced."""
    root = tmp_path_factory.mktemp("freezer")
    (root / "site").mkdir()
    (root / "wheels").mkdir()
    for name, files in PLANTED.items():
        content = dict(files)
        if name == "needs-native":
            content["needs_native/native/libplanted.so"] = an_extension()
        if name == "packed-module":
            suffix = sysconfig.get_config_var("EXT_SUFFIX")
            content[f"packed_module/unicodedata{suffix}"] = an_extension("unicodedata")
        wheel = make_wheel(
            root / "wheels", name, "1.0", content, entry_points=ENTRY_POINTS.get(name, "")
        )
        install(wheel, root / "site")
    (root / "tool").symlink_to(tool_directory())
    made = Freezer(root)
    made.must(contract.LAYER, contract.LayerRequest("site", "tool", "layer", cache="cache"))
    made.must(contract.TRACE, contract.TraceRequest("layer", "site", "trace", cache="cache"))
    made.must(contract.PROBE, contract.ProbeRequest("layer", "trace", "tool", "probe"))
    made.must(contract.PACK, contract.PackRequest("layer", "pack", cache="cache"))
    return made


@pytest.fixture(scope="session")
def plain(freezer: Freezer, tmp_path_factory: pytest.TempPathFactory) -> PlainPyInstaller:
    """PyInstaller as used by hand over the same distributions."""
    return PlainPyInstaller(freezer.root, tmp_path_factory.mktemp("plain"))


@dataclasses.dataclass
class PlainPyInstaller:
    """Freezes a script by PyInstaller's own command line."""

    root: Path
    work: Path

    def freeze(self, name: str, script: str) -> Path:
        (self.work / f"{name}.py").write_text(script)
        done = subprocess.run(
            [
                sys.executable,
                "-s",
                "-m",
                "PyInstaller",
                "--onedir",
                "--log-level",
                "ERROR",
                "--noconfirm",
                f"{name}.py",
            ],
            cwd=self.work,
            env={
                **ENVIRONMENT,
                "PYTHONPATH": f"{self.root / 'site'}{os.pathsep}{self.root / 'tool'}",
                "PYINSTALLER_CONFIG_DIR": str(self.work / "config"),
            },
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return self.work / "dist" / name / name


def start(
    executable: Path, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a frozen program with nothing in its environment."""
    return subprocess.run(
        [str(executable), *arguments],
        env=environment,
        cwd="/",
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
