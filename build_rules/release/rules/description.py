"""A rule that writes an archive's bill of materials and provenance, and enforces licences.

It starts `release.describe` on Python 3.13, beside the distributions of the tool `[cyclonedx]`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pants.backend.python.subsystems.python_tool_base import LockfileRules, PythonToolBase
from pants.backend.python.target_types import ConsoleScript
from pants.backend.python.util_rules import pex
from pants.backend.python.util_rules.pex import PexRequest, VenvPex, VenvPexProcess
from pants.backend.python.util_rules.pex_cli import PexCli
from pants.engine.addresses import Address
from pants.engine.fs import (
    CreateDigest,
    Digest,
    DigestEntries,
    FileContent,
    FileEntry,
    GlobExpansionConjunction,
    GlobMatchErrorBehavior,
    MergeDigests,
    PathGlobs,
)
from pants.engine.process import FallibleProcessResult
from pants.engine.rules import Get, Rule, collect_rules, rule
from pants.engine.unions import UnionRule
from pants.util.resources import read_resource
from pants.version import VERSION

from release.rules.subsystem import ReleaseSubsystem

_SPECIFICATION = "__describe.json"
_PACKAGE = "release.describe"
_MODULES = {
    "release": ("__init__.py", "errors.py", "manifest.py", "typed_json.py"),
    _PACKAGE: (
        "__init__.py",
        "__main__.py",
        "licenses.py",
        "provenance.py",
        "sbom.py",
        "subject.py",
    ),
}


class CycloneDx(PythonToolBase):
    options_scope = "cyclonedx"
    name = "CycloneDX"
    help = "The library that writes bills of materials (`release_archive` targets)."

    default_version = "cyclonedx-python-lib>=11"
    default_main = ConsoleScript("python")  # a library: it has no command
    default_requirements = ["cyclonedx-python-lib>=11", "packaging"]
    register_interpreter_constraints = True
    default_interpreter_constraints = ["CPython>=3.11,<4"]
    # Pants requires a name here, but there is no such file: `install_from_resolve` names the lock.
    default_lockfile_resource = ("release.rules", "cyclonedx.lock")
    lockfile_rules_type = LockfileRules.SIMPLE


class DescriptionError(Exception):
    """An archive that cannot be distributed, or cannot be described."""


@dataclass(frozen=True)
class DescriptionRequest:
    """Describe an archive.

    about       JSON object: what `release.describe.subject` reads, except for what is added here
    materials   globs of the files in the repository that determine the result
    """

    owner: Address
    about: str
    materials: tuple[str, ...]
    sbom_path: str
    provenance_path: str


@dataclass(frozen=True)
class Description:
    """The files `sbom_path` and `provenance_path` of the request."""

    digest: Digest


def _globs(patterns: Iterable[str], origin: str) -> PathGlobs:
    return PathGlobs(
        patterns,
        glob_match_error_behavior=GlobMatchErrorBehavior.error,
        conjunction=GlobExpansionConjunction.all_match,
        description_of_origin=origin,
    )


@rule
async def describe_archive(
    request: DescriptionRequest, release: ReleaseSubsystem, tool: CycloneDx, pex_cli: PexCli
) -> Description:
    origin = f"the `materials` field in target {request.owner}"
    materials = await Get(Digest, PathGlobs, _globs(request.materials, origin))
    policy = await Get(
        Digest,
        PathGlobs,
        _globs(
            [release.license_policy] if release.license_policy else [],
            f"the option `[{release.options_scope}].license_policy`",
        ),
    )
    entries = await Get(DigestEntries, Digest, materials)
    specification: dict[str, Any] = {
        **json.loads(request.about),
        "target": request.owner.spec,
        "materials": [
            {"path": entry.path, "sha256": entry.file_digest.fingerprint}
            for entry in sorted(entries, key=lambda entry: entry.path)
            if isinstance(entry, FileEntry)
        ],
        "tools": {"pants": VERSION, "pex": pex_cli.version.lstrip("v")},
        "policy": release.license_policy,
        "outputs": {"sbom": request.sbom_path, "provenance": request.provenance_path},
    }
    program = await Get(
        Digest,
        CreateDigest(
            [
                FileContent(_SPECIFICATION, json.dumps(specification, sort_keys=True).encode()),
                *(
                    FileContent(
                        f"{package.replace('.', '/')}/{module}", read_resource(package, module)
                    )
                    for package, modules in _MODULES.items()
                    for module in modules
                ),
            ]
        ),
    )
    venv = await Get(
        VenvPex,
        PexRequest(
            output_filename="cyclonedx.pex",
            internal_only=True,
            requirements=tool.pex_requirements(),
            interpreter_constraints=tool.interpreter_constraints,
        ),
    )
    inputs = await Get(Digest, MergeDigests([program, materials, policy]))
    result = await Get(
        FallibleProcessResult,
        VenvPexProcess(
            venv,
            argv=("-m", _PACKAGE, _SPECIFICATION),
            input_digest=inputs,
            output_files=(request.sbom_path, request.provenance_path),
            description=f"Describe what is inside {request.owner}",
        ),
    )
    if result.exit_code != 0:
        raise DescriptionError(
            f"{request.owner}: {result.stderr.decode('utf-8', 'replace').strip()}"
        )
    return Description(result.output_digest)


def rules() -> Iterable[Rule | UnionRule]:
    return (*collect_rules(), *pex.rules())
