"""What a proof sees of a program's own code: how it starts, what it reads, what does not import at all."""

from __future__ import annotations

import json

import pytest

from pants_pyinstaller.driver import contract
from pants_pyinstaller.testing.freezer import Freezer, start

MODES = [contract.ONE_FILE, contract.ONE_DIR]
REWRITER = """
import importlib.machinery, sys


class Doubling(importlib.machinery.SourceFileLoader):
    def source_to_code(self, data, path, *, _optimization=-1):
        text = data.decode().replace("one", "two")
        return super().source_to_code(text.encode(), path, _optimize=_optimization)


def path_hook():
    native = importlib.machinery.ExtensionFileLoader, importlib.machinery.EXTENSION_SUFFIXES
    finder = importlib.machinery.FileFinder.path_hook(native, (Doubling, [".py"]))
    sys.path_hooks.insert(0, finder)
    sys.path_importer_cache.clear()


class Front:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if not name.startswith("rewritten."):
            return None
        for finder in sys.meta_path:
            if finder is not Front and hasattr(finder, "find_spec"):
                spec = finder.find_spec(name, path, target)
                if spec is not None and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
                    spec.loader = Doubling(spec.loader.name, spec.loader.path)
                    return spec
        return None


def meta_path():
    sys.meta_path.insert(0, Front)
"""


def check(freezer: Freezer, request: contract.AppRequest, **fields: object) -> tuple[int, str]:
    freezer.must(contract.APP, request)
    done = freezer.run(contract.CHECK, freezer.check(request, **fields))  # type: ignore[arg-type]
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def notes_of(freezer: Freezer, request: contract.AppRequest) -> list[dict[str, str]]:
    path = freezer.root / request.output.replace("/app", "/check") / contract.NOTES
    found: list[dict[str, str]] = json.loads(path.read_text())
    return found


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("way", ["path_hook", "meta_path"])
def test_import_hook_on_own_package_works(freezer: Freezer, mode: str, way: str) -> None:
    request = freezer.app(
        f"hook-{way}-{mode}",
        {
            "rewriter.py": REWRITER,
            "rewritten/__init__.py": f"import rewriter\nrewriter.{way}()\n",
            "rewritten/value.py": "VALUE = 'one'\n",
            "aaa.py": "from rewritten.value import VALUE\n",
            "cli.py": (
                "import rewritten, aaa\nimport needs_data, json.tool\n\n"
                "def main():\n    print(aaa.VALUE, needs_data.TEXT)\n"
            ),
        },
        "cli:main",
    )
    done = start(freezer.freeze(request, mode=mode), PATH="/usr/bin:/bin")
    assert (done.returncode, done.stdout) == (0, "two forty-two\n"), done.stderr


@pytest.mark.parametrize("entry", ["first_lines.py", "first_lines", "called:main"])
@pytest.mark.parametrize("way", ["path_hook", "meta_path"])
def test_import_hook_that_the_program_installs_as_it_starts(
    freezer: Freezer, entry: str, way: str
) -> None:
    # Nothing may run these lines at build time, so the sources alone tell of the hook.
    request = freezer.app(
        f"late-hook-{way}-{entry.replace(':', '-')}",
        {
            "rewriter.py": REWRITER,
            "setup_hooks.py": f"import rewriter as r\n\ndef install():\n    r.{way}()\n",
            "rewritten/__init__.py": "",
            "rewritten/value.py": "VALUE = 'one'\n",
            "first_lines.py": (
                "from setup_hooks import install\n\ninstall()\n"
                "from rewritten.value import VALUE\n\nprint(VALUE)\n"
            ),
            "called.py": (
                "import setup_hooks\n\ndef main():\n    setup_hooks.install()\n"
                "    from rewritten import value\n    print(value.VALUE)\n"
            ),
        },
        entry,
    )
    done = start(freezer.freeze(request), PATH="/usr/bin:/bin")
    assert (done.returncode, done.stdout) == (0, "two\n"), done.stderr


@pytest.mark.parametrize("mode", MODES)
def test_own_sources_that_are_read_join(freezer: Freezer, mode: str) -> None:
    request = freezer.app(
        f"source-{mode}",
        {
            "reader.py": (
                "import inspect, warnings\nwarnings.warn('only shown')\n\n"
                "def read(function):\n    return inspect.getsource(function)\n"
            ),
            "tools.py": "import reader\n\n@reader.read\ndef tool():\n    return 'a source'\n",
            "cli.py": "import tools\n\ndef main():\n    print('a source' in tools.tool)\n",
        },
        "cli:main",
    )
    done = start(freezer.freeze(request, mode=mode), PATH="/usr/bin:/bin")
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
    result = freezer.root / request.output.replace("/app", "/check") / contract.CHECK_RESULT
    assert list(json.loads(result.read_text())["additions"]["own_files"]) == ["tools.py"]


def test_all_sources_of_a_distribution_that_reads_them_join(freezer: Freezer) -> None:
    request = freezer.app(
        "reads-sources",
        {
            "reads_all.py": "import needs_sources\n\ndef main():\n    print(len(needs_sources.READ))\n"
        },
        "reads_all:main",
    )
    executable = freezer.freeze(request, mode=contract.ONE_DIR)
    done = start(executable, PATH="/usr/bin:/bin")
    assert (done.returncode, done.stdout) == (0, "20\n"), done.stderr
    held = {path.name for path in executable.parent.rglob("needs_sources/*") if path.is_file()}
    assert held == {*(f"part{number}.py" for number in range(20)), "part3.pyi", "__init__.py"}


def test_files_that_the_trace_saw_being_read_cost_no_second_run(freezer: Freezer) -> None:
    files = {"known.py": "import needs_source\n\ndef main():\n    print(needs_source.SOURCE)\n"}
    request = freezer.app("read-in-trace", files, "known:main")
    status, text = check(freezer, request)
    assert status == 0, text
    assert "run 2" not in text
    result = freezer.root / request.output.replace("/app", "/check") / contract.CHECK_RESULT
    assert json.loads(result.read_text())["additions"]["files"] == ["needs_source/__init__.py"]


@pytest.mark.parametrize("mode", MODES)
def test_the_proof_runs_the_shape_that_ships(freezer: Freezer, mode: str) -> None:
    other = MODES[mode == MODES[0]]
    module = (
        "import os, sys\n"
        "if getattr(sys, 'frozen', False):\n"
        "    beside = os.path.dirname(sys.executable) == os.path.dirname(sys._MEIPASS)\n"
        f"    assert beside == {mode == contract.ONE_DIR}\n"
    )
    files = {"only.py": module, "cli.py": "import only\n\ndef main():\n    print('right')\n"}
    request = freezer.app(f"shape-{mode}", files, "cli:main")
    assert check(freezer, request, mode=mode)[0] == 0
    status, error = check(freezer, request, mode=other)
    assert status == 1
    assert "AssertionError" in error


@pytest.mark.parametrize("entry", ["started", "started.py"])
def test_main_module_does_not_run(freezer: Freezer, entry: str) -> None:
    name = f"main-{entry}"
    mark = freezer.root / f"{name}.mark"
    request = freezer.app(
        name,
        {
            "started.py": (
                "import os, json.tool, sys\nfrom helper import VALUE\n"
                f"open({str(mark)!r}, 'a').close()\nprint(VALUE)\nos._exit(3)\n"
            ),
            "helper.py": "VALUE = 'helped'\n",
        },
        entry,
    )
    executable = freezer.freeze(request, mode=contract.ONE_DIR)
    assert not mark.exists()
    done = start(executable)
    assert done.returncode == 3
    assert mark.exists()


@pytest.mark.parametrize(
    ("files", "entry", "said"),
    [
        (
            {"bad.py": "import sys\nfrom json import no_such\n"},
            "bad",
            "bad.py:2: json has no attribute 'no_such'",
        ),
        (
            {"bad.py": "from json import no_such\n\ndef main(): pass\n"},
            "bad:main",
            "bad.py (bad): ImportError: cannot import name 'no_such'",
        ),
        (
            {"bad.py": "import os\nimport nowhere_at_all\n"},
            "bad.py",
            "bad.py:2: ModuleNotFoundError: No module named 'nowhere_at_all'",
        ),
        (
            {
                "ok.py": "def main():\n    import inner.bad\n",
                "inner/__init__.py": "",
                "inner/bad.py": "1 / 0\n",
            },
            "ok:main",
            "inner/bad.py (inner.bad): ZeroDivisionError",
        ),
    ],
)
def test_own_code_that_does_not_import_is_refused(
    freezer: Freezer, files: dict[str, str], entry: str, said: str
) -> None:
    name = "broken-" + entry.replace(":", "-") + str(abs(hash(said)))
    code, text = check(freezer, freezer.app(name, files, entry))
    assert code == 1
    assert said in text


@pytest.mark.parametrize(
    ("files", "excludes"),
    [
        (
            {
                "maker.py": (
                    "import sys, tempfile\nfrom pathlib import Path\n\n"
                    "made = tempfile.mkdtemp()\n"
                    "Path(made, 'made_now.py').write_text('VALUE = 1')\n"
                    "sys.path.append(made)\nfrom made_now import VALUE\n\nprint(VALUE)\n"
                )
            },
            (),
        ),
        (
            {
                "vendors.py": (
                    "import bundles\nimport sys\n\nsys.path.insert(0, bundles.__path__[0])\n"
                    "import plugin_one\n\nprint(plugin_one.NAME)\n"
                ),
                "bundles/__init__.py": "",
                "bundles/plugin_one.py": "NAME = 1\n",
            },
            ("plugin_one",),
        ),
        (
            {
                "renames.py": (
                    "import sys\nimport vendored_pickles\n\n"
                    "sys.modules['old_pickles'] = vendored_pickles\n"
                    "import old_pickles\nfrom old_pickles import one\n\nprint(one.VALUE)\n"
                ),
                "vendored_pickles/__init__.py": "",
                "vendored_pickles/one.py": "VALUE = 1\n",
            },
            (),
        ),
    ],
)
def test_imports_that_earlier_lines_make_possible_are_not_refused(
    freezer: Freezer, files: dict[str, str], excludes: tuple[str, ...]
) -> None:
    name = next(iter(files)).removesuffix(".py")
    request = freezer.app(name, files, f"{name}.py", excludes=excludes)
    done = start(freezer.freeze(request), PATH="/usr/bin:/bin")
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr


def test_modules_that_only_a_finder_knows_are_no_missing_attributes(freezer: Freezer) -> None:
    request = freezer.app(
        "virtual",
        {
            "virtual/__init__.py": (
                "import importlib.abc, importlib.util, sys\n\n\n"
                "class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):\n"
                "    def find_spec(self, name, path=None, target=None):\n"
                "        if name == 'virtual.part':\n"
                "            return importlib.util.spec_from_loader(name, self)\n\n"
                "    def create_module(self, spec):\n        return None\n\n"
                "    def exec_module(self, module):\n        module.VALUE = 1\n\n\n"
                "sys.meta_path.append(Finder())\n"
            ),
            "uses_virtual.py": "from virtual import part\n\nprint(part.VALUE)\n",
        },
        "uses_virtual",
    )
    done = start(freezer.freeze(request), PATH="/usr/bin:/bin")
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr


@pytest.mark.parametrize("mode", MODES)
def test_own_modules_that_only_a_name_can_import_go_in(freezer: Freezer, mode: str) -> None:
    request = freezer.app(
        f"numbered-{mode}",
        {
            "steps/__init__.py": "",
            "steps/0001_first.py": "import plugin_one\n\nVALUE = plugin_one.NAME\n",
            "runs_steps.py": (
                "import importlib, pkgutil, steps\n\nfor item in pkgutil.iter_modules(steps.__path__):\n"
                "    print(item.name, importlib.import_module(f'steps.{item.name}').VALUE)\n"
            ),
        },
        "runs_steps",
    )
    done = start(freezer.freeze(request, mode=mode), PATH="/usr/bin:/bin")
    assert (done.returncode, done.stdout) == (0, "0001_first one\n"), done.stderr


def test_modules_that_want_a_setup_first_are_notes(freezer: Freezer) -> None:
    request = freezer.app(
        "wants-setup",
        {
            "frame.py": (
                "class NotReady(Exception):\n    pass\n\n\nREADY = []\n\n\n"
                "def setup():\n    READY.append(1)\n\n\n"
                "def model():\n    if not READY:\n        raise NotReady('call setup first')\n    return 1\n"
            ),
            "models.py": "import frame\nimport plugin_one\n\nVALUE = frame.model()\n",
            "manage.py": (
                "import frame\n\nframe.setup()\nimport models\n\n"
                "print(models.VALUE, models.plugin_one.NAME)\n"
            ),
        },
        "manage.py",
    )
    done = start(freezer.freeze(request), PATH="/usr/bin:/bin")
    assert (done.returncode, done.stdout) == (0, "1 one\n"), done.stderr
    assert any("NotReady: call setup first" in item["text"] for item in notes_of(freezer, request))


def test_guarded_imports_that_fail_everywhere_are_notes(freezer: Freezer) -> None:
    request = freezer.app(
        "guarded",
        {
            "guarded.py": (
                "import sys\ntry:\n    import nowhere_at_all\nexcept ImportError:\n    pass\n"
                "if sys.platform == 'another':\n    from ours import windows\n"
                "def later():\n    from json import no_such\n    import ours.other\n"
                "def main():\n    pass\n"
            ),
            "ours/__init__.py": "",
            "ours/windows.py": "from ctypes import nothing_here\n",
            "ours/other.py": "import winreg, fcntl, nt\n",
        },
        "guarded:main",
    )
    code, text = check(freezer, request)
    assert code == 0, text
    found = [
        item["text"] for item in notes_of(freezer, request) if item["kind"] == "failing-import"
    ]
    assert any("json.no_such" in item and "guarded" in item for item in found), found
    assert any("nothing_here" in item for item in found), found
    assert [item for item in notes_of(freezer, request) if item["kind"] == "proof"]


def test_surroundings_are_those_of_a_user(freezer: Freezer) -> None:
    request = freezer.app(
        "path",
        {
            "path.py": (
                "import os\nassert os.environ['PATH'] and os.environ['HOME'] and os.environ['LANG']\n"
                "assert not [name for name in os.environ if name.startswith('PYTHON')]\n\ndef main(): pass\n"
            )
        },
        "path:main",
    )
    code, text = check(freezer, request)
    assert code == 0, text


def test_exclusion_is_named_once(freezer: Freezer) -> None:
    request = freezer.app(
        "excluding",
        {
            "excluding.py": "import one, two\n\ndef main(): pass\n",
            "one.py": "import plugin_one\n",
            "two.py": "import plugin_one\n",
        },
        "excluding:main",
        excludes=("plugin_one",),
    )
    code, text = check(freezer, request)
    assert code == 1
    assert text.count("  plugin_one\n") == 1
    assert "3 modules need it: excluding, one, two" in text
    assert "hidden_imports" not in text
