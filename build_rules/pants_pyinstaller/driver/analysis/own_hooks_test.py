"""Hooks of the program's own modules: everything that a hook may say counts."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pants_pyinstaller.driver import contract
from pants_pyinstaller.testing.freezer import Freezer, start

PROGRAM = {
    "hooked/__init__.py": "",
    "hooked/cli.py": (
        "import inspect, os, sys\n"
        "from importlib import import_module\n\n"
        "def add(a, b):\n    return a + b  # in the source\n\n"
        "def main():\n"
        "    from hooked import plain, compiled\n"
        "    try:\n        import unused\n    except ImportError:\n        unused = None\n"
        "    here = os.path.dirname(__file__)\n"
        "    print('in the source' in inspect.getsource(add))\n"
        "    print(import_module('_'.join(['plugin', 'one'])).NAME, unused)\n"
        "    print(open(os.path.join(here, 'words', 'a.txt')).read().strip())\n"
        "    print(import_module('.'.join(['hooked', 'parts', 'one'])).VALUE)\n"
        "    print(os.path.basename(plain.__file__), os.path.isfile(plain.__file__))\n"
        "    print(os.path.isfile(compiled.__file__ + 'c') or os.path.isfile(compiled.__file__))\n"
    ),
    "hooked/plain.py": "",
    "hooked/compiled.py": "",
    "hooked/parts/__init__.py": "",
    "hooked/parts/one.py": "VALUE = 'a part'\n",
    "hooked/words/readme.in": "",
}
HOOK = """
from PyInstaller.utils.hooks import collect_data_files, collect_submodules

assert "hooked.parts.one" in collect_submodules("hooked.parts")
assert collect_submodules("needs_data")
module_collection_mode = {"hooked.cli": "pyz+py", "hooked.plain": "py"}
datas = [("words.txt", "hooked/elsewhere")]
excludedimports = ["unused"]


def hook(hook_api):
    hook_api.add_imports("plugin_one", *collect_submodules("hooked.parts"))
    hook_api.add_datas([(__file__.replace("hook-hooked.py", "a.txt"), "hooked/words")])
    hook_api.set_module_collection_mode("hooked.compiled", "pyc")
"""


def with_hook(freezer: Freezer, name: str, text: str) -> contract.AppRequest:
    request = freezer.app(name, PROGRAM, "hooked.cli:main", hooks=(f"{name}/hooks",))
    folder = freezer.root / name / "hooks"
    folder.mkdir(exist_ok=True)
    (folder / "hook-hooked.py").write_text(text)
    (folder / "a.txt").write_text("one word\n")
    (folder / "words.txt").write_text("")
    return request


@pytest.mark.parametrize("mode", [contract.ONE_FILE, contract.ONE_DIR])
def test_all_attributes_count(freezer: Freezer, mode: str) -> None:
    request = with_hook(freezer, f"hooked-{mode}", HOOK)
    done = start(freezer.freeze(request, mode=mode), PATH="/usr/bin:/bin")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "True",
        "one None",
        "one word",
        "a part",
        "plain.py True",
        "True",
    ]


def test_a_module_without_what_a_hook_excludes_is_a_note(freezer: Freezer) -> None:
    program = {
        "switched/__init__.py": (
            "import os\n\nif 'WITHOUT' not in os.environ:\n    from switched import heavy\n"
        ),
        "switched/heavy.py": "",
        "switches.py": "import os\n\nos.environ['WITHOUT'] = '1'\nimport switched\n\nprint(1)\n",
    }
    request = freezer.app("switches", program, "switches.py", hooks=("switches/hooks",))
    hooks = freezer.root / "switches" / "hooks"
    hooks.mkdir()
    (hooks / "hook-switched.py").write_text("excludedimports = ['switched.heavy']\n")
    done = start(freezer.freeze(request), PATH="/usr/bin:/bin")
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr
    noted = (freezer.root / "switches" / "check" / contract.NOTES).read_text()
    assert "switched does not import frozen" in noted


def test_own_modules_that_a_hook_excludes_are_left_out(freezer: Freezer) -> None:
    program = {
        "parts/__init__.py": "",
        "parts/used.py": (
            "def find():\n    try:\n        from parts import optional\n"
            "    except ImportError:\n        optional = None\n    return optional\n"
        ),
        "parts/optional.py": "import parts.deeper\n",
        "parts/deeper.py": "",
        "parts/unreached.py": "",
        "excluding_own.py": (
            "import importlib.util\nfrom parts import used\n\ndef main():\n    print(used.find(),"
            " *[importlib.util.find_spec('parts.' + name) is not None for name in ('deeper', 'unreached')])\n"
        ),
    }
    request = freezer.app(
        "excluding_own", program, "excluding_own:main", hooks=("excluding_own/hooks",)
    )
    hooks = freezer.root / "excluding_own" / "hooks"
    hooks.mkdir()
    (hooks / "hook-parts.used.py").write_text("excludedimports = ['parts.optional']\n")
    (hooks / "hook-parts.deeper.py").write_text("raise Exception('not part of the program')\n")
    done = start(freezer.freeze(request), PATH="/usr/bin:/bin")
    assert (done.returncode, done.stdout) == (0, "None False True\n"), done.stderr


def test_a_sub_package_that_its_parent_excludes_goes_on_importing_its_own(freezer: Freezer) -> None:
    program = {
        "whole/__init__.py": (
            "try:\n    from whole import extra\nexcept ImportError:\n    extra = None\n"
        ),
        "whole/extra/__init__.py": "from whole.extra import deep\n",
        "whole/extra/deep.py": "VALUE = 'deep'\n",
        "asks_for_extra.py": "import whole.extra\n\nprint(whole.extra.deep.VALUE)\n",
    }
    request = freezer.app(
        "asks_for_extra", program, "asks_for_extra.py", hooks=("asks_for_extra/hooks",)
    )
    hooks = freezer.root / "asks_for_extra" / "hooks"
    hooks.mkdir()
    (hooks / "hook-whole.py").write_text("excludedimports = ['whole.extra']\n")
    done = start(freezer.freeze(request))
    assert (done.returncode, done.stdout) == (0, "deep\n"), done.stderr


@pytest.mark.parametrize("mode", [contract.ONE_FILE, contract.ONE_DIR])
def test_a_folder_of_data_can_be_a_hidden_import(freezer: Freezer, mode: str) -> None:
    name = f"folder-{mode}"
    source = (
        "import importlib, importlib.resources\n\n"
        "folder = importlib.import_module('.'.join(['shelf', 'books']))\n"
        "print(folder.__spec__.origin, importlib.resources.files('shelf.books').joinpath('a.txt').read_text())\n"
    )
    request = freezer.app(
        name, {"reads.py": source}, "reads.py", hidden_imports=("shelf", "shelf.books")
    )
    books = freezer.root / name / "src" / "shelf" / "books"
    books.mkdir(parents=True)
    (books / "a.txt").write_text("a book")
    done = start(freezer.freeze(request, mode=mode))
    assert (done.returncode, done.stdout) == (0, "None a book\n"), done.stderr


@pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("cc") is None, reason="needs a C compiler"
)
def test_binaries_bring_their_libraries(freezer: Freezer, tmp_path: Path) -> None:
    (tmp_path / "inner.c").write_text("int inner(void) { return 42; }\n")
    (tmp_path / "outer.c").write_text("int inner(void);\nint outer(void) { return inner(); }\n")
    for command in (
        ["cc", "-shared", "-fPIC", "inner.c", "-o", "libinner.so"],
        [
            *("cc", "-shared", "-fPIC", "outer.c", "-o", "libouter.so"),
            *("-L.", "-linner", "-Wl,-rpath,$ORIGIN"),
        ],
    ):
        subprocess.run(command, cwd=tmp_path, check=True)
    program = {
        "native.py": (
            "import ctypes, os, sys\n\ndef main():\n"
            "    print(ctypes.CDLL(os.path.join(sys._MEIPASS, 'lib', 'libouter.so')).outer())\n"
        )
    }
    request = freezer.app("native", program, "native:main", hooks=("native/hooks",))
    (freezer.root / "native" / "hooks").mkdir()
    (freezer.root / "native" / "hooks" / "hook-native.py").write_text(
        f"binaries = [({str(tmp_path / 'libouter.so')!r}, 'lib')]\n"
    )
    executable = freezer.freeze(request)
    shutil.rmtree(tmp_path)
    done = start(executable, PATH="/usr/bin:/bin")
    assert (done.returncode, done.stdout) == (0, "42\n"), done.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import os\nos.nothing\n", "hook-hooked.py:2: AttributeError: "),
        ("a = \n", "hook-hooked.py:1: invalid syntax"),
        ("datas = [('absent', '.')]\n", "datas: Unable to find"),
        ("module_collection_mode = 'zip'\n", "expected one of pyz, pyc, py, pyz+py"),
        (
            "def hook(api):\n    api.module_graph\n",
            "hook-hooked.py:2: AttributeError: hook_api.module_graph is not",
        ),
    ],
)
def test_hook_that_fails_names_its_line(freezer: Freezer, text: str, said: str) -> None:
    done = freezer.run(contract.APP, with_hook(freezer, "failing", text))
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
