"""One frozen program and its explanation."""

from __future__ import annotations

import dataclasses
import json
import sysconfig
from pathlib import Path

import pytest

from pants_pyinstaller.driver import contract
from pants_pyinstaller.explain import document
from pants_pyinstaller.explain.graph import Graph
from pants_pyinstaller.explain.record import program
from pants_pyinstaller.explain.request import DOCUMENT, RecordRequest
from pants_pyinstaller.testing.freezer import Freezer
from pants_pyinstaller.testing.wheels import an_extension, install, make_wheel

_FILLER = "\n".join(
    f"def call_{n}(first, second):\n    return {n} + first * second" for n in range(90)
)

DISTRIBUTIONS: dict[str, dict[str, str | bytes]] = {
    "front": {"front/__init__.py": "import front.core\n", "front/core.py": "import heavy.engine\n"},
    "heavy": {
        "heavy/__init__.py": f"{_FILLER}\n",
        "heavy/engine.py": f"import private_helper\nimport shared_helper\n{_FILLER}\n",
        "heavy/table.txt": "row\n" * 5000,
        "heavy/tests/data.bin": "not for users",
    },
    "private-helper": {"private_helper.py": f"{_FILLER}\n"},
    "shared-helper": {"shared_helper.py": "def help():\n    return 1\n"},
    "plugin-host": {
        "plugin_host.py": (
            "from importlib.metadata import entry_points\n\n"
            "def load():\n    return [p.load() for p in entry_points(group='explained.plugins')]\n"
        ),
    },
    "plugin-one": {"plugin_one.py": "NAME = 'one'\n"},
    "by-name": {
        "by_name/__init__.py": "import importlib\nbackend = importlib.import_module('.backend', __name__)\n",
        "by_name/backend.py": "",
        "by_name/unused.py": "import idle\n",
    },
    "dynamic-host": {
        "dynamic_host.py": "import importlib\nimportlib.import_module('_'.join(['dynamic', 'end']))\n"
    },
    "dynamic-end": {"dynamic_end.py": ""},
    "spread": {"spread/__init__.py": "import spread.deep.leaf\n", "spread/deep/leaf.py": ""},
    "common-one": {"common/one/__init__.py": ""},
    "common-two": {"common/two/__init__.py": ""},
    "asked-late": {"asked_late.py": ""},
    "native": {"native_part/__init__.py": "from . import unicodedata\n"},
    "idle": {"idle/__init__.py": "", "idle/page.html": "<p>"},
    "optional-user": {
        "optional_user.py": "try:\n    import absent_speedups\nexcept ImportError:\n    pass\n"
    },
}

SOURCES = {
    "app/__init__.py": "",
    "app/main.py": (
        "import app.work\nimport shared_helper\nimport dynamic_host\nimport optional_user\n\n"
        "def main():\n    import by_name\n    print(shared_helper.help())\n"
    ),
    "app/work.py": (
        "import importlib\nimport spread, common.one, common.two, native_part\nimport plugin_host\n\n"
        "importlib.import_module('_'.join(['asked', 'late']))\n"
        "try:\n    import front\nexcept ImportError:\n    front = None\n"
    ),
    "app/spare.py": "",
}


@dataclasses.dataclass
class Frozen:
    """A program frozen without Pants, explained as the goal does it."""

    freezer: Freezer
    request: contract.AppRequest
    executable: Path
    manifest: Path

    def explain(self, **fields: object) -> document.Document:
        folder = self.request.output.rpartition("/")[0]
        values: dict[str, object] = {
            "program": "path/to:app",
            "output": f"{folder}/explanation",
            "layer": "layer",
            "app": self.request.output,
            "site": "site",
            "tool": "tool",
            "trace": "trace",
            "check": f"{folder}/check",
            "pack": "pack",
            "source_roots": self.request.source_roots,
            "entry_point": self.request.entry_point,
            "hidden_imports": self.request.hidden_imports,
            "collect": self.request.collect,
            **fields,
        }
        made = record_in(self.freezer.root, RecordRequest(**values))  # type: ignore[arg-type]
        made.manifest = json.loads(self.manifest.read_text())
        return made


def record_in(root: Path, request: RecordRequest) -> document.Document:
    """Run the program in ``root``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        program.run(request)
    return document.load((root / request.output / DOCUMENT).read_text())


@pytest.fixture(scope="session")
def lock(tmp_path_factory: pytest.TempPathFactory) -> Freezer:
    """A layer over DISTRIBUTIONS."""
    root = tmp_path_factory.mktemp("explain")
    (root / "site").mkdir()
    (root / "wheels").mkdir()
    for name, files in DISTRIBUTIONS.items():
        content = dict(files)
        if name == "native":
            suffix = sysconfig.get_config_var("EXT_SUFFIX")
            content[f"native_part/unicodedata{suffix}"] = an_extension("unicodedata")
        entry_points = "[explained.plugins]\none = plugin_one\n" if name == "plugin-one" else ""
        requires = "Requires-Dist: idle\n" if name == "heavy" else ""
        wheel = make_wheel(
            root / "wheels", name, "1.0", content, metadata=requires, entry_points=entry_points
        )
        install(wheel, root / "site")
    made = Freezer(root)
    made.prepare()
    return made


def freeze(lock: Freezer, name: str, mode: str = contract.ONE_FILE, **fields: object) -> Frozen:
    """The program over ``lock``."""
    request = lock.app(name, SOURCES, "app.main:main", **fields)
    executable = lock.freeze(request, mode=mode)
    return Frozen(lock, request, executable, lock.root / name / "dist" / "manifest.json")


@pytest.fixture(scope="session")
def frozen(lock: Freezer) -> Frozen:
    return freeze(lock, "plain", excludes=("app.spare",), hidden_imports=("wave",))


@pytest.fixture(scope="session")
def explained(frozen: Frozen) -> document.Document:
    return frozen.explain()


@pytest.fixture(scope="session")
def graph(explained: document.Document) -> Graph:
    return Graph(explained)
