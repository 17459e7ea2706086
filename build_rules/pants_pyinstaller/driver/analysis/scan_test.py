"""The fast scanner finds what PyInstaller's own finds, on every module of the standard library and of this
environment."""

from __future__ import annotations

import ast
import sysconfig
import warnings
from pathlib import Path
from typing import Any

import pytest

from pants_pyinstaller.driver.analysis import scan


class _Module:
    """What PyInstaller's scanner writes into."""

    def __init__(self) -> None:
        self._deferred_imports: list[Any] = []
        self.attributes: set[str] = set()

    def add_global_attr(self, name: str) -> None:
        self.attributes.add(name)

    def remove_global_attr_if_found(self, name: str) -> None:
        self.attributes.discard(name)


def _pyinstaller_scan(source: bytes, code: Any) -> tuple[list[tuple[Any, ...]], set[str]]:
    from PyInstaller.lib.modulegraph import modulegraph

    module = _Module()
    graph = modulegraph.ModuleGraph.__new__(modulegraph.ModuleGraph)
    modulegraph._Visitor(graph, module).visit(ast.parse(source))
    graph._scan_bytecode(module, code, is_scanning_imports=False)
    found = [
        (star, name, None if names is None else tuple(names), level)
        for star, (name, _, names, level), _ in module._deferred_imports
    ]
    return found, module.attributes


def _sources() -> list[Path]:
    roots = [Path(sysconfig.get_path("stdlib")), Path(pytest.__file__).parent.parent]
    found = [path for root in roots for path in sorted(root.rglob("*.py"))]
    return [path for path in found if "bad" not in path.name and "lib2to3" not in path.parts]


def test_same_as_pyinstaller_on_real_code() -> None:
    compared = 0
    for path in _sources()[::3]:
        source = path.read_bytes()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                code = compile(source, str(path), "exec", dont_inherit=True)
            except (SyntaxError, ValueError, UnicodeDecodeError):
                continue
            result = scan.scan(code, source)
            imports, attributes = _pyinstaller_scan(source, code)
        ours = [(item.star, item.name, item.attributes, item.level) for item in result.imports]
        assert ours == imports, path
        assert result.attributes == attributes, path
        compared += 1
    assert compared > 300


def _scan(text: str) -> scan.Scan:
    return scan.scan(compile(text, "module.py", "exec", dont_inherit=True), text.encode())


def test_import_in_dead_code_is_found() -> None:
    assert [item.name for item in _scan("if 0:\n    import hint\n").imports] == ["hint"]
    assert [item.name for item in _scan("def f():\n    return\n    import late\n").imports] == [
        "late"
    ]


def test_text_that_only_looks_like_an_import_is_none() -> None:
    assert _scan('"""Use it so:\n\nimport example\nfrom example import thing\n"""\n').imports == ()


def test_many_names_need_extended_arguments() -> None:
    text = (
        "".join(f"name_{number} = 'value {number}'\n" for number in range(400))
        + "from late import thing\n"
    )
    assert _scan(text).imports == (scan.Import("late", ("thing",), 0, False),)


def test_literals_that_only_execution_imports() -> None:
    found = _scan(
        "import importlib, pkgutil, plugins\n"
        "importlib.import_module('backends.fast')\n"
        "for item in pkgutil.iter_modules(plugins.__path__): pass\n"
        "exec('with scope:\\n  from sandbox.inner import Box\\n')\n"
    )
    assert "backends.fast" in found.dynamic
    assert "sandbox.inner" in found.dynamic
    assert found.iterated == ("plugins",)


def test_import_statements_built_as_syntax_trees() -> None:
    found = _scan(
        "import ast\n"
        "def build():\n"
        "    return ast.Import(names=[ast.alias(name='magic.first')]), ast.alias('magic.second', None)\n"
    )
    assert set(found.dynamic) == {"magic.first", "magic.second"}
    assert found.loads
    assert not _scan("def alias(name): ...\nalias('magic.third')\n").loads


def test_flags_say_how_an_import_stands() -> None:
    text = b"import a\nif x:\n    import b\ntry:\n    import c\nexcept ImportError:\n    pass\ndef f():\n    import d\n"
    assert {item.name: flags.describe() for item, flags in scan.imports_with_flags(text)} == {
        "a": "top-level",
        "b": "conditional",
        "c": "optional",
        "d": "delayed",
    }


def test_modules_that_an_interpreter_is_started_with() -> None:
    text = (
        b"run([sys.executable, '-m', 'tools.report', 'x'])\n"
        b"os.execl(sys.executable, sys.executable, '-u', \"-m\", 'again')\n"
        b"git('commit', '-m', 'a message of words')\nrun([exe, '-m', name])\n"
    )
    found = scan.scan(compile(text, "x.py", "exec"), text)
    assert set(found.started) == {"tools.report", "again"}
    assert not scan.scan(compile(b"import a", "x.py", "exec"), b"import a").started
