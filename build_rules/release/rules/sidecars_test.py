from __future__ import annotations

import json

import pytest

from release.manifest import BuildInfo, Distribution, Manifest
from release.rules.sidecars import Component, NoticeText, with_licenses
from release.typed_json import DocumentError, parse


def _manifest(data: object) -> Manifest:
    return parse(Manifest, "app.manifest.json", json.dumps(data).encode())


def test_a_manifest_says_what_it_knows() -> None:
    manifest = _manifest(
        {
            "schema": 1,
            "platform": "windows-amd64",
            "executable": {"path": "app.exe", "sha256": "ab", "size": 1},
            "build_info": {"version": "v1", "commit": "c0ffee"},
            "distributions": [
                {"name": "a", "version": "1", "license": "MIT", "requires": ["b>=2"]},
                {"name": "b", "version": "2", "license": "B", "license_expression": "BSD-3-Clause"},
                {"name": "c", "version": "3", "license": None},
            ],
        }
    )
    assert (manifest.platform, manifest.executable.sha256) == ("windows-amd64", "ab")
    assert manifest.build_info == BuildInfo("v1", "c0ffee")
    assert [d.stated_license for d in manifest.distributions] == ["MIT", "BSD-3-Clause", None]
    assert manifest.distributions[0].requires == ("b>=2",)
    assert _manifest({"schema": 1}) == Manifest(1)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ([], "the document must be an object"),
        ({}, "`schema` is missing"),
        ({"schema": 2}, "the schema is 2, but only 1"),
        ({"schema": True}, "`schema` must be an integer, but is True"),
        ({"schema": 1, "platform": 3}, "`platform` must be a string, but is 3"),
        ({"schema": 1, "distributions": {}}, "`distributions` must be a list"),
        ({"schema": 1, "distributions": ["x"]}, r"`distributions\[0\]` must be an object"),
        (
            {"schema": 1, "distributions": [{"name": "x"}]},
            r"`distributions\[0\].version` is missing",
        ),
        ({"schema": 1, "build_info": "v1"}, "`build_info` must be an object"),
        ({"schema": 1, "executable": {"sha256": 1}}, "`executable.sha256` must be a string"),
        ({"schema": 1, "floor": {"system": "glibc", "version": "new"}}, "`floor` has the version"),
    ],
)
def test_a_malformed_manifest_names_the_place(data: object, why: str) -> None:
    with pytest.raises(DocumentError, match=f"app.manifest.json: {why}"):
        _manifest(data)


def test_invalid_json_names_the_file() -> None:
    with pytest.raises(DocumentError, match=r"app\.manifest\.json is not valid JSON: "):
        parse(Manifest, "app.manifest.json", b"{")


def _notices(data: object) -> tuple[Component, ...]:
    return parse(tuple[Component, ...], "app.notices.json", json.dumps(data).encode())


def test_notices() -> None:
    item = {"name": "n", "version": "1", "license": None, "texts": [{"file": "f", "text": "t"}]}
    assert _notices([item]) == (Component("n", "1", None, (NoticeText("f", "t"),)),)
    assert _notices([{"name": "n", "version": "1"}]) == (Component("n", "1"),)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({}, "the document must be a list"),
        (["x"], r"`\[0\]` must be an object"),
        ([{"version": "1"}], r"`\[0\].name` is missing"),
        ([{"name": "n", "version": "1", "texts": ["t"]}], r"`\[0\].texts\[0\]` must be an object"),
    ],
)
def test_malformed_notices_name_the_place(data: object, why: str) -> None:
    with pytest.raises(DocumentError, match=f"app.notices.json: {why}"):
        _notices(data)


def test_a_component_without_a_licence_gets_the_one_of_the_manifest() -> None:
    manifest = Manifest(
        1,
        distributions=(
            Distribution("a", "1", license="MIT"),
            Distribution("b", "2", license="BSD"),
        ),
    )
    components = [Component("a", "1"), Component("b", "2", "ISC"), Component("c", "3")]
    licenses = [c.license for c in with_licenses(components, manifest)]
    assert licenses == ["MIT", "ISC", None]
