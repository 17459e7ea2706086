"""The bill of materials, the provenance and the licence policy of small made-up archives."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from google.protobuf.json_format import (  # type: ignore[import-untyped]
    Parse,
    ParseDict,
)
from in_toto_attestation.predicates.provenance.v1.provenance_pb2 import Provenance
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.v1.statement import Statement
from in_toto_attestation.v1.statement_pb2 import Statement as StatementMessage

from release.describe.__main__ import main
from release.describe.licenses import Policy, problems, read_policy, refused, spdx
from release.describe.subject import locked_files
from release.errors import ReleaseError
from release.manifest import Distribution, HostLibrary

LOCK = f"""\
some-dist==1.0 ; sys_platform == 'linux' \\
    --hash=sha256:{"a" * 64} \\
    --hash=sha256:{"b" * 64}
    # via another
other==2.0 \\
    --hash=sha256:{"c" * 64}
"""


def _distribution(name: str, license: str | None, **more: Any) -> dict[str, Any]:
    return {"name": name, "version": "1.0", "license": license, "requires": [], **more}


DISTRIBUTIONS = [
    _distribution(
        "Some.Dist", "MIT", requires=["extra-only; extra == 'x'", "b>=1; os_name == 'posix'", "("]
    ),
    _distribution("b", "Apache 2.0", sha256="e" * 64),
    _distribution("extra-only", None),
    _distribution("wordy", "Licence\n\nDo what you want.", requires=["some_dist", "absent"]),
]


def _specification(folder: Path, **changes: Any) -> Path:
    lock = folder / "app.lock"
    lock.write_text(LOCK)
    manifest = {
        "schema": 1,
        "interpreter": {"implementation": "CPython", "version": "3.13.0", "sha256": "1" * 64},
        "pyinstaller": "6.0",
        "distributions": DISTRIBUTIONS,
        "host_libraries": [
            {"name": "libssl.so.3", "package": "libssl3", "version": "3", "sha256": "2" * 64}
        ],
    }
    data = {
        "program": "app",
        "version": "v1",
        "platform": "linux-amd64",
        "commit": "d" * 40,
        "source_date_epoch": 315532800,
        "target": "app:release",
        "archive": {"name": "app-v1-linux-amd64.tar.gz", "sha256": "3" * 64, "size": 9},
        "executables": [{"path": "app", "sha256": "4" * 64, "size": 8, "manifest": manifest}],
        "materials": [{"path": str(lock), "sha256": hashlib.sha256(lock.read_bytes()).hexdigest()}],
        "tools": {"pants": "2.0"},
        "policy": None,
        "outputs": {
            "sbom": str(folder / "out/app.cdx.json"),
            "provenance": str(folder / "out/app.intoto.json"),
        },
        **changes,
    }
    path = folder / "specification.json"
    path.write_text(json.dumps(data))
    return path


def _described(folder: Path, **changes: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    assert main([str(_specification(folder, **changes))]) == 0
    out = folder / "out"
    sbom, provenance = (
        json.loads((out / name).read_text()) for name in ("app.cdx.json", "app.intoto.json")
    )
    return sbom, provenance


def test_the_bill_of_materials_is_valid_and_whole(tmp_path: Path) -> None:
    sbom, _ = _described(tmp_path)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(sbom)) is None
    assert sbom["metadata"]["component"]["hashes"] == [{"alg": "SHA-256", "content": "3" * 64}]
    components = {c["name"]: c for c in sbom["components"]}
    assert set(components) == {
        *("app", "some-dist", "b", "extra-only", "wordy"),
        *("cpython", "libssl.so.3"),
    }
    # The lock's digests where the manifest doesn't tell which file it was, and only there.
    (reference,) = components["some-dist"]["externalReferences"]
    assert [h["content"] for h in reference["hashes"]] == ["a" * 64, "b" * 64]
    assert components["b"]["hashes"] == [{"alg": "SHA-256", "content": "e" * 64}]
    assert "externalReferences" not in components["b"]
    assert components["some-dist"]["licenses"] == [{"expression": "MIT"}]
    assert components["wordy"]["licenses"] == [{"license": {"name": "Licence"}}]
    assert "licenses" not in components["extra-only"]
    assert components["libssl.so.3"]["hashes"][0]["content"] == "2" * 64


def test_dependencies_are_those_that_are_inside_and_needed_there(tmp_path: Path) -> None:
    sbom, _ = _described(tmp_path)
    needs = {d["ref"]: d.get("dependsOn", []) for d in sbom["dependencies"]}
    assert needs["pkg:pypi/some-dist@1.0"] == ["pkg:pypi/b@1.0"]
    assert needs["pkg:pypi/wordy@1.0"] == ["pkg:pypi/some-dist@1.0"]
    assert needs["app-v1-linux-amd64.tar.gz"] == ["executable:app"]
    assert len(needs["executable:app"]) == 6

    sbom, _ = _described(tmp_path, platform="windows-amd64")
    needs = {d["ref"]: d.get("dependsOn", []) for d in sbom["dependencies"]}
    assert needs["pkg:pypi/some-dist@1.0"] == []


def test_the_provenance_is_what_in_toto_and_slsa_define(tmp_path: Path) -> None:
    _, document = _described(tmp_path)
    text = json.dumps(document)
    Statement.copy_from_pb(Parse(text, StatementMessage())).validate()
    predicate = ParseDict(document["predicate"], Provenance())  # refuses unknown fields
    for dependency in predicate.build_definition.resolved_dependencies:
        ResourceDescriptor.copy_from_pb(dependency).validate()

    digests = {
        d["name"]: d["digest"]
        for d in document["predicate"]["buildDefinition"]["resolvedDependencies"]
    }
    assert digests["source"] == {"gitCommit": "d" * 40}
    assert digests[str(tmp_path / "app.lock")] == {
        "sha256": hashlib.sha256(LOCK.encode()).hexdigest()
    }
    assert digests["CPython 3.13.0"] == {"sha256": "1" * 64}
    assert digests["libssl.so.3"] == {"sha256": "2" * 64}
    versions = document["predicate"]["runDetails"]["builder"]["version"]
    assert (versions["pants"], versions["pyinstaller"]) == ("2.0", "6.0")
    assert [s["digest"]["sha256"] for s in document["subject"]] == ["3" * 64, "4" * 64]


def test_equal_inputs_give_equal_bytes(tmp_path: Path) -> None:
    specification = _specification(tmp_path)
    written = []
    for seed in ("1", "2"):
        subprocess.run(
            [sys.executable, "-m", "release.describe", specification],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            check=True,
        )
        written.append([path.read_bytes() for path in sorted((tmp_path / "out").iterdir())])
    assert len(written[0]) == 2
    assert written[0] == written[1]


def test_a_lock_is_read_as_pip_reads_it(tmp_path: Path) -> None:
    (tmp_path / "a.lock").write_text(LOCK)
    found = locked_files([tmp_path / "a.lock"])
    assert found["some-dist", "1.0"].sha256 == ("a" * 64, "b" * 64)
    assert found["other", "2.0"].sha256 == ("c" * 64,)


# ---------------------------------------------------------------------------------------------
# Licences
# ---------------------------------------------------------------------------------------------

POLICY = """
allowed = ["MIT", "Apache-2.0", "GPL-3.0-or-later WITH GCC-exception-3.1"]
[denied]
"GPL-3.0-or-later" = "everything would be under it"
[aliases]
"Apache 2.0" = "Apache-2.0"
[distributions]
extra_only = { license = "MIT", reason = "its LICENSE" }
[host_packages]
"libreadline*" = "GPL-3.0-or-later"
"libgcc*" = "GPL-3.0-or-later WITH GCC-exception-3.1"
"""


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    path = tmp_path / "licenses.toml"
    path.write_text(POLICY)
    return read_policy(path)


def _of(license: str | None, name: str = "dist") -> Distribution:
    return Distribution(name, "1.0", license)


@pytest.mark.parametrize(
    ("expression", "bad"),
    [
        ("MIT", []),
        ("MIT AND Apache-2.0", []),
        ("MIT OR GPL-3.0-or-later", []),
        ("MIT AND GPL-3.0-or-later", ["GPL-3.0-or-later"]),
        ("MIT AND (Apache-2.0 OR GPL-3.0-or-later)", []),
        ("GPL-3.0-or-later OR BSD-3-Clause", ["BSD-3-Clause", "GPL-3.0-or-later"]),
        ("GPL-3.0-or-later WITH GCC-exception-3.1", []),
        ("GPL-2.0-or-later WITH GCC-exception-3.1", ["GPL-2.0-or-later WITH GCC-exception-3.1"]),
    ],
)
def test_expressions(policy: Policy, expression: str, bad: list[str]) -> None:
    assert refused(expression, policy) == bad


@pytest.mark.parametrize("license", ["MIT", "mit", "Apache 2.0", "APACHE 2.0"])
def test_what_is_allowed(policy: Policy, license: str) -> None:
    assert problems([_of(license)], [], policy) == []


def test_what_is_stated_for_a_distribution_counts(policy: Policy) -> None:
    assert problems([_of("GPL-3.0-or-later", "extra-only")], [], policy) == []


@pytest.mark.parametrize("license", [None, "", "BSD", "Licence\n\nAll of it.", "see LICENSE"])
def test_what_is_not_known_is_refused_with_a_remedy(policy: Policy, license: str | None) -> None:
    (problem,) = problems([_of(license)], [], policy)
    assert problem.startswith("dist 1.0 ")
    assert "`[distributions]`" in problem
    assert policy.path in problem


def test_what_is_denied_is_named_with_its_licence_and_a_remedy(policy: Policy) -> None:
    libraries = [
        HostLibrary("libreadline.so.8", "libreadline8", "8"),
        HostLibrary("libgcc_s.so.1", "libgcc-s1", "12"),
        HostLibrary("libnew.so", "libnew", "1"),
    ]
    of_distribution, of_library = problems([_of("GPL-3.0-or-later")], libraries, policy)
    assert "dist 1.0 is under GPL-3.0-or-later" in of_distribution
    assert "everything would be under it" in of_distribution
    assert "`excludes`" in of_distribution
    assert "libreadline.so.8 of the build machine's package libreadline8" in of_library


def test_a_denied_licence_ends_the_program_before_it_writes(
    tmp_path: Path, policy: Policy, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(_specification(tmp_path, policy=policy.path))]) == 1
    message = capsys.readouterr().err
    assert message.startswith("app-v1-linux-amd64.tar.gz cannot be distributed:")
    assert "wordy 1.0" in message
    assert "extra-only" not in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("allowed = ['No Such']", "`allowed` is 'No Such'"),
        ("allow = []", "has allow, but only"),
        ("[distributions]\nx = {license = 'MIT'}", "`distributions.x` must be"),
        ("[aliases]\n'a' = 'nope'", "`aliases.a` is 'nope'"),
        ("allowed", "cannot be read"),
    ],
)
def test_a_policy_that_can_not_be_used(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "licenses.toml").write_text(text)
    with pytest.raises(ReleaseError, match=problem.replace("(", r"\(")):
        read_policy(tmp_path / "licenses.toml")


def test_spdx_is_strict() -> None:
    assert spdx("apache-2.0 or MIT") == "Apache-2.0 OR MIT"
    assert spdx("BSD") is None
    assert spdx("") is None


def test_the_policy_of_this_repository_can_be_read() -> None:
    policy = read_policy(Path("3rdparty/licenses.toml"))
    assert {"MIT", "Apache-2.0"} <= policy.allowed
    assert not policy.allowed.intersection(policy.denied)
