"""Distributions with planted faults, and a driver that freezes programs over them."""

from __future__ import annotations

import sysconfig

import pytest

from pants_pyinstaller.testing.freezer import Freezer, PlainPyInstaller
from pants_pyinstaller.testing.wheels import an_extension, install, make_wheel

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
    "needs-sources": {
        "needs_sources/__init__.py": (
            "import importlib\n\nREAD = [importlib.import_module(f'needs_sources.part{n}').SOURCE for n in range(20)]\n"
        ),
        **{
            f"needs_sources/part{number}.py": (
                "from pathlib import Path\n\nSOURCE = Path(__file__).read_text()\n"
                "STUB = Path(__file__).with_suffix('.pyi').exists()\n"
            )
            for number in range(20)
        },
        "needs_sources/part3.pyi": "SOURCE: str\n",
        "needs_sources/unused.py": "",
    },
    "refuses": {
        "refuses.py": (
            "import sys\nif getattr(sys, 'frozen', False):\n"
            "    raise RuntimeError('not in a frozen program')\n"
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
    made = Freezer(root)
    made.prepare()
    return made


@pytest.fixture(scope="session")
def plain(freezer: Freezer, tmp_path_factory: pytest.TempPathFactory) -> PlainPyInstaller:
    """PyInstaller as used by hand over the same distributions."""
    return PlainPyInstaller(freezer.root, tmp_path_factory.mktemp("plain"))
