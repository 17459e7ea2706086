"""What goes into an executable: each kind of thing that no import statement names, and nothing of what nobody uses."""

from __future__ import annotations

import json
import sysconfig
from collections.abc import Mapping

import pytest

from pants_pyinstaller.driver import contract
from pants_pyinstaller.testing.freezer import (
    Freezer,
    start,
    tool_directory,
)
from pants_pyinstaller.testing.wheels import an_extension, install, make_wheel

SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")
DISTRIBUTIONS: dict[str, dict[str, str | bytes]] = {
    # Plug-ins through a helper, by a group that is one short word, whose name is a constant of another module.
    "kite": {
        "kite/__init__.py": "",
        "kite/names.py": "GROUP = 'kit'\n",
        "kite/manager.py": (
            "from importlib import metadata\n"
            "from kite import names\n"
            "def all_of(group):\n"
            "    return [p.load() for p in metadata.entry_points().select(group=group)]\n"
            "def load():\n    return sorted(m.NAME for m in all_of(names.GROUP))\n"
        ),
    },
    "kite-red": {"kite_red/__init__.py": "NAME = 'red'\n", "kite_red/colour.txt": "red"},
    # Something that reads a group of tools: no reason for every program that has a command.
    "installer": {
        "installer/__init__.py": "GROUPS = ['console_scripts']\nimport importlib.metadata\n"
    },
    "has-command": {"has_command.py": "def main(): pass\n"},
    # A table of names, and an importing helper in another module.
    "table": {
        "table/__init__.py": "",
        "table/load.py": "import importlib\ndef by_name(n):\n    return importlib.import_module(n)\n",
        "table/aliases.py": (
            "from table.load import by_name\n"
            "BACKENDS = {'a': 'table.backends.first:First', 'b': 'table.backends.second'}\n"
            "def get(key):\n    return by_name(BACKENDS[key].partition(':')[0]).VALUE\n"
        ),
        "table/backends/__init__.py": "",
        "table/backends/first.py": "VALUE = 1\nclass First: pass\n",
        "table/backends/second.py": "VALUE = 2\n",
        "table/backends/unnamed.py": "VALUE = 3\n",
        "table/formats/__init__.py": (
            "import importlib\ndef get(name):\n"
            "    return importlib.import_module(f'{__package__}.of_{name}').VALUE\n"
        ),
        "table/formats/of_csv.py": "VALUE = 'csv'\n",
        "table/formats/of_xml.py": "VALUE = 'xml'\n",
        "table/formats/other.py": "",
    },
    # Files in folders and packages that nobody imports.
    "folders": {
        "folders/__init__.py": (
            "from pathlib import Path\nHERE = Path(__file__).parent\n"
            "def names(folder):\n    return sorted(p.name for p in (HERE / folder).iterdir())\n"
        ),
        "folders/templates/plain/env.py": "raise SystemExit('a template')\n",
        "folders/templates/plain/README": "read me",
        "folders/templates/{{name}}/setup.py": "{{body}}\n",
        "folders/space/part.py": "VALUE = 'part'\n",
        "folders/user.py": "from folders.space import part\n",
        "folders/native/__init__.py": "",
        f"folders/native/lib{SUFFIX}": b"",
        "folders/native/table.dat": "1",
        "folders/_examples/extra/show.py": "import has_command\n",
        "folders/tests/data.txt": "no",
    },
    # One odd file each.
    "odd-encoding": {"odd_encoding.py": b"# an encoding of old: caf\xe9\nVALUE = 1\n"},
    "odd-hook": {"odd_hook.py": "VALUE = 2\n"},
    # A hook leaves out what only a string that is executed imports.
    "shells": {
        "shells/__init__.py": "",
        "shells/magic.py": (
            "def plot():\n    try:\n        exec('import has_command')\n"
            "    except ImportError:\n        return 'no'\n    return 'yes'\n"
        ),
    },
    "whole": {"whole/__init__.py": "", "whole/part.py": "VALUE = 'part'\n"},
    "tzdata": {
        "tzdata/__init__.py": "",
        "tzdata/zones": "Nowhere/City\n",
        "tzdata/zoneinfo/__init__.py": "",
        "tzdata/zoneinfo/Nowhere/__init__.py": "",
        "tzdata/zoneinfo/Nowhere/City": (
            b"TZif2" + bytes(15) + b"\0\0\0\0" * 4 + b"\0\0\0\1\0\0\0\4" + bytes(6) + b"NOW\0"
        )
        + b"TZif2"
        + bytes(15)
        + b"\0\0\0\0" * 4
        + b"\0\0\0\1\0\0\0\4"
        + bytes(6)
        + b"NOW\0"
        + b"\nNOW0\n",
    },
}
ENTRY_POINTS = {
    "kite-red": "[kit]\nred = kite_red\n",
    "has-command": "[console_scripts]\nhas-command = has_command:main\n",
}
HOOK = "raise RuntimeError('a hook of old')\n"


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Freezer:
    """A traced layer over these distributions, with the user's hook for one of them."""
    root = tmp_path_factory.mktemp("kinds")
    for folder in ("site", "wheels", "hooks"):
        (root / folder).mkdir()
    for name, files in DISTRIBUTIONS.items():
        content = dict(files)
        if name == "folders":
            content[f"folders/native/lib{SUFFIX}"] = an_extension()
        points = ENTRY_POINTS.get(name, "")
        install(
            make_wheel(root / "wheels", name, "1.0", content, entry_points=points), root / "site"
        )
    (root / "hooks" / "hook-odd_hook.py").write_text(HOOK)
    (root / "hooks" / "hook-shells.py").write_text("excludedimports = ['has_command']\n")
    (root / "tool").symlink_to(tool_directory())
    made = Freezer(root)
    layer = contract.LayerRequest("site", "tool", "layer", cache="cache", hooks=("hooks",))
    made.must(contract.LAYER, layer)
    made.must(contract.TRACE, contract.TraceRequest("layer", "site", "trace", cache="cache"))
    return made


def frozen(kinds: Freezer, name: str, body: str, **fields: object) -> tuple[str, set[str]]:
    """What a program prints that is frozen without a look at what it does, and the distributions that it holds."""
    source = "def main():\n" + "".join(f"    {line}\n" for line in body.splitlines())
    request = kinds.app(name, {f"{name}_app/cli.py": source}, f"{name}_app.cli:main", **fields)
    kinds.must(contract.APP, request)
    assembly = kinds.assembly(request, mode=contract.ONE_DIR, check=None, pack=None)
    kinds.must(contract.ASSEMBLE, assembly)
    folder = kinds.root / assembly.output
    done = start(folder / "program" / "program")
    assert done.returncode == 0, done.stderr
    manifest = json.loads((folder / contract.MANIFEST).read_text())
    return done.stdout.strip(), {item["name"] for item in manifest["distributions"]}


NEEDED: Mapping[str, tuple[str, str, set[str]]] = {
    "nothing": ("print('hello')", "hello", set()),
    "plugins": (
        "import kite.manager\nprint(kite.manager.load())",
        "['red']",
        {"kite", "kite-red"},
    ),
    "tools": ("import installer\nprint(1)", "1", {"installer"}),
    "aliases": (
        "from table import aliases\nprint(aliases.get('a'), aliases.get('b'))",
        "1 2",
        {"table"},
    ),
    "completed": (
        "from table import formats\nprint(formats.get('csv'), formats.get('xml'))",
        "csv xml",
        {"table"},
    ),
    "data": (
        "import folders, folders.user\n"
        "print([folders.names(f) for f in ('templates/plain', 'templates/{{name}}')])\n"
        "print((folders.HERE / 'native' / 'table.dat').read_text(), len(folders.names('native')))\n"
        "print([(folders.HERE / f).exists() for f in ('_examples', 'tests', 'space/part.py')])",
        "[['README', 'env.py'], ['setup.py']]\n1 2\n[False, False, False]",
        {"folders"},
    ),
    "encoding": ("import odd_encoding\nprint(odd_encoding.VALUE)", "1", {"odd-encoding"}),
    "fallback": (
        "import zoneinfo\nzoneinfo.reset_tzpath([])\nprint(zoneinfo.ZoneInfo('Nowhere/City'))",
        "Nowhere/City",
        {"tzdata"},
    ),
    "excluded": ("from shells import magic\nprint(magic.plot())", "no", {"shells"}),
    "configured": (
        "import logging.config\n"
        "made = {'()': 'table.backends.first.First'}\n"
        "logging.config.dictConfig({'version': 1, 'filters': {'f': made}})\nprint(1)",
        "1",
        {"table"},
    ),
    "listed": (
        "from table import load\n"
        "APPS = ['table.formats', 'kite_red', 'json']\n"
        "print([load.by_name(name).__name__ for name in APPS], 'has_command')",
        "['table.formats', 'kite_red', 'json'] has_command",
        {"kite-red", "table"},
    ),
    "metadata": (
        "from importlib.metadata import version\nprint(version('has_command'))",
        "1.0",
        set(),
    ),
    "splash": ("import pyi_splash\nprint(pyi_splash.__name__)", "pyi_splash", set()),
    "tools_own": (
        "import _pyi_rth_utils.tempfile\nprint(_pyi_rth_utils.tempfile.__name__)",
        "_pyi_rth_utils.tempfile",
        set(),
    ),
    "by_name": (
        "import importlib\nnames = {'red': 'kite_red'}\n"
        "print(importlib.import_module(names['red']).NAME)",
        "red",
        {"kite-red"},
    ),
}


@pytest.mark.parametrize("kind", sorted(NEEDED))
def test_a_program_holds_what_it_uses(kinds: Freezer, kind: str) -> None:
    body, expected, distributions = NEEDED[kind]

    said, held = frozen(kinds, kind, body)

    assert said == expected
    assert held == distributions


def test_a_requirement_that_the_target_names_goes_in_whole(kinds: Freezer) -> None:
    body = "name = ''.join(['whole.', 'part'])\nprint(__import__(name, fromlist=['x']).VALUE)"

    said, held = frozen(kinds, "named", body, requirements=("Whole", "not-on-this-platform"))

    assert (said, held) == ("part", {"whole"})


def test_a_failing_hook_refuses_the_programs_that_use_its_module(kinds: Freezer) -> None:
    request = kinds.app("hooked", {"hooked_app.py": "import odd_hook\n"}, "hooked_app")

    done = kinds.run(contract.APP, request)

    assert done.returncode == 1
    assert "hook-odd_hook.py failed: RuntimeError: a hook of old" in done.stderr


def test_names_that_are_known_at_run_time_alone_are_in_the_manifest(kinds: Freezer) -> None:
    frozen(kinds, "unresolved", "import table.load\nprint(1)")

    manifest = json.loads((kinds.root / "unresolved" / "dist" / contract.MANIFEST).read_text())

    assert manifest["unresolved_imports"] == {"table.load": [3]}
