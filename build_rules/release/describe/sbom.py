"""A CycloneDX bill of materials of an archive: what is really inside, according to its packagers.

It is deterministic: its serial number derives from the archive's digest, its time is the archive's.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from cyclonedx.model import (
    ExternalReference,
    ExternalReferenceType,
    HashAlgorithm,
    HashType,
    Property,
    XsUri,
)
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression
from cyclonedx.model.tool import ToolRepository
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from release.describe.licenses import License, Policy, license_of, license_of_library
from release.describe.subject import Executable, LockedFiles, Subject, key
from release.manifest import Distribution, HostLibrary, Interpreter

_NAMESPACE = uuid.UUID("8e4f4f0e-6d2e-5f0a-9d0b-1a1f2c9b7c55")
PROPERTIES = "pants:release"
"""Prefix of the names of our own properties, before a colon."""
_INTERPRETER_LICENSE = "PSF-2.0"

_MARKERS = {
    "darwin": {"os_name": "posix", "sys_platform": "darwin", "platform_system": "Darwin"},
    "linux": {"os_name": "posix", "sys_platform": "linux", "platform_system": "Linux"},
    "windows": {"os_name": "nt", "sys_platform": "win32", "platform_system": "Windows"},
}
_MACHINES = {
    "darwin-amd64": "x86_64",
    "darwin-arm64": "arm64",
    "linux-amd64": "x86_64",
    "linux-arm64": "aarch64",
    "windows-amd64": "AMD64",
    "windows-arm64": "ARM64",
}


def _hashes(*digests: str | None) -> list[HashType]:
    return [HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in digests if digest]


def _licenses(license: License) -> list[LicenseExpression | DisjunctiveLicense]:
    if license.expression is not None:
        return [LicenseExpression(license.expression)]
    # A whole text instead of a name: the notices in the archive contain it.
    lines = (license.words or "").splitlines()
    return [DisjunctiveLicense(name=lines[0][:200])] if lines else []


def _purl_component(kind: str, name: str, version: str | None, **more: Any) -> Component:
    purl = PackageURL(kind, name=name, version=version)
    return Component(name=name, version=version, purl=purl, bom_ref=str(purl), **more)


def _distribution(
    distribution: Distribution, locked: LockedFiles | None, policy: Policy
) -> Component:
    references = []
    if distribution.sha256 is None and locked is not None:
        # The manifest doesn't say which of a version's files was installed; the lock lists the
        # candidates.
        url = str(
            PackageURL(
                "pypi", name=canonicalize_name(distribution.name), version=distribution.version
            )
        )
        references.append(
            ExternalReference(
                type=ExternalReferenceType.DISTRIBUTION,
                url=XsUri(url),
                comment=f"the files that {locked.lockfile} allows, one of which was installed",
                hashes=_hashes(*locked.sha256),
            )
        )
    return _purl_component(
        "pypi",
        canonicalize_name(distribution.name),
        distribution.version,
        type=ComponentType.LIBRARY,
        licenses=_licenses(license_of(distribution, policy)),
        hashes=_hashes(distribution.sha256),
        external_references=references,
    )


def _interpreter(interpreter: Interpreter) -> Component:
    properties = []
    if interpreter.sha256 is not None:
        name = f"{PROPERTIES}:interpreter-content-sha256"
        properties.append(Property(name=name, value=interpreter.sha256))
    return _purl_component(
        "generic",
        interpreter.implementation.lower(),
        interpreter.version,
        type=ComponentType.PLATFORM,
        licenses=[LicenseExpression(_INTERPRETER_LICENSE)],
        properties=properties,
    )


def _library(library: HostLibrary, policy: Policy) -> Component:
    properties = []
    if library.package is not None:
        kind = "host-package" if library.license is None else "interpreter-library"
        properties.append(Property(name=f"{PROPERTIES}:{kind}", value=library.package))
    return Component(
        name=library.name,
        version=library.version,
        bom_ref=f"host-library:{library.name}:{library.sha256}",
        type=ComponentType.LIBRARY,
        licenses=_licenses(license_of_library(library, policy)),
        hashes=_hashes(library.sha256),
        properties=properties,
    )


def _executable(executable: Executable, subject: Subject) -> Component:
    return Component(
        name=executable.path,
        version=subject.version,
        type=ComponentType.APPLICATION,
        bom_ref=f"executable:{executable.path}",
        hashes=_hashes(executable.sha256),
    )


def _marker_environment(platform: str, python: str | None) -> dict[str, str]:
    system, _, _ = platform.partition("-")
    environment = {
        **_MARKERS[system],
        "platform_machine": _MACHINES[platform],
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "extra": "",
    }
    if python is not None:
        environment["python_full_version"] = python
        environment["python_version"] = ".".join(python.split(".")[:2])
    return environment


def _required(distribution: Distribution, environment: Mapping[str, str]) -> Iterator[str]:
    """The normalized names of its requirements on the archive's platform, without extras."""
    for text in distribution.requires:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:  # metadata written by an old tool
            continue
        if requirement.marker is None or requirement.marker.evaluate(dict(environment)):
            yield canonicalize_name(requirement.name)


def serial_number(archive_sha256: str) -> uuid.UUID:
    """The serial number of the document about the archive with this digest."""
    return uuid.uuid5(_NAMESPACE, archive_sha256)


def make_bom(
    subject: Subject, locked: Mapping[tuple[str, str], LockedFiles], policy: Policy
) -> Bom:
    root = Component(
        name=subject.program,
        version=subject.version,
        type=ComponentType.APPLICATION,
        bom_ref=subject.archive.name,
        hashes=_hashes(subject.archive.sha256),
        properties=[Property(name=f"{PROPERTIES}:platform", value=subject.platform)],
    )
    bom = Bom(serial_number=serial_number(subject.archive.sha256))
    bom.metadata.component = root
    bom.metadata.timestamp = datetime.fromtimestamp(subject.source_date_epoch, UTC)
    bom.metadata.tools = ToolRepository(
        components=[
            Component(name=name, version=version, type=ComponentType.APPLICATION)
            for name, version in sorted(subject.tools.items())
        ]
    )

    by_name: dict[str, Component] = {}
    for distribution in subject.distributions():
        component = _distribution(distribution, locked.get(key(distribution)), policy)
        by_name[canonicalize_name(distribution.name)] = component
        bom.components.add(component)
    interpreters = {i: _interpreter(i) for i in subject.interpreters()}
    libraries = {h: _library(h, policy) for h in subject.host_libraries()}
    for component in (*interpreters.values(), *libraries.values()):
        bom.components.add(component)

    executables = []
    for executable in subject.executables:
        component = _executable(executable, subject)
        bom.components.add(component)
        executables.append(component)
        python = executable.interpreter
        inside = [by_name[canonicalize_name(d.name)] for d in executable.distributions]
        inside += [interpreters[python]] if python else []
        inside += [libraries[library] for library in executable.host_libraries]
        bom.register_dependency(component, inside)
        environment = _marker_environment(subject.platform, python.version if python else None)
        for distribution in executable.distributions:
            needed = [
                by_name[name]
                for name in dict.fromkeys(_required(distribution, environment))
                if name in by_name
            ]
            bom.register_dependency(by_name[canonicalize_name(distribution.name)], needed)
    bom.register_dependency(root, executables)
    return bom


def sbom(
    subject: Subject, locked: Mapping[tuple[str, str], LockedFiles], policy: Policy
) -> dict[str, Any]:
    """The bill of materials as CycloneDX 1.6 in JSON."""
    document: dict[str, Any] = json.loads(
        JsonV1Dot6(make_bom(subject, locked, policy)).output_as_string()
    )
    return document
