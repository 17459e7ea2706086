"""Windows' executables, signed by the real tool with a certificate that is made here."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from release.checks.verify import VerifyOptions, verify
from release.describe.subject import Subject
from release.errors import ReleaseError
from release.pack import archiver
from release.pack.archives import file_sha256
from release.platforms import PLATFORMS
from release.project import AGENT_RUNNER
from release.signing import pe
from release.signing.authenticode import Authenticode
from release.signing.calls import Call, Output, run
from release.signing.settings import WindowsSettings, windows_settings
from release.signing.sign import sign_archive
from release.testing import stand_ins
from release.testing.signing_authority import (
    NAME,
    PASSWORD,
    Identity,
    make_identity,
    required_program,
    serve_timestamps,
)
from release.testing.stand_ins import write_archive, write_checksum
from release.typed_json import parse

TAG = "agent-runner-v0.1.0"
PLATFORM = PLATFORMS["windows-amd64"]
BASE = f"agent-runner-{TAG}-windows-amd64"
ARCHIVE = f"{BASE}.zip"


def with_checksum(executable: bytes) -> bytes:
    """As PyInstaller leaves it, with something appended, of a length that no signature starts at."""
    content = bytearray(executable + b"PyInstaller's archive")
    start = struct.unpack_from("<I", content, 0x3C)[0]
    struct.pack_into("<I", content, start + 88, pe.checksum(content))
    return bytes(content)


PROGRAM = with_checksum(stand_ins.pe(0x8664))


@dataclass
class Site:
    """An archive as it was built, and all that is known about it."""

    release: Path
    evidence: Path

    @property
    def archive(self) -> Path:
        return self.release / ARCHIVE

    def sign(self, settings: WindowsSettings, runner: object = run) -> list[str]:
        said: list[str] = []
        signer = Authenticode(settings, "Title", runner)  # type: ignore[arg-type]
        sign_archive(self.archive, self.evidence, AGENT_RUNNER, signer, said.append)
        return said

    def defects(self) -> list[str]:
        report = verify(
            self.release, AGENT_RUNNER, TAG, [PLATFORM], VerifyOptions(self.evidence, rebuilds=True)
        )
        return [str(defect) for defect in report.defects]

    def files(self) -> dict[str, bytes]:
        found = (p for folder in (self.release, self.evidence) for p in folder.iterdir())
        return {path.name: path.read_bytes() for path in found}

    def document(self, ending: str) -> dict[str, object]:
        document: dict[str, object] = json.loads((self.evidence / f"{BASE}{ending}").read_text())
        return document

    def executable(self) -> bytes:
        with zipfile.ZipFile(self.archive) as archive:
            return archive.read("agent-runner.exe")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    required_program("osslsigncode")
    made = Site(tmp_path / "release", tmp_path / "evidence")
    made.release.mkdir()
    made.evidence.mkdir()
    write_archive(
        made.release, AGENT_RUNNER, TAG, PLATFORM, evidence=made.evidence, content=PROGRAM
    )
    assert made.defects() == []
    return made


@pytest.fixture(scope="module")
def identity() -> Identity:
    return make_identity()


@pytest.fixture(scope="module")
def timestamps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("tsa")
    with serve_timestamps(folder) as url:
        yield url, folder / "tsa.pem"


def _settings(identity: Identity, **more: str) -> WindowsSettings:
    settings = windows_settings({**identity.variables(), **more})
    assert settings is not None
    return settings


def test_everything_that_is_known_is_about_the_signed_file_afterwards(
    site: Site, identity: Identity
) -> None:
    before = site.files()
    built = hashlib.sha256(before[ARCHIVE]).hexdigest()
    assert site.sign(_settings(identity))[0].startswith(f"signed {ARCHIVE}: Authenticode, CN=")
    assert site.defects() == []

    now, executable = file_sha256(site.archive), site.executable()
    inside = hashlib.sha256(executable).hexdigest()
    assert now != built
    assert (site.release / f"{ARCHIVE}.sha256").read_text() == f"{now}  {ARCHIVE}\n"
    # The second build is compared with the first one, which nobody signed.
    assert before[f"{BASE}.rebuild.json"] == site.files()[f"{BASE}.rebuild.json"]
    about = {**site.document(".json"), "target": "x", "materials": [], "tools": {}}
    subject = parse(Subject, "evidence.json", json.dumps(about).encode())
    assert (subject.archive.sha256, subject.executables[0].sha256) == (now, inside)
    statement = json.dumps(site.document(".intoto.json"))
    assert statement.count(f'{{"sha256": "{now}"}}') == statement.count(built) == 1
    bill = json.dumps(site.document(".cdx.json"))
    assert bill.count(inside) == bill.count(hashlib.sha256(PROGRAM).hexdigest()) == 1

    # Names, permissions and times are those that the build gave, by the code that packed it.
    entries = archiver.FORMATS["zip"].read(site.archive)
    (site.release / "before.zip").write_bytes(before[ARCHIVE])
    former = archiver.FORMATS["zip"].read(site.release / "before.zip")
    assert {n: (e.mode, e.mtime) for n, e in entries.items()} == {
        n: (e.mode, e.mtime) for n, e in former.items()
    }


def test_a_second_call_verifies_and_changes_nothing(site: Site, identity: Identity) -> None:
    site.sign(_settings(identity))
    signed = site.files()
    assert "is already signed" in site.sign(_settings(identity))[0]
    assert site.files() == signed


@pytest.mark.parametrize("renamed", range(5))
def test_an_interruption_between_the_files_is_completed_by_the_next_call(
    site: Site, identity: Identity, monkeypatch: pytest.MonkeyPatch, renamed: int
) -> None:
    """The archive gets its name last: until then the evidence is about a signature that is lost."""
    names: list[str] = []
    rename = Path.replace

    def interrupted(path: Path, target: Path) -> Path:
        if not target.name.endswith(".partial"):
            if len(names) == renamed:
                raise KeyboardInterrupt
            names.append(target.name)
        return rename(path, target)

    before = site.files()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            site.sign(_settings(identity))
    now = site.files()
    assert sorted(now) == sorted(before)
    assert {name for name in now if now[name] != before[name]} == set(names)
    assert site.sign(_settings(identity))[0].startswith("signed ")
    assert site.defects() == []


def test_a_timestamp_and_a_chain_are_verified(
    site: Site, identity: Identity, timestamps: tuple[str, Path], tmp_path: Path
) -> None:
    url, tsa = timestamps
    roots = tmp_path / "roots.pem"
    roots.write_bytes(identity.certificate + tsa.read_bytes())
    more = {"RELEASE_WINDOWS_TIMESTAMP_URL": url, "RELEASE_WINDOWS_CA_FILE": str(roots)}
    assert ", with a timestamp" in site.sign(_settings(identity, **more))[0]
    assert site.defects() == []
    assert '"timestamped": true' in (site.evidence / f"{BASE}.json").read_text()


def test_a_key_beside_its_certificate(site: Site, tmp_path: Path) -> None:
    identity = make_identity(elliptic=True)
    (tmp_path / "key.pem").write_bytes(identity.key)
    (tmp_path / "certificate.pem").write_bytes(identity.certificate)
    settings = windows_settings(
        {
            "RELEASE_WINDOWS_CERTIFICATE_FILE": str(tmp_path / "certificate.pem"),
            "RELEASE_WINDOWS_KEY_FILE": str(tmp_path / "key.pem"),
            "RELEASE_WINDOWS_TIMESTAMP_URL": "none",
        }
    )
    assert settings is not None
    site.sign(settings)
    assert site.defects() == []


def test_what_fails_changes_nothing(site: Site, identity: Identity, tmp_path: Path) -> None:
    before = site.files()
    other = tmp_path / "other.pem"
    other.write_bytes(make_identity().certificate)
    for variables, message in (
        ({"RELEASE_WINDOWS_PASSWORD": "wrong"}, "osslsigncode sign .*[Pp]assword"),
        ({"RELEASE_WINDOWS_CA_FILE": str(other)}, "verifying the signature .* failed"),
        # Discard's port: nothing listens there.
        ({"RELEASE_WINDOWS_TIMESTAMP_URL": "http://127.0.0.1:9/"}, "signing .* failed"),
    ):
        with pytest.raises(ReleaseError, match=message):
            site.sign(_settings(identity, **variables))
        assert site.files() == before
    site.archive.write_bytes(before[ARCHIVE][:-1])
    with pytest.raises(ReleaseError, match="but its evidence describes"):
        site.sign(_settings(identity))


def test_an_error_while_files_are_written_leaves_none_of_them(
    site: Site, identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = site.files()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archiver, "create", full)
    with pytest.raises(ReleaseError, match="No space left"):
        site.sign(_settings(identity))
    assert site.files() == before


def test_secrets_are_in_files_of_their_owner_that_are_gone_afterwards(
    site: Site, identity: Identity
) -> None:
    folders: set[Path] = set()
    arguments: list[str] = []

    def watch(call: Call) -> Output:
        arguments.extend(call.argv)
        for option in ("-pkcs12", "-readpass"):
            if option in call.argv:
                path = Path(call.argv[call.argv.index(option) + 1])
                assert path.stat().st_mode & 0o777 == 0o600
                assert path.parent.stat().st_mode & 0o777 == 0o700
                folders.add(path.parent)
        return run(call)

    settings = _settings(identity)
    site.sign(settings, watch)
    assert len(folders) == 1
    assert PASSWORD not in " ".join(arguments)
    assert PASSWORD not in repr(settings)

    def terminate(call: Call) -> Output:
        watch(call)
        os.kill(os.getpid(), signal.SIGTERM)
        return Output(0)

    shutil.rmtree(site.evidence)
    site.evidence.mkdir()
    write_archive(
        site.release, AGENT_RUNNER, TAG, PLATFORM, evidence=site.evidence, content=PROGRAM
    )
    with pytest.raises(SystemExit):
        site.sign(settings, terminate)
    assert len(folders) == 2
    assert not any(folder.exists() for folder in folders)


def test_the_tool_sees_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELEASE_WINDOWS_PASSWORD", PASSWORD)
    monkeypatch.setenv("KEPT", "kept")
    output = run(Call(("env",)))
    assert "KEPT=kept" in output.stdout
    assert PASSWORD not in output.stdout
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ReleaseError, match=r"osslsigncode is not installed here: .*apt-get"):
        run(Call(("osslsigncode", "--version")))


def _tamper(site: Site, executable: bytes) -> None:
    """Exchange the executable, with checksum and evidence made to agree."""
    about = json.loads((site.evidence / f"{BASE}.json").read_text())
    signed = about["signed"]
    write_archive(
        site.release, AGENT_RUNNER, TAG, PLATFORM, evidence=site.evidence, content=executable
    )
    write_checksum(site.archive)
    path = site.evidence / f"{BASE}.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "signed": signed}))
    rebuild = site.evidence / f"{BASE}.rebuild.json"
    digest = signed["archive"]["sha256"]
    verdict = json.loads(rebuild.read_text()) | {"sha256": digest, "rebuilt_sha256": digest}
    rebuild.write_text(json.dumps(verdict))


def test_verify_reads_the_signature(site: Site, identity: Identity, tmp_path: Path) -> None:
    site.sign(_settings(identity))
    good = site.executable()
    _tamper(site, good)
    assert site.defects() == []  # the frame of the cases below

    changed = bytearray(good)
    changed[0x200] ^= 1
    _tamper(site, bytes(changed))
    assert any("is invalid: BAD_DIGEST" in defect for defect in site.defects())

    # The signer's own hand, another program: what two builds agreed on was not this.
    (tmp_path / "pem").write_bytes(identity.key + identity.certificate)
    other, signed = tmp_path / "other.exe", tmp_path / "signed.exe"
    other.write_bytes(PROGRAM[:-1] + b"!")
    pem = str(tmp_path / "pem")
    tool = ("osslsigncode", "sign", "-certs", pem, "-key", pem, "-h", "sha256")
    assert run(Call((*tool, "-in", str(other), "-out", str(signed)))).code == 0
    _tamper(site, signed.read_bytes())
    assert any("without its signature differs from what was built" in d for d in site.defects())

    _tamper(site, PROGRAM)
    assert any("has 0 Authenticode signatures" in defect for defect in site.defects())


def test_verify_options_the_signer_that_the_evidence_names(site: Site, identity: Identity) -> None:
    site.sign(_settings(identity))
    path = site.evidence / f"{BASE}.json"
    path.write_text(path.read_text().replace(f'"CN={NAME}"', '"CN=Somebody"'))
    assert site.defects() == [f"{ARCHIVE}: is signed by CN={NAME}, not by CN=Somebody"]


def test_a_signature_that_nobody_told_of_is_a_defect(site: Site, identity: Identity) -> None:
    site.sign(_settings(identity))
    path = site.evidence / f"{BASE}.json"
    about = json.loads(path.read_text())
    del about["signed"]
    path.write_text(json.dumps(about))
    assert any("its evidence doesn't say so" in defect for defect in site.defects())
    with pytest.raises(ReleaseError, match="is already signed, but its evidence doesn't say"):
        site.sign(_settings(identity))
