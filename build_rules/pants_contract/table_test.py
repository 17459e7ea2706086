"""Our backend uses nothing that a supported line of Pants lacks."""

from __future__ import annotations

import pytest

from pants_contract import offered, table, used

TABLE = table.load()
WITHOUT_GET = [line for line in TABLE if tuple(map(int, line.split(".")[:2])) >= (2, 32)]
SUPPORTED = [line for line in TABLE if line not in WITHOUT_GET]


def test_the_table_has_the_lines_that_the_docs_name() -> None:
    assert [line.rsplit(".", 1)[0] for line in SUPPORTED] == [
        *("2.17", "2.18", "2.20", "2.21", "2.22", "2.23", "2.24", "2.25", "2.26", "2.27"),
        *("2.28", "2.29", "2.30", "2.31"),
    ]
    assert WITHOUT_GET == ["2.32.1", "2.33.0", "2.34.0.dev3"]
    assert len(table.uses()) > 100


@pytest.mark.parametrize("line", SUPPORTED)
def test_a_supported_line_has_all_that_we_use(line: str) -> None:
    assert table.problems(table.uses(), TABLE[line]) == [], (
        f"use what Pants {line} has, or guard it in _compat.py; for a new name: "
        "python -m pants_contract.table CHECKOUT"
    )


@pytest.mark.parametrize("line", WITHOUT_GET)
def test_newer_lines_have_no_get(line: str) -> None:
    missing = table.problems(table.uses(), TABLE[line])
    assert "pants.engine.rules:Get is not there" in missing
    assert "pants.engine.rules:MultiGet is not there" in missing


def test_what_differs_is_named() -> None:
    uses = {
        "pants.a:F": used.Use({"x", "gone"}, 3),
        "pants.a:G": used.Use(),
        "pants.a:H": used.Use(),
    }
    offer = {"pants.a:F": ["x", "y"], "pants.a:H": None, table.MOVED[0]: None}
    assert table.problems(uses, offer) == [
        "pants.a:F takes no gone",
        "pants.a:F takes 2 arguments, not 3",
        "pants.a:G is not there",
    ]
    assert "EnvironmentField" in table.problems({}, {})[0]


def test_uses_of_names_and_arguments() -> None:
    text = (
        "from pants.a import F as f, G\nimport os\nfrom other import H\n"
        "try:\n    from pants.b import gone\nexcept ImportError:\n    pass\n"
        "def rule():\n    f(1, *rest, x=2)\n    f(1, 2, **more)\n    H()\n"
    )
    found = used.uses([text])
    assert found == {"pants.a:F": used.Use({"x"}, 2), "pants.a:G": used.Use()}


SOURCES = {
    "pants.a": (
        "from dataclasses import dataclass\nfrom pants.b import moved, Base\nfrom os import path\n"
        "VALUE = 1\ndef function(a, *, b=None): ...\ndef any_(*args, **more): ...\n"
        "class Plain: ...\nclass Init:\n    def __init__(self, c, d=1): ...\n"
        "@dataclass(frozen=True)\nclass Data(Base):\n    e: int\n    f: ClassVar[int] = 0\n"
    ),
    "pants.b": "def moved(x): ...\n@dataclass\nclass Base:\n    z: int\n",
}


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("function", ["a", "b"]),
        ("any_", None),
        ("VALUE", None),
        ("path", None),
        ("moved", ["x"]),
        ("Plain", None),
        ("Init", ["c", "d"]),
        ("Data", ["z", "e"]),
    ],
)
def test_what_a_release_offers(name: str, parameters: list[str] | None) -> None:
    assert offered.parameters(SOURCES.get, f"pants.a:{name}") == parameters


@pytest.mark.parametrize("symbol", ["pants.a:gone", "pants.c:F"])
def test_what_a_release_lacks(symbol: str) -> None:
    with pytest.raises(offered.Missing, match=symbol):
        offered.parameters(SOURCES.get, symbol)
