from __future__ import annotations

import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest
from pants.core import target_types as core_target_types
from pants.core.goals.package import (
    BuiltPackage,
    BuiltPackageArtifact,
    OutputPathField,
    PackageFieldSet,
)
from pants.core.target_types import FilesGeneratorTarget, FileTarget, RelocatedFiles
from pants.core.util_rules import adhoc_binaries, archive, system_binaries
from pants.engine import fs
from pants.engine.addresses import Address
from pants.engine.fs import CreateDigest, Digest, DigestContents, FileContent, SymlinkEntry
from pants.engine.internals.scheduler import ExecutionError
from pants.engine.platform import Platform
from pants.engine.rules import Get, QueryRule, collect_rules, rule
from pants.engine.target import COMMON_TARGET_FIELDS, StringField, Target
from pants.engine.unions import UnionRule
from pants.help.help_info_extracter import TargetFieldHelpInfo
from pants.testutil.rule_runner import RuleRunner

from release.platforms import PANTS_PLATFORMS
from release.rules import package, register
from release.rules.description import Description, DescriptionRequest
from release.rules.package import ReleaseArchiveFieldSet
from release.rules.target_types import ReleaseArchiveTarget

LOCAL = PANTS_PLATFORMS[Platform.create_for_localhost().value].name
DEPS = [{"name": "dep", "version": "1", "license": "MIT"}]
NOTICES = [{"name": "dep", "version": "1", "texts": [{"file": "LICENSE", "text": "mit"}]}]


class FakeFilesField(StringField):
    alias = "files"
    help = 'JSON list of {"path", "content" | "link" | neither, "executable", "artifact"}.'


class FakePackageTarget(Target):
    alias = "fake_package"
    core_fields = (*COMMON_TARGET_FIELDS, FakeFilesField, OutputPathField)
    help = "A packager for tests: it builds the files that its field lists."


@dataclass(frozen=True)
class FakePackageFieldSet(PackageFieldSet):
    required_fields = (FakeFilesField,)
    files: FakeFilesField


@rule
async def build_fake_package(field_set: FakePackageFieldSet) -> BuiltPackage:
    files = json.loads(field_set.files.value or "[]")
    digest = await Get(
        Digest,
        CreateDigest(
            SymlinkEntry(file["path"], file["link"])
            if "link" in file
            else fs.Directory(file["path"])
            if "content" not in file
            else FileContent(
                file["path"], file["content"].encode(), is_executable=file.get("executable", False)
            )
            for file in files
        ),
    )
    artifacts = [file.get("artifact", file["path"]) for file in files]
    return BuiltPackage(digest, tuple(BuiltPackageArtifact(a) for a in dict.fromkeys(artifacts)))


@rule
async def note_description_request(request: DescriptionRequest) -> Description:
    """In place of the real one, which installs a tool: the files hold what was asked for."""
    paths = (request.sbom_path, request.provenance_path)
    asked = json.dumps([json.loads(request.about), request.materials]).encode()
    return Description(await Get(Digest, CreateDigest(FileContent(path, asked) for path in paths)))


def _package(name: str, files: list[dict[str, Any]]) -> str:
    return f"fake_package(name={name!r}, files={json.dumps(files)!r})\n"


def _program(
    path: str = "some.folder/app",
    content: str = "program",
    manifest: dict[str, Any] | None = None,
    notices: list[dict[str, Any]] | None = NOTICES,
) -> list[dict[str, Any]]:
    files: list[dict[str, Any]] = [{"path": path, "content": content, "executable": True}]
    if manifest is not None:
        described = json.dumps({"schema": 1, **manifest})
        files.append({"path": path + ".manifest.json", "content": described})
    if notices is not None:
        files.append({"path": path + ".notices.json", "content": json.dumps(notices)})
    return files


@pytest.fixture
def rule_runner() -> RuleRunner:
    return RuleRunner(
        rules=[
            *package.rules(),
            *collect_rules(),
            *core_target_types.rules(),
            *archive.rules(),
            *adhoc_binaries.rules(),
            *system_binaries.rules(),
            UnionRule(PackageFieldSet, FakePackageFieldSet),
            QueryRule(BuiltPackage, [ReleaseArchiveFieldSet]),
        ],
        target_types=[
            *register.target_types(),
            FakePackageTarget,
            FileTarget,
            FilesGeneratorTarget,
            RelocatedFiles,
        ],
    )


@dataclass(frozen=True)
class Built:
    files: dict[str, bytes]
    artifacts: tuple[BuiltPackageArtifact, ...]

    def only_archive(self) -> tuple[str, bytes]:
        (name,) = [name for name in self.files if not name.endswith((".sha256", ".json"))]
        return name, self.files[name]


def _build(rule_runner: RuleRunner, name: str = "archive", options: Iterable[str] = ()) -> Built:
    rule_runner.set_options(list(options), env_inherit={"PATH", "HOME", "PYENV_ROOT"})
    target = rule_runner.get_target(Address("app", target_name=name))
    package = rule_runner.request(BuiltPackage, [ReleaseArchiveFieldSet.create(target)])
    contents = rule_runner.request(DigestContents, [package.digest])
    return Built({file.path: file.content for file in contents}, package.artifacts)


def _error(rule_runner: RuleRunner, name: str = "archive", options: Iterable[str] = ()) -> str:
    with pytest.raises(ExecutionError) as raised:
        _build(rule_runner, name, options)
    return "\n".join(str(error) for error in raised.value.wrapped_exceptions)


def _tar(content: bytes) -> dict[str, tuple[int, bytes]]:
    found = {}
    with tarfile.open(fileobj=io.BytesIO(content)) as opened:
        for member in opened:
            stream = opened.extractfile(member) if member.isfile() else None
            found[member.name] = (
                member.mode,
                stream.read() if stream else member.linkname.encode(),
            )
    return found


ARCHIVE = "release_archive(name='archive', binary_name='agent-runner', packages=[':app'], {})\n"


def test_an_archive_holds_the_executable_and_the_notices(rule_runner: RuleRunner) -> None:
    manifest = {"platform": "linux-arm64", "build_info": {"version": "v1.2"}, "distributions": DEPS}
    rule_runner.write_files(
        {
            "app/BUILD": _package("app", _program(manifest=manifest))
            + ARCHIVE.format("materials=['*.lock']")
        }
    )
    built = _build(rule_runner, options=["--release-version=v1.2"])

    base = "release/agent-runner-v1.2-linux-arm64.tar.gz"
    evidence = "evidence/agent-runner-v1.2-linux-arm64.json"
    described = [evidence.replace(".json", ending) for ending in (".cdx.json", ".intoto.json")]
    assert [a.relpath for a in built.artifacts] == [base, f"{base}.sha256", evidence, *described]
    assert set(built.files) == {base, f"{base}.sha256", evidence, *described}
    assert json.loads(built.files[described[0]]) == [json.loads(built.files[evidence]), ["*.lock"]]
    digest = hashlib.sha256(built.files[base]).hexdigest()
    line = f"{digest}  agent-runner-v1.2-linux-arm64.tar.gz\n"
    assert built.files[f"{base}.sha256"] == line.encode()
    assert digest in built.artifacts[0].extra_log_lines[0]

    members = _tar(built.files[base])
    assert list(members) == ["THIRD_PARTY_NOTICES.txt", "agent-runner"]
    assert members["agent-runner"] == (0o755, b"program")
    mode, notices = members["THIRD_PARTY_NOTICES.txt"]
    assert mode == 0o644
    assert b"dep 1  MIT  [1]\n" in notices
    assert json.loads(built.files[evidence]) == {
        "schema": 1,
        "program": "agent-runner",
        "version": "v1.2",
        "commit": None,
        "platform": "linux-arm64",
        "source_date_epoch": 315532800,
        "archive": {
            "name": "agent-runner-v1.2-linux-arm64.tar.gz",
            "sha256": digest,
            "size": len(built.files[base]),
        },
        "executables": [
            {
                "path": "agent-runner",
                "sha256": hashlib.sha256(b"program").hexdigest(),
                "size": len(b"program"),
                "manifest": {"schema": 1, **manifest},
            }
        ],
    }


def test_without_a_manifest_it_is_for_the_platform_that_it_is_built_on(
    rule_runner: RuleRunner,
) -> None:
    rule_runner.write_files({"app/BUILD": _package("app", _program()) + ARCHIVE.format("")})
    name, _ = _build(rule_runner).only_archive()
    assert name == f"release/agent-runner-dev-{LOCAL}.tar.gz"


def test_an_executable_for_windows_comes_in_a_zip(rule_runner: RuleRunner) -> None:
    program = _program("x/app.exe", manifest={"platform": "windows-amd64"})
    program[0]["executable"] = False  # as a file system without modes leaves it
    rule_runner.write_files({"app/BUILD": _package("app", program) + ARCHIVE.format("")})
    name, content = _build(rule_runner).only_archive()
    assert name == "release/agent-runner-dev-windows-amd64.zip"
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        assert opened.namelist() == ["THIRD_PARTY_NOTICES.txt", "agent-runner.exe"]
        assert opened.getinfo("agent-runner.exe").external_attr >> 16 == 0o100755
        assert opened.getinfo("agent-runner.exe").date_time == (1980, 1, 1, 0, 0, 0)


def _for_platforms(name: str, *platforms: str) -> str:
    files: list[dict[str, Any]] = []
    for platform in platforms:
        suffix = ".exe" if platform.startswith("windows") else ""
        files += _program(
            f"x/{platform}/{name}{suffix}", f"{name} {platform}", manifest={"platform": platform}
        )
    return _package(name, files)


def test_a_package_for_several_platforms_gives_an_archive_for_each(rule_runner: RuleRunner) -> None:
    platforms = ("linux-amd64", "linux-arm64", "windows-amd64")
    rule_runner.write_files(
        {
            "app/BUILD": _for_platforms("app", *platforms)
            + _for_platforms("b", *platforms)
            + ARCHIVE.format("")
            + "release_archive(name='both', packages=[':app', ':b'], notices=False)\n"
            + "release_archive(name='one', packages=[':app'], platform='linux-arm64')\n"
        }
    )
    built = _build(rule_runner)
    base = "release/agent-runner-dev-"
    names = {f"{base}linux-amd64.tar.gz", f"{base}linux-arm64.tar.gz", f"{base}windows-amd64.zip"}
    assert names == {name for name in built.files if name.endswith((".tar.gz", ".zip"))}
    assert _tar(built.files[f"{base}linux-arm64.tar.gz"])["agent-runner"][1] == b"app linux-arm64"
    with zipfile.ZipFile(io.BytesIO(built.files[f"{base}windows-amd64.zip"])) as opened:
        assert opened.read("agent-runner.exe") == b"app windows-amd64"
    both = _tar(_build(rule_runner, "both").files["release/both-dev-linux-arm64.tar.gz"])
    assert {path: content for path, (_, content) in both.items()} == {
        "app": b"app linux-arm64",
        "b": b"b linux-arm64",
    }
    name, _ = _build(rule_runner, "one").only_archive()
    assert name == "release/one-dev-linux-arm64.tar.gz"


def test_a_folder_goes_in_whole_with_its_links_and_empty_directories(
    rule_runner: RuleRunner,
) -> None:
    files: list[dict[str, Any]] = [
        {"path": "x/app/app", "content": "program", "executable": True, "artifact": "x/app"},
        {"path": "x/app/_internal/lib.so", "link": "lib.so.1", "artifact": "x/app"},
        {"path": "x/app/_internal/lib.so.1", "content": "library", "artifact": "x/app"},
        {"path": "x/app/_internal/package", "artifact": "x/app"},
    ]
    rule_runner.write_files({"app/BUILD": _package("app", files) + ARCHIVE.format("notices=False")})
    _, content = _build(rule_runner).only_archive()
    assert _tar(content) == {
        "agent-runner/_internal/lib.so": (0o777, b"lib.so.1"),
        "agent-runner/_internal/lib.so.1": (0o644, b"library"),
        "agent-runner/_internal/package": (0o755, b""),
        "agent-runner/app": (0o755, b"program"),
    }


def test_several_executables_keep_their_names_and_share_the_notices(
    rule_runner: RuleRunner,
) -> None:
    other = [{"name": "other", "version": "2", "license": "MIT", "texts": []}]
    rule_runner.write_files(
        {
            "app/BUILD": _package("one", _program("a/one"))
            + _package("two", _program("b/two", notices=other))
            + "release_archive(name='archive', packages=[':one', ':two'])"
        }
    )
    name, content = _build(rule_runner).only_archive()
    assert name == f"release/archive-dev-{LOCAL}.tar.gz"
    members = _tar(content)
    assert sorted(members) == ["THIRD_PARTY_NOTICES.txt", "one", "two"]
    assert b"dep 1    see text  [1]\nother 2  MIT" in members["THIRD_PARTY_NOTICES.txt"][1]


def test_loose_files_and_another_path(rule_runner: RuleRunner) -> None:
    rule_runner.write_files(
        {
            "app/README.md": "read me",
            "app/BUILD": _package("app", _program())
            + "file(name='readme', source='README.md')\n"
            + "relocated_files(name='root', files_targets=[':readme'], src='app', dest='')\n"
            + ARCHIVE.format("files=[':root'], output_path='out/{name}_{os}.{ext}'"),
        }
    )
    name, content = _build(rule_runner).only_archive()
    assert name == f"out/agent-runner_{LOCAL.split('-')[0]}.tar.gz"
    assert _tar(content)["README.md"] == (0o644, b"read me")


def test_times_follow_the_option_and_nothing_else_does(rule_runner: RuleRunner) -> None:
    rule_runner.write_files({"app/BUILD": _package("app", _program()) + ARCHIVE.format("")})
    default = _build(rule_runner).only_archive()[1]
    renamed = _build(rule_runner, options=["--release-version=v1"]).only_archive()[1]
    options = ["--release-source-date-epoch=1700000000"]
    later = _build(rule_runner, options=options).only_archive()[1]
    assert default == renamed
    assert default != later
    with tarfile.open(fileobj=io.BytesIO(later)) as opened:
        assert {member.mtime for member in opened} == {1_700_000_000}


def test_pants_can_print_the_help_of_every_field() -> None:
    """`help` evaluates annotations at run time, and fails on those that 3.9 can't evaluate."""
    described = {
        field.alias: TargetFieldHelpInfo.create(field, provider="").description
        for field in ReleaseArchiveTarget.core_fields
    }
    assert "executable" in described["packages"]
    assert "{name}-{version}-{os}-{arch}.{ext}" in described["output_path"]


# ---------------------------------------------------------------------------------------------
# Mistakes: each message names the target or the option, the field and the remedy
def _says(message: str, *words: str) -> None:
    for word in words:
        assert word in message, message


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("version=feature/x", ["`[release].version`", "slash", "PANTS_RELEASE_VERSION"]),
        ("version=1 0", ["`[release].version`", "white space", "PANTS_RELEASE_VERSION"]),
        ("version=", ["`[release].version` is empty", "PANTS_RELEASE_VERSION"]),
        ("commit=HEAD", ["`[release].commit`", "'HEAD'", "hexadecimal", "PANTS_RELEASE_COMMIT"]),
        ("source-date-epoch=0", ["`[release].source_date_epoch`", "1980"]),
    ],
)
def test_wrong_options(rule_runner: RuleRunner, option: str, words: list[str]) -> None:
    rule_runner.write_files({"app/BUILD": _package("app", _program()) + ARCHIVE.format("")})
    _says(_error(rule_runner, options=[f"--release-{option}"]), *words)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ("", ["'packages' field in target app:archive must be defined"]),
        ("packages=[]", ["'packages' field in target app:archive is empty", '":app"']),
        ("packages=[':app', ':app']", ["'packages' field in target app:archive", "twice"]),
        ("packages=[':nowhere']", ["nowhere", "packages", "app:archive"]),
        ("packages=[':readme']", ["'packages'", "app:archive", "app:readme", "cannot build"]),
        ("packages=[':app'], binary_name='a/b'", ["'binary_name'", "app:archive", "'a/b'"]),
        (
            "packages=[':app'], binary_name='a.exe'",
            ["'binary_name'", "app:archive", "omit `.exe`"],
        ),
        (
            "packages=[':app', ':b'], binary_name='a'",
            ["'binary_name'", "app:archive", "output_path"],
        ),
        ("packages=[':app'], platform='beos-amd64'", ["'platform'", "app:archive", "linux-amd64"]),
        ("packages=[':app'], output_path='a.zip'", ["'output_path'", "app:archive", ".{ext}"]),
        ("packages=[':app'], output_path='{v}.{ext}'", ["'output_path'", "{v}", "{version}"]),
        ("packages=[':app'], output_path='{.{ext}'", ["'output_path'", "app:archive", "template"]),
        ("packages=[':app'], output_path='../a.{ext}'", ["'output_path'", "app:archive", "`..`"]),
        ("packages=[':app'], evidence_path='e.txt'", ["'evidence_path'", "app:archive", ".json"]),
        ("packages=[':app'], files=[':app']", ["'files'", "app:archive", "app:app", "`file`"]),
        ("packages=[':app'], notices='yes'", ["'notices'", "app:archive", "a boolean"]),
    ],
)
def test_wrong_fields(rule_runner: RuleRunner, fields: str, words: list[str]) -> None:
    rule_runner.write_files(
        {
            "app/README.md": "",
            "app/BUILD": _package("app", _program())
            + _package("b", _program())
            + "file(name='readme', source='README.md')\n"
            + f"release_archive(name='archive', {fields})\n",
        }
    )
    _says(_error(rule_runner), *words)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([], ["app:app", "builds no file"]),
        (
            [{"path": "a.whl", "content": ""}],
            ["app:app", "`a.whl`", "not an executable", "`files`"],
        ),
        (
            [{"path": f"{n}", "content": n, "executable": True} for n in ("a", "b")],
            ["app:app", "several executables (a, b)", "one file"],
        ),
        (
            _program("a", manifest={"platform": "linux-arm64"})
            + _program("b", manifest={"platform": "linux-arm64"}),
            ["app:app", "a for linux-arm64, b for linux-arm64", "its own platform"],
        ),
        ([{"path": "a", "content": "", "artifact": "b"}], ["app:app", "`b`", "doesn't build it"]),
        (_program(notices=None), ["'notices'", "app:app", "app.notices.json", "`notices=False`"]),
        (_program(manifest={"schema": 9}), ["app:app", "app.manifest.json", "schema is 9"]),
        (_program(manifest={"platform": "vax"}), ["app:app", "'vax'", "windows-amd64"]),
        (
            _program(manifest={"executable": {"sha256": "ab"}}),
            ["app:app", "a different executable", "ab,", hashlib.sha256(b"program").hexdigest()],
        ),
        (
            _program(manifest={"build_info": {"version": "v0"}}),
            ["'dev'", "app:app", "'v0'", "PANTS_RELEASE_VERSION"],
        ),
        (
            _program(manifest={"build_info": {"commit": "0" * 40}}),
            ["c0ffee0", "app:app", "0" * 40, "PANTS_RELEASE_COMMIT"],
        ),
    ],
)
def test_unusable_packages(
    rule_runner: RuleRunner, files: list[dict[str, Any]], words: list[str]
) -> None:
    rule_runner.write_files({"app/BUILD": _package("app", files) + ARCHIVE.format("")})
    _says(_error(rule_runner, options=["--release-commit=c0ffee0"]), "app:archive", *words)


def test_a_stated_platform_must_be_that_of_the_executable(rule_runner: RuleRunner) -> None:
    program = _program(manifest={"platform": "darwin-arm64"})
    rule_runner.write_files(
        {"app/BUILD": _package("app", program) + ARCHIVE.format("platform='linux-arm64'")}
    )
    message = _error(rule_runner)
    _says(message, "'platform'", "app:archive", "'linux-arm64'", "app:app", "for darwin-arm64")


def test_executables_of_two_platforms_do_not_mix(rule_runner: RuleRunner) -> None:
    rule_runner.write_files(
        {
            "app/BUILD": _package("a", _program("a", manifest={"platform": "darwin-arm64"}))
            + _package("b", _program("b", manifest={"platform": "linux-arm64"}))
            + "release_archive(name='archive', packages=[':a', ':b'])"
        }
    )
    _says(_error(rule_runner), "'packages'", "app:archive", "app:a is for darwin-arm64", "app:b is")


def test_two_members_with_one_name(rule_runner: RuleRunner) -> None:
    rule_runner.write_files(
        {
            "app/agent-runner": "",
            "app/BUILD": _package("app", _program())
            + "file(name='f', source='agent-runner')\n"
            + "relocated_files(name='r', files_targets=[':f'], src='app', dest='')\n"
            + ARCHIVE.format("files=[':r']"),
        }
    )
    _says(_error(rule_runner), "app:archive", "`agent-runner` twice", "app:app", "relocated_files")


def test_two_archives_with_one_name(rule_runner: RuleRunner) -> None:
    other = "release_archive(name='other', binary_name='agent-runner', packages=[':app'], {})\n"
    program = _package("app", _program())
    rule_runner.write_files({"app/BUILD": program + ARCHIVE.format("") + other.format("")})
    message = _error(rule_runner)
    _says(message, "app:archive and app:other", "same file", "`binary_name`", "`platform`")

    apart = ARCHIVE.format("") + other.format("platform='windows-amd64'")
    rule_runner.write_files({"app/BUILD": program + apart})
    assert _build(rule_runner).only_archive()[0] == f"release/agent-runner-dev-{LOCAL}.tar.gz"
    assert _build(rule_runner, "other").only_archive()[0].endswith("-dev-windows-amd64.zip")
