"""An in-toto statement with SLSA's provenance predicate: what an archive was made from, and how.

Because it is part of the build, it contains nothing that differs between runs: no time, no machine,
no user. Who ran the build is recorded in a signed attestation, which is made elsewhere.

https://in-toto.io/Statement/v1 · https://slsa.dev/spec/v1.0/provenance
"""

from __future__ import annotations

from typing import Any

from packaging.utils import canonicalize_name

from release.describe.subject import Subject

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "https://www.pantsbuild.org/goals/package"
BUILDER = "https://www.pantsbuild.org/"


def _descriptor(name: str, sha256: str | None, **annotations: str) -> dict[str, Any]:
    descriptor: dict[str, Any] = {"name": name}
    if sha256 is not None:
        descriptor["digest"] = {"sha256": sha256}
    if annotations:
        descriptor["annotations"] = annotations
    return descriptor


def provenance(subject: Subject) -> dict[str, Any]:
    """The statement about the archive and about each executable in it."""
    dependencies = []
    if subject.commit is not None:
        dependencies.append({"name": "source", "digest": {"gitCommit": subject.commit}})
    dependencies += [_descriptor(m.path, m.sha256) for m in subject.materials]
    dependencies += [
        _descriptor(
            f"{i.implementation} {i.version}", i.sha256, content="the interpreter's files, hashed"
        )
        for i in subject.interpreters()
    ]
    dependencies += [
        _descriptor(
            h.name, h.sha256, package=h.package or "unknown", version=h.version or "unknown"
        )
        for h in subject.host_libraries()
    ]
    versions = dict(subject.tools)
    for executable in subject.executables:
        if executable.manifest is not None and executable.manifest.pyinstaller is not None:
            versions.setdefault("pyinstaller", executable.manifest.pyinstaller)
    return {
        "_type": STATEMENT_TYPE,
        "subject": [
            _descriptor(subject.archive.name, subject.archive.sha256),
            *(_descriptor(e.path, e.sha256) for e in subject.executables if e.sha256 is not None),
        ],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "target": subject.target,
                    "version": subject.version,
                    "platform": subject.platform,
                    "sourceDateEpoch": subject.source_date_epoch,
                },
                "internalParameters": {
                    "distributions": sorted(
                        f"{canonicalize_name(d.name)}=={d.version}" for d in subject.distributions()
                    )
                },
                "resolvedDependencies": dependencies,
            },
            "runDetails": {
                "builder": {"id": BUILDER, "version": dict(sorted(versions.items()))},
            },
        },
    }
