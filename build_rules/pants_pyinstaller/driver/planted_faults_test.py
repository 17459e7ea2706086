"""Each known way in which a frozen program breaks: plain PyInstaller ships it, this build gets it right or stops."""

from __future__ import annotations

import pytest

from pants_pyinstaller.driver import contract
from pants_pyinstaller.testing.freezer import Freezer, PlainPyInstaller, start

RIGHT = {
    "hidden_import": ("import dynamic_host\nprint(dynamic_host.backend.VALUE)\n", "backend"),
    "metadata": ("import needs_metadata\nprint(needs_metadata.__version__)\n", "1.0"),
    "data_file": ("import needs_data\nprint(needs_data.TEXT)\n", "forty-two"),
    "shadowed_distribution": (
        "from shared_name import Segment\nprint(Segment.__name__)\n",
        "Segment",
    ),
    "plugin": ("import plugin_host\nprint(plugin_host.load())\n", "['one']"),
    "needs_sources": ("import needs_source\nprint(len(needs_source.SOURCE))\n", "27"),
    "file_left_out": ("import needs_header\nprint(needs_header.TEXT)\n", "int answer(void);"),
    "native_library": ("import needs_native\nprint(needs_native.load() is not None)\n", "True"),
}
SHIPPED_WRONG = {
    "hidden_import": "No module named 'dynamic_backend'",
    "metadata": "PackageNotFoundError",
    "data_file": "FileNotFoundError",
    "shadowed_distribution": "cannot import name 'Segment'",
    "native_library": "libplanted.so",
    "needs_sources": "could not get source code",
    "file_left_out": "api.h",
}


@pytest.mark.parametrize("fault", sorted(RIGHT))
def test_build_gets_it_right(freezer: Freezer, fault: str) -> None:
    body, expected = RIGHT[fault]
    source = "def main():\n" + "".join(f"    {line}\n" for line in body.splitlines())
    request = freezer.app(
        f"right_{fault}",
        {f"{fault}/__init__.py": "", f"{fault}/cli.py": source},
        f"{fault}.cli:main",
    )
    done = start(freezer.freeze(request))
    assert (done.returncode, done.stdout.strip()) == (0, expected), done.stderr


def test_plain_pyinstaller_ships_every_fault(plain: PlainPyInstaller) -> None:
    bodies = {fault: body for fault, (body, _) in RIGHT.items()}
    functions = "".join(
        f"def {fault}():\n" + "".join(f"    {line}\n" for line in body.splitlines())
        for fault, body in bodies.items()
    )
    executable = plain.freeze("faulty", f"import sys\n{functions}globals()[sys.argv[1]]()\n")
    assert set(SHIPPED_WRONG) | {"plugin"} == set(bodies)
    for fault, said in SHIPPED_WRONG.items():
        done = start(executable, fault)
        assert done.returncode != 0, (
            f"plain PyInstaller got {fault} right: the comparison is out of date"
        )
        assert said in done.stderr, (fault, done.stderr)
    lacking = start(executable, "plugin")
    assert (lacking.returncode, lacking.stdout.strip()) == (0, "[]")


def test_an_import_that_no_build_can_mend_stops_it(freezer: Freezer) -> None:
    request = freezer.app(
        "refused", {"refapp/cli.py": "import refuses\n\ndef main(): pass\n"}, "refapp.cli:main"
    )
    freezer.must(contract.APP, request)
    done = freezer.run(contract.CHECK, freezer.check(request))
    assert done.returncode == 1
    assert "refuses" in done.stderr
    assert "unfrozen: imported" in done.stderr
    assert "not in a frozen program" in done.stderr
    assert "Traceback" not in done.stderr


def test_accepted_difference_needs_a_reason(freezer: Freezer) -> None:
    request = freezer.app(
        "accepted", {"accapp/cli.py": "def main():\n    import refuses\n"}, "accapp.cli:main"
    )
    freezer.must(contract.APP, request)
    refused = freezer.run(contract.CHECK, freezer.check(request, {"refuses": " "}))
    assert refused.returncode == 1
    assert "needs a reason" in refused.stderr
    accepted = {"refuses": "it is never imported", "accapp.cli": "see refuses"}
    freezer.must(contract.CHECK, freezer.check(request, accepted))


def test_first_party_dynamic_import_joins_the_selection(freezer: Freezer) -> None:
    files = {
        "dynapp/cli.py": "import importlib\nfound = importlib.import_module('dynamic' + '_backend')\n\n"
        "def main():\n    print(found.VALUE)\n"
    }
    request = freezer.app("joins", files, "dynapp.cli:main")
    executable = freezer.freeze(request)
    assert start(executable).stdout.strip() == "backend"
