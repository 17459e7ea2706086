"""The closure of what a binary asks for."""

from __future__ import annotations

from pants_pyinstaller.driver import contract, index
from pants_pyinstaller.driver.analysis import selection
from pants_pyinstaller.driver.outputs import Wanted


def _index(edges: dict[str, list[str]], **fields: object) -> index.Index:
    names = sorted(edges)
    number = {name: position for position, name in enumerate(names)}
    values: dict[str, object] = {
        "schema": contract.SCHEMA,
        "platform": "linux-amd64",
        "python": {},
        "python_library": "libpython.so",
        "pyinstaller": "6.22.3",
        "optimize": 0,
        "names": names,
        "nodes": [
            index.Node("module", [number[target] for target in edges[name]]) for name in names
        ],
        "base": [],
        "bootstrap": [],
        "rthooks": {},
        "scripts": {},
        "files": {"libpython.so": index.File("binary"), "base_library.zip": index.File("data")},
        "dists": [],
        "missing": {},
        "contested": {},
        "host_libraries": {},
        **fields,
    }
    return index.Index(**values)  # type: ignore[arg-type]


def test_selection_is_the_closure_without_excludes() -> None:
    layer = _index({"a": ["b"], "b": ["c"], "c": [], "d": [], "b.sub": ["d"]})
    wanted = Wanted(modules=frozenset({"a"}))
    assert selection.select(layer, wanted, {}).modules == ["a", "b", "c"]
    without = Wanted(modules=frozenset({"a"}), excludes=("b",))
    assert selection.select(layer, without, {}).modules == ["a"]
    dynamic = selection.select(layer, wanted, {"c": ["b.sub"]})
    assert dynamic.modules == ["a", "b", "b.sub", "c", "d"]


def test_libraries_of_selected_files_come_along() -> None:
    files = {
        "libpython.so": index.File("binary"),
        "base_library.zip": index.File("data"),
        "a.so": index.File("binary", needs=["libx.so"], module=0),
        "libx.so": index.File("binary", needs=["liby.so"]),
        "liby.so": index.File("binary"),
        "other.so": index.File("binary"),
    }
    layer = _index({"a": []}, files=files)
    layer.nodes[0].files = ["a.so"]
    chosen = selection.select(layer, Wanted(modules=frozenset({"a"})), {})
    assert chosen.files == ["a.so", "base_library.zip", "libpython.so", "libx.so", "liby.so"]


def test_tools_entry_points_are_no_plugins() -> None:
    points = {
        "console_scripts": {"x": "x.cli:main"},
        "pytest11": {"x": "x.testing"},
        "app.plugins": {"x": "x.plug:Thing [extra]"},
    }
    assert selection.plugin_modules(points) == ["x.plug"]
