"""What a tag or a manual run would build, name and publish."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence

from pydantic import BaseModel

from release.errors import ReleaseError
from release.evidence import SBOM_ENDING
from release.platforms import (
    CHECKSUM_SUFFIX,
    DEFAULT_SOURCE_DATE_EPOCH,
    Platform,
    host_platform_name,
    version_problem,
)
from release.project import Project
from release.versions import parse_tag

DEFAULT_VERSION = "dev"

LOCAL = "local"
"""Stands for the platform that this program runs on."""


class PlannedJob(BaseModel):
    """One platform's build, for a workflow's matrix; `packages` are separated by spaces."""

    platform: str
    build_on: str
    smoke_on: str
    packages: str
    python: str
    glibc_floor: str
    executable: str
    archive: str
    checksum: str
    sbom: str


class SigningJob(BaseModel):
    """One platform's signature, for a workflow's matrix."""

    platform: str
    os: str
    sign_on: str
    packages: str
    archive: str


class Plan(BaseModel):
    """Everything that is decided before a build starts.

    source_date_epoch   time of every archive member: the commit's time for a release, otherwise a
    constant, so that equal contents give equal archives
    """

    program: str
    version: str
    tag: str | None
    prerelease: bool
    publish: bool
    source_date_epoch: int
    jobs: list[PlannedJob]
    signing: list[SigningJob]
    assets: list[str]

    def matrix(self) -> dict[str, list[dict[str, str]]]:
        """The value of a workflow's `strategy.matrix`."""
        return {"include": [job.model_dump() for job in self.jobs]}

    def signing_matrix(self) -> dict[str, list[dict[str, str]]]:
        return {"include": [job.model_dump() for job in self.signing]}

    def outputs(self) -> list[str]:
        """The outputs of a workflow's step, `name=value`."""
        values = {
            "version": self.version,
            "publish": json.dumps(self.publish),
            "prerelease": json.dumps(self.prerelease),
            "source_date_epoch": str(self.source_date_epoch),
            "matrix": json.dumps(self.matrix()),
            "sign": json.dumps(self.signing != []),
            "signing": json.dumps(self.signing_matrix()),
        }
        return [f"{name}={value}" for name, value in values.items()]

    def summary(self) -> list[str]:
        """The plan as readable text, line by line."""
        kind = "prerelease" if self.prerelease else "release"
        return [
            f"{self.program} {self.version}: {kind if self.publish else 'not published'}",
            *(
                f"  {j.platform:14} built on {j.build_on}, started on {j.smoke_on}"
                for j in self.jobs
            ),
            *(f"  {signed.platform:14} signed on {signed.sign_on}" for signed in self.signing),
            *(f"  {asset}" for asset in self.assets),
        ]


def asset_names(project: Project, version: str) -> list[str]:
    """The names of a release's files, each archive followed by its checksum."""
    archives = [project.archive(version, platform) for platform in project.platforms]
    return [name for archive in archives for name in (archive, archive + CHECKSUM_SUFFIX)]


def choose_platforms(project: Project, names: Sequence[str] | None) -> list[Platform]:
    """The platforms with these names, `local` for this machine's; without names, all of them."""
    known = {platform.name: platform for platform in project.platforms}
    wanted = [host_platform_name() if name == LOCAL else name for name in names or known]
    unknown = sorted(set(wanted).difference(known))
    if unknown:
        raise ReleaseError(
            f"{', '.join(unknown)} is not a platform of this release: choose from "
            f"{', '.join(known)}"
        )
    return [known[name] for name in wanted]


def archive_platform(project: Project, archive: str) -> Platform:
    """The platform in an archive's name; raises ReleaseError if there is none."""
    for platform in project.platforms:
        if archive.startswith(f"{project.program}-") and archive.endswith(
            f"-{platform.name}.{platform.archive_format}"
        ):
            return platform
    raise ReleaseError(
        f"{archive} is not an archive's name: {project.program}-VERSION-OS-ARCH.tar.gz or .zip"
    )


def archive_base(archive: str) -> str:
    """An archive's name without its format."""
    return archive.removesuffix(".zip").removesuffix(".tar.gz")


def _signing_jobs(project: Project, version: str, systems: Collection[str]) -> list[SigningJob]:
    unknown = sorted(set(systems).difference(project.signing))
    if unknown:
        raise ReleaseError(
            f"executables for {', '.join(unknown)} cannot be signed: choose from "
            f"{', '.join(sorted(project.signing))}"
        )
    return [
        SigningJob(
            platform=platform.name,
            os=platform.os.name,
            sign_on=project.signing[platform.os.name].runner,
            packages=" ".join(project.signing[platform.os.name].packages),
            archive=project.archive(version, platform),
        )
        for platform in project.platforms
        if platform.os.name in systems
    ]


def make_plan(
    project: Project,
    *,
    tag: str | None = None,
    version: str | None = None,
    committed: int | None = None,
    sign: Collection[str] = (),
) -> Plan:
    """Plan the release of a tag, or a manual build of a version that is not published.

    `committed` is the time of the commit that is built, in seconds since 1970; `sign` names the
    systems whose executables a published release signs. Raises ReleaseError if both tag and version
    are given, or if one is invalid.
    """
    if tag is not None and version is not None:
        raise ReleaseError("give either a tag, which is published, or a version, which is not")
    prerelease = True
    if tag is not None:
        prerelease = parse_tag(tag, project.tag_prefix).prerelease
    name = tag or version or DEFAULT_VERSION
    problem = version_problem(name)
    if problem is not None:
        raise ReleaseError(f"the version {problem}")
    signing = _signing_jobs(project, name, sign)
    jobs = []
    for job in project.jobs:
        archive = project.archive(name, job.platform)
        jobs.append(
            PlannedJob(
                platform=job.platform.name,
                build_on=job.build_on,
                smoke_on=job.smoke_on,
                packages=" ".join(job.packages),
                python=job.python,
                glibc_floor=job.glibc_floor,
                executable=job.platform.executable_name(project.program),
                archive=archive,
                checksum=archive + CHECKSUM_SUFFIX,
                sbom=f"{project.base(name, job.platform)}{SBOM_ENDING}",
            )
        )
    return Plan(
        program=project.program,
        version=name,
        tag=tag,
        prerelease=prerelease,
        publish=tag is not None,
        source_date_epoch=committed if tag and committed else DEFAULT_SOURCE_DATE_EPOCH,
        jobs=jobs,
        signing=signing if tag is not None else [],
        assets=asset_names(project, name),
    )
