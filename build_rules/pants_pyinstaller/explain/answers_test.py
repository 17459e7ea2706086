"""Answers about a real frozen program, held against its executable."""

from __future__ import annotations

import json
import os

import pytest

from pants_pyinstaller.driver import contract
from pants_pyinstaller.explain import answers, archives, document, texts
from pants_pyinstaller.explain.conftest import Frozen, freeze
from pants_pyinstaller.explain.errors import ExplainError
from pants_pyinstaller.explain.graph import Graph
from pants_pyinstaller.testing.freezer import Freezer


def steps(answer: dict[str, object]) -> list[tuple[object, object, object]]:
    chain = answer["chain"]
    assert isinstance(chain, list)
    return [(link["reason"], link["to"], texts.where(link)) for link in chain]


def test_a_chain_has_file_and_line_of_each_import(graph: Graph) -> None:
    answer = answers.why(graph, "private_helper")
    assert answer["chain"][0]["from"] == "entry point (app.main:main)"
    assert steps(answer) == [
        ("start", "app.main", ""),
        ("import", "app.work", "app/main.py:1"),
        ("import", "front", "app/work.py:7"),
        ("import", "front.core", "front/__init__.py:1"),
        ("import", "heavy.engine", "front/core.py:1"),
        ("import", "private_helper", "heavy/engine.py:1"),
    ]


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("by_name.backend", ("named", "by_name.backend", "by_name/__init__.py:2")),
        ("dynamic_end", ("trace", "dynamic_end", "")),
        ("asked_late", ("proof", "asked_late", "")),
        ("plugin_one", ("entry point", "plugin_one", "explained.plugins")),
        ("wave", ("field", "wave", "hidden_imports")),
        ("table.txt", ("data", "heavy/table.txt", "")),
        ("distribution:heavy", ("distribution", "heavy", "")),
        (
            "native_part.unicodedata",
            ("import", "native_part.unicodedata", "native_part/__init__.py:1"),
        ),
        ("base_library.zip", ("start", "base_library.zip", "")),
    ],
)
def test_each_kind_of_reason(graph: Graph, name: str, last: tuple[str, str, str]) -> None:
    answer = answers.why(graph, name)
    assert answer["inside"]
    assert steps(answer)[-1] == last


def test_all_direct_reasons(graph: Graph) -> None:
    answer = answers.why(graph, "shared_helper", every=True)
    places = {texts.where(link) for link in answer["reasons"]}
    assert {"app/main.py:2", "heavy/engine.py:2"} <= places
    assert "app/main.py:2" in texts.render(answer)


@pytest.mark.parametrize(
    ("name", "because", "remedy"),
    [
        (
            "idle",
            "nothing in the bundle imports it; what does is not in the bundle",
            "hidden_imports",
        ),
        ("distribution:idle", "heavy 1.0 requires it, which alone brings no code", "collect"),
        ("by_name.unused", "nothing in the bundle imports it", 'hidden_imports=["by_name.unused"]'),
        ("absent_speedups", "neither the lock nor the sources", "lock"),
        ("idle/page.html", "idle is not in the bundle", "collect"),
        ("no_such_thing", "neither the bundle nor its lock", "requirements"),
        ("heavy/tests/data.bin", "a running program hardly reads", "exercises"),
    ],
)
def test_why_not(graph: Graph, name: str, because: str, remedy: str) -> None:
    answer = answers.why_not(graph, name)
    assert not answer["inside"]
    assert because in answer["because"]
    assert remedy in answer["remedy"]
    assert because in texts.render(answer)


def test_why_of_what_is_not_in_it_answers_why_not(graph: Graph) -> None:
    assert answers.why(graph, "idle")["question"] == "why-not"


def test_an_unknown_name_is_an_error_with_a_likely_one(graph: Graph) -> None:
    with pytest.raises(ExplainError, match="did you mean private_helper"):
        answers.why(graph, "privat_helper")


def test_the_summary_shows_the_numbers_of_the_manifest(frozen: Frozen, graph: Graph) -> None:
    manifest = json.loads(frozen.manifest.read_text())
    answer = answers.summary(graph)
    assert answer["bytes"]["packed"] == manifest["executable"]["size"]
    assert answer["bytes"]["packed"] == frozen.executable.stat().st_size
    assert answer["bytes"]["unpacked"] == manifest["unpacked_size"]
    sizes = {row["name"]: row["unpacked"] for row in answer["by_part"]}
    for item in manifest["distributions"]:
        assert sizes[f"{item['name']} {item['version']}"] == item["size"]
    assert sum(row["packed"] for row in answer["by_part"]) < answer["bytes"]["packed"]
    assert answer["excludes"] == ["app.spare"]
    assert "idle 1.0" in answer["not_selected"]


def test_modules_and_files_are_those_of_the_executable(frozen: Frozen, graph: Graph) -> None:
    contents = archives.read(str(frozen.executable))
    inside = [graph.nodes[position] for position in graph.selected]
    packed = {n.name for n in inside if n.kind in ("module", "package", "namespace") and n.packed}
    assert packed == {name for name in contents.modules if name in graph.modules}
    assert set(contents.modules) <= set(graph.modules)
    files = {n.name for n in inside if n.kind in document.FILE_KINDS}
    assert set(contents.files) <= files


NAMES = 64
"""Bytes that the name of something left out takes at most."""


@pytest.mark.parametrize("mode", [contract.ONE_FILE, contract.ONE_DIR])
@pytest.mark.parametrize("name", ["heavy", "front", "module:heavy.engine"])
def test_without_is_right_when_the_exclusion_is_made(lock: Freezer, name: str, mode: str) -> None:
    """Within 1 %, in both shapes; the program imports ``front`` only if it is there.

    What is left out takes some bytes, too: the executable can name it.
    """
    label = f"{name.replace(':', '-')}-{mode}"
    whole = freeze(lock, f"whole-{mode}", mode)
    answer = answers.without(Graph(whole.explain(mode=mode)), name)
    less = freeze(lock, f"less-{label}", mode, excludes=tuple(answer["excludes"]))
    really = shipped(whole) - shipped(less)
    assert really > 1000
    assert abs(answer["bytes"]["packed"] - really) <= really / 100 + NAMES
    stays = {node.name for node in _inside(Graph(less.explain(mode=mode)))}
    gone = {node.name for node in _inside(Graph(whole.explain(mode=mode)))} - stays
    assert gone == {row["name"] for row in answer["things"] if row["kind"] != "distribution"}


def _inside(graph: Graph) -> list[document.Node]:
    return [graph.nodes[p] for p in graph.selected if graph.nodes[p].kind != "distribution"]


def shipped(frozen: Frozen) -> int:
    """Bytes of what a person copies."""
    if frozen.executable.parent.name != "program":
        return frozen.executable.stat().st_size
    return sum(
        os.path.getsize(os.path.join(folder, file))
        for folder, _, files in os.walk(frozen.executable.parent)
        for file in files
    )


def test_a_distribution_is_excluded_by_its_topmost_modules(graph: Graph) -> None:
    """Packages without a file of their own are its own too, unless another distribution has something in them."""
    assert answers.without(graph, "heavy")["excludes"] == ["heavy"]
    assert answers.without(graph, "spread")["excludes"] == ["spread"]
    assert answers.without(graph, "common-one")["excludes"] == ["common.one"]


def test_a_library_by_a_part_of_its_name(graph: Graph) -> None:
    with pytest.raises(ExplainError, match="did you mean unicodedata"):
        answers.why(graph, "libcodedat")


def test_an_extension_module_has_the_bytes_of_its_file(graph: Graph) -> None:
    answer = answers.why(graph, "native_part.unicodedata")
    assert answer["bytes"]["packed"] > 100_000


def test_largest_names_who_brought_it(graph: Graph) -> None:
    answer = answers.largest(graph, 3)
    assert len(answer["things"]) == 3
    assert answer["things"][0]["packed"] >= answer["things"][1]["packed"]
    heavy = next(row for row in answers.largest(graph, 50)["parts"] if row["name"] == "heavy 1.0")
    assert heavy["brought_by"] == "app/work.py:7"


def test_a_document_is_the_same_bytes_twice(frozen: Frozen) -> None:
    first, second = frozen.explain(output="plain/one"), frozen.explain(output="plain/two")
    assert document.dump(first) == document.dump(second)
    assert document.load(document.dump(first)) == first


def test_a_document_of_another_version_is_refused() -> None:
    with pytest.raises(ExplainError, match="another version"):
        document.load(json.dumps({"format": document.FORMAT, "schema": 0}))
    with pytest.raises(ExplainError, match="not an explanation"):
        document.load("{}")
