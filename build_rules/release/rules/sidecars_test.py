from __future__ import annotations

import json

import pytest

from release.rules.sidecars import (
    Component,
    Manifest,
    NoticeText,
    SidecarError,
    parse_manifest,
    parse_notices,
    with_licenses,
)


def _manifest(data: object) -> Manifest:
    return parse_manifest("app.manifest.json", json.dumps(data).encode())


def test_a_manifest_says_what_it_knows() -> None:
    assert _manifest(
        {
            "schema": 1,
            "platform": "windows-amd64",
            "executable": {"path": "app.exe", "sha256": "ab", "size": 1},
            "build_info": {"version": "v1", "commit": "c0ffee"},
            "distributions": [
                {"name": "a", "version": "1", "license": "MIT", "requires": []},
                {
                    "name": "b",
                    "version": "2",
                    "license": "BSD",
                    "license_expression": "BSD-3-Clause",
                },
                {"name": "c", "version": "3", "license": None},
            ],
        }
    ) == Manifest(
        "windows-amd64", "ab", "v1", "c0ffee", (("a", "1", "MIT"), ("b", "2", "BSD-3-Clause"))
    )
    assert _manifest({"schema": 1}) == Manifest()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ([], "app.manifest.json must hold a JSON object"),
        ({}, "has the schema None"),
        ({"schema": 2}, "has the schema 2, but only 1"),
        ({"schema": 1, "platform": 3}, "the manifest needs a text `platform`"),
        ({"schema": 1, "distributions": {}}, "`distributions` must be a list"),
        ({"schema": 1, "distributions": ["x"]}, "item 0 of `distributions` must be an object"),
        ({"schema": 1, "build_info": "v1"}, "`build_info` must be an object"),
        ({"schema": 1, "executable": {"sha256": 1}}, "`executable` needs a text `sha256`"),
    ],
)
def test_a_malformed_manifest_names_the_place(data: object, why: str) -> None:
    with pytest.raises(SidecarError, match=why):
        _manifest(data)


def test_no_json() -> None:
    with pytest.raises(SidecarError, match=r"app\.manifest\.json is no JSON: "):
        parse_manifest("app.manifest.json", b"{")


def test_notices() -> None:
    item = {"name": "n", "version": "1", "license": None, "texts": [{"file": "f", "text": "t"}]}
    assert parse_notices("app.notices.json", json.dumps([item]).encode()) == (
        Component("n", "1", "", (NoticeText("f", "t"),)),
    )


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({}, "must hold a JSON list"),
        (["x"], "item 0 must be an object"),
        ([{"version": "1"}], "item 0 needs a text `name`"),
        ([{"name": "n", "version": 1}], "item 0 needs a text `version`"),
        ([{"name": "n", "version": "1", "texts": "t"}], "item 0 must be an object with a list"),
        ([{"name": "n", "version": "1", "texts": ["t"]}], "item 0 has a text that is no object"),
        ([{"name": "n", "version": "1", "texts": [{"file": "f"}]}], "item 0 needs a text `text`"),
    ],
)
def test_malformed_notices_name_the_place(data: object, why: str) -> None:
    with pytest.raises(SidecarError, match=why):
        parse_notices("app.notices.json", json.dumps(data).encode())


def test_a_component_without_a_licence_gets_the_one_of_the_manifest() -> None:
    manifest = Manifest(licenses=(("a", "1", "MIT"), ("b", "2", "BSD")))
    components = [Component(n, v, text, ()) for n, v, text in [("a", "1", ""), ("b", "2", "ISC")]]
    assert [c.license for c in with_licenses(components, manifest)] == ["MIT", "ISC"]
    assert with_licenses([Component("c", "3", "", ())], manifest)[0].license == ""
