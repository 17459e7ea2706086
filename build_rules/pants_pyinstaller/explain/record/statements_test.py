"""Lines of imports, held against the syntax tree."""

from __future__ import annotations

import ast
import sysconfig
from pathlib import Path

import pytest

from pants_pyinstaller.explain.record import statements

_STDLIB = Path(sysconfig.get_path("stdlib"))


def by_tree(source: str, package: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for node in ast.walk(ast.parse(source)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")
                kept = parts[: len(parts) - node.level + 1]
                base = ".".join([*kept, *([base] if base else [])])
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        for name in names:
            for end in range(1, name.count(".") + 2):
                part = ".".join(name.split(".")[:end])
                found[part] = min(found.get(part, node.lineno), node.lineno)  # type: ignore[attr-defined]
    return found


@pytest.mark.parametrize(
    "path",
    [
        "asyncio/base_events.py",
        "ssl.py",
        "concurrent/futures/process.py",
        "typing.py",
        "json/__init__.py",
    ],
)
def test_lines_are_those_of_the_syntax_tree(path: str) -> None:
    source = (_STDLIB / path).read_text()
    is_package = path.endswith("__init__.py")
    name = path[:-3].replace("/", ".").removesuffix(".__init__")
    package = name if is_package else name.rpartition(".")[0]
    code = compile(source, path, "exec", dont_inherit=True)
    assert statements.imports(code, name, is_package) == by_tree(source, package)


def test_an_import_with_many_names_before_it() -> None:
    """Arguments above 255 need a prefix."""
    source = "\n".join(f"name_{n} = {n + 1000}" for n in range(400)) + "\nfrom a.b import c, d\n"
    code = compile(source, "x", "exec")
    found = statements.imports(code, "module", False)
    assert found == {"a": 401, "a.b": 401, "a.b.c": 401, "a.b.d": 401}


def test_what_else_names_a_module(tmp_path: Path) -> None:
    hook = tmp_path / "hook-pkg.loader.py"
    hook.write_text("# a hook\nhiddenimports = ['pkg.hidden']\n")
    source = (
        b"import importlib\nif False:\n    import pkg.dropped\n\n"
        b"def load(name):\n    return importlib.import_module('.' + name, __package__)\n\n"
        b"NAMES = ['pkg.listed']\n"
    )
    text = statements.Text("pkg.loader", False, compile(source, "x", "exec"), source)
    targets = ["pkg", "pkg.dropped", "pkg.listed", "pkg.computed", "importlib"]
    found = statements.places(text, targets, statements.Hooks([]))
    assert found == {
        "pkg": statements.Place("package"),
        "pkg.dropped": statements.Place("import", 3),
        "pkg.listed": statements.Place("named", 8),
        "pkg.computed": statements.Place("named", 6),
        "importlib": statements.Place("import", 1),
    }
    bare = statements.Text("pkg.loader", False, None)
    hooks = statements.Hooks([str(tmp_path)])
    assert statements.places(bare, ["pkg.hidden"], hooks) == {
        "pkg.hidden": statements.Place("hook", 2, "hook-pkg.loader.py")
    }
