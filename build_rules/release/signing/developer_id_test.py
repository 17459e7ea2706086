"""Signing for macOS: which calls are made, and what is decided of what Apple's tools say.

No call was ever made from here; `release.testing.apple` says where the answers are from.
"""

from __future__ import annotations

import plistlib
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from release.errors import ReleaseError
from release.evidence import Signature
from release.signing import developer_id
from release.signing.calls import Call, Output
from release.signing.developer_id import DeveloperId, notarisation_obstacles, parse_display
from release.signing.macho import outside_signature
from release.signing.settings import MacSettings
from release.testing.apple import AD_HOC, IDENTITY, SIGNED
from release.testing.stand_ins import macho

ENTITLED = plistlib.dumps({"com.apple.security.cs.allow-jit": True}).decode()


def test_what_a_signature_says() -> None:
    signature = parse_display(SIGNED)
    assert signature.authorities[0] == IDENTITY
    assert (set(signature.flags), signature.team) == ({"runtime"}, "TEAM123456")
    assert notarisation_obstacles(signature) == []


@pytest.mark.parametrize(
    ("text", "obstacle"),
    [
        (AD_HOC, "it is signed ad hoc"),
        ("", "it is signed ad hoc"),
        (SIGNED.replace("0x10000(runtime)", "0x0(none)"), "lacks the hardened runtime"),
        # What codesign says of the machine's own clock.
        (SIGNED.replace("Timestamp=", "Signed Time="), "lacks a secure timestamp"),
        (SIGNED.replace("Developer ID App", "Apple Development"), "is not a `Developer ID App"),
    ],
)
def test_what_apple_would_refuse(text: str, obstacle: str) -> None:
    (found,) = notarisation_obstacles(parse_display(text))
    assert obstacle in found


def signed_macho(length: int, content: bytes = b"archive") -> bytes:
    """A program with one more load command than a stand-in: where a signature of `length` lies."""
    data = bytearray(macho(0x0100000C)) + content
    count, size = struct.unpack_from("<II", data, 16)
    linkedit = struct.pack(
        "<II16sQQQQIIII", 0x19, 72, b"__LINKEDIT", 0, length, 0x1000, length, 1, 1, 0, 0
    )
    command = struct.pack("<IIII", 0x1D, 16, len(data), length)
    data[32 + size : 32 + size + len(linkedit) + 16] = linkedit + command
    struct.pack_into("<II", data, 16, count + 2, size + len(linkedit) + 16)
    return bytes(data) + bytes([length]) * length


def test_a_signature_changes_nothing_else(tmp_path: Path) -> None:
    a, b, c, d = (tmp_path / name for name in "abcd")
    a.write_bytes(signed_macho(16))
    b.write_bytes(signed_macho(64))
    c.write_bytes(signed_macho(64, b"Archive"))
    d.write_bytes(macho(0x0100000C))
    assert outside_signature(a) == outside_signature(b) != outside_signature(c)
    with pytest.raises(ReleaseError, match="d has no signature"):
        outside_signature(d)


class Mac:
    """Apple's tools: notes calls, and says what was recorded. `signing` does codesign's work."""

    def __init__(self, signing: Callable[[Path], object], display: str = SIGNED) -> None:
        self.calls: list[Call] = []
        self._signing = signing
        self._display = display
        self.identities = f'  1) 5B0E "{IDENTITY}"\n     1 valid identities found\n'
        self.codes: dict[str, int] = {}

    def __call__(self, call: Call) -> Output:
        self.calls.append(call)
        words = call.argv
        if "--sign" in words:
            entitlements = Path(words[words.index("--entitlements") + 1])
            self.entitlements = plistlib.loads(entitlements.read_bytes())
            self._signing(Path(words[-1]))
            return Output(self.codes.get("sign", 0), "", "errSecInternalComponent")
        answers = {
            ("security", "find-identity"): Output(0, self.identities),
            ("security", "list-keychains"): Output(0, '    "/Library/login.keychain-db"\n'),
            ("codesign", "--display"): Output(0, ENTITLED, self._display),
        }
        return answers.get((words[0], words[1]), Output(0))

    def words(self) -> list[str]:
        return [" ".join(call.argv[:2]) for call in self.calls]


def _resign(path: Path) -> None:
    path.write_bytes(signed_macho(64))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "agent-runner"
    path.write_bytes(signed_macho(16))
    return path


def _folder(source: Path) -> Path:
    folder = source.parent / "secrets"
    folder.mkdir()
    return folder


def test_an_identity_of_the_users_keychain(source: Path, tmp_path: Path) -> None:
    mac = Mac(_resign)
    folder = _folder(source)
    signature = DeveloperId(MacSettings(IDENTITY), mac).sign(source, tmp_path / "signed", folder)
    assert signature == Signature(kind="Developer ID", signer=IDENTITY, timestamped=True)
    assert mac.words() == [
        "codesign --display",
        "codesign --force",
        "codesign --verify",
        "codesign --display",
    ]
    assert mac.calls[1].argv == (
        *("codesign", "--force", "--sign", IDENTITY, "--options", "runtime", "--timestamp"),
        *("--entitlements", str(folder / "entitlements.plist"), str(tmp_path / "signed")),
    )
    # Those of the build stay, those that the hardened runtime makes necessary are added.
    assert mac.entitlements == {
        **developer_id.HARDENED_ENTITLEMENTS,
        "com.apple.security.cs.allow-jit": True,
    }


def test_a_certificate_gets_a_keychain_that_ends_with_the_signature(
    source: Path, tmp_path: Path
) -> None:
    settings = MacSettings(IDENTITY, b"p12", 'pass"word\\')
    mac = Mac(_resign)
    folder = _folder(source)
    DeveloperId(settings, mac).sign(source, tmp_path / "signed", folder)
    assert mac.words() == [
        "codesign --display",
        "security list-keychains",
        "security -i",
        "security list-keychains",
        "security find-identity",
        "codesign --force",
        "security list-keychains",
        "security delete-keychain",
        "codesign --verify",
        "codesign --display",
    ]
    made = mac.calls[2]
    assert made.secret_input is not None
    assert '-P "pass\\"word\\\\" -T /usr/bin/codesign' in made.secret_input
    keychain = str(folder / "release.keychain-db")
    assert mac.calls[3].argv[-2:] == (keychain, "/Library/login.keychain-db")
    assert mac.calls[5].argv[-3:-1] == ("--keychain", keychain)
    assert mac.calls[6].argv[-2:] == ("-s", "/Library/login.keychain-db")
    assert not any("word" in str(call) or "word" in repr(call) for call in mac.calls)
    assert (folder / "certificate.p12").stat().st_mode & 0o777 == 0o600


def test_the_keychain_ends_where_codesign_fails_too(source: Path, tmp_path: Path) -> None:
    mac = Mac(_resign)
    mac.codes["sign"] = 1
    signer = DeveloperId(MacSettings(IDENTITY, b"p12", "x"), mac)
    with pytest.raises(ReleaseError, match=r"signing agent-runner failed: .*errSecInternal"):
        signer.sign(source, tmp_path / "signed", _folder(source))
    assert mac.words()[-2:] == ["security list-keychains", "security delete-keychain"]


def test_what_is_no_signature_is_refused(source: Path, tmp_path: Path) -> None:
    folder = _folder(source)
    settings = MacSettings(IDENTITY, b"p12", "x")
    other = Mac(_resign)
    other.identities = "     0 valid identities found\n"
    with pytest.raises(ReleaseError, match="no valid identity 'Developer ID Application: Name"):
        DeveloperId(settings, other).sign(source, tmp_path / "signed", folder)
    for mac, message in (
        (Mac(_resign, AD_HOC), "is not signed as it should be: it is signed ad hoc"),
        (Mac(lambda p: p.write_bytes(signed_macho(64, b"x" * 7))), "changed more of agent-runner"),
    ):
        with pytest.raises(ReleaseError, match=message):
            DeveloperId(MacSettings(IDENTITY), mac).sign(source, tmp_path / "signed", folder)


def test_a_dry_run_names_every_call(source: Path, tmp_path: Path) -> None:
    """The same programs in the same order as the real run, with what is only known then left out."""
    for settings in (MacSettings(IDENTITY), MacSettings(IDENTITY, b"p12", "x")):
        mac = Mac(_resign)
        signer = DeveloperId(settings, mac)
        folder = tmp_path / str(settings.p12)
        folder.mkdir()
        signer.sign(source, tmp_path / "signed", folder)
        described = signer.calls(source, tmp_path / "signed", folder)
        assert [" ".join(call.argv[:2]) for call in described] == mac.words()
