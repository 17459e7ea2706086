"""A Developer ID signature with the hardened runtime, made on macOS by codesign.

Apple's tools have not been run yet; the tests hold what is known of their output.
"""

from __future__ import annotations

import plistlib
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.parsers.expat import ExpatError

from release.errors import ReleaseError
from release.evidence import Signature
from release.signing import macho
from release.signing.calls import Call, Runner, demand
from release.signing.secret_files import write_secret
from release.signing.settings import MacSettings

KIND = "Developer ID"

HARDENED_ENTITLEMENTS: Mapping[str, object] = {
    # The libraries that a one-file executable unpacks are signed ad hoc, by no team.
    "com.apple.security.cs.disable-library-validation": True,
    # libffi, below ctypes, writes code at run time where it has no static trampolines.
    "com.apple.security.cs.allow-unsigned-executable-memory": True,
}
"""What a frozen Python program needs under the hardened runtime."""


# ---------------------------------------------------------------------------------------------
# Calls
# ---------------------------------------------------------------------------------------------


def entitlements_call(path: Path) -> Call:
    return Call(("codesign", "--display", "--entitlements", "-", "--xml", str(path)))


def sign_call(identity: str, entitlements: Path, path: Path, keychain: Path | None) -> Call:
    """Sign in place, over the build's ad hoc signature, as PyInstaller does."""
    where = () if keychain is None else ("--keychain", str(keychain))
    return Call(
        (
            *("codesign", "--force", "--sign", identity, "--options", "runtime", "--timestamp"),
            *("--entitlements", str(entitlements), *where, str(path)),
        )
    )


def verify_call(path: Path) -> Call:
    return Call(("codesign", "--verify", "--strict", "--verbose=2", str(path)))


def display_call(path: Path) -> Call:
    return Call(("codesign", "--display", "--verbose=4", str(path)))


def _word(text: str) -> str:
    """Quote an argument in the input of `security -i`."""
    if any(character in text for character in "\r\n\0"):
        raise ReleaseError("RELEASE_MACOS_P12_PASSWORD must be one line")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def keychain_call(keychain: Path, password: str, p12: Path, p12_password: str) -> Call:
    """A temporary keychain with the certificate, which codesign can use without a dialogue.

    `security` reads the commands from its input: every process on the machine can see arguments.
    """
    chain, word = _word(str(keychain)), _word(password)
    lines = [
        f"create-keychain -p {word} {chain}",
        f"set-keychain-settings -lut 3600 {chain}",
        f"unlock-keychain -p {word} {chain}",
        f"import {_word(str(p12))} -k {chain} -f pkcs12 -P {_word(p12_password)} "
        "-T /usr/bin/codesign",
        f"set-key-partition-list -S apple-tool:,apple: -s -k {word} {chain}",
    ]
    return Call(("security", "-i"), "\n".join(lines) + "\n")


def identities_call(keychain: Path) -> Call:
    return Call(("security", "find-identity", "-v", "-p", "codesigning", str(keychain)))


def search_list_call(*keychains: str) -> Call:
    """List the user's keychains, or set the list."""
    chosen = ("-s", *keychains) if keychains else ()
    return Call(("security", "list-keychains", "-d", "user", *chosen))


def delete_call(keychain: Path) -> Call:
    return Call(("security", "delete-keychain", str(keychain)))


# ---------------------------------------------------------------------------------------------
# Decisions
# ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CodeSignature:
    """The output of `codesign --display --verbose=4`; `flags` e.g. {"runtime"}, {"adhoc"}."""

    authorities: tuple[str, ...]
    flags: frozenset[str]
    team: str | None
    timestamp: str | None


def parse_display(text: str) -> CodeSignature:
    fields = [line.partition("=")[::2] for line in text.splitlines()]
    flags = re.search(r"\bflags=0x[0-9a-f]+\(([^)]*)\)", text)
    values = dict(fields)
    team = values.get("TeamIdentifier")
    return CodeSignature(
        authorities=tuple(value for key, value in fields if key == "Authority"),
        flags=frozenset(flags[1].split(",") if flags else ()) - {"none"},
        team=None if team == "not set" else team,
        timestamp=values.get("Timestamp"),
    )


def notarisation_obstacles(signature: CodeSignature) -> list[str]:
    """Reasons why Apple would refuse to notarise an executable with this signature."""
    signer = next(iter(signature.authorities), None)
    if "adhoc" in signature.flags or signer is None:
        return ["it is signed ad hoc, not with a Developer ID: run `sign` first"]
    obstacles = []
    if not signer.startswith("Developer ID Application:"):
        obstacles.append(f"it is signed by {signer!r}, which is not a `Developer ID Application`")
    if "runtime" not in signature.flags:
        obstacles.append("its signature lacks the hardened runtime (codesign --options runtime)")
    if signature.timestamp is None:
        obstacles.append("its signature lacks a secure timestamp (codesign --timestamp)")
    return obstacles


def merged_entitlements(embedded: str) -> bytes:
    """The entitlements of the build and those of the hardened runtime, as a property list."""
    try:
        own = plistlib.loads(embedded.encode()) if embedded.strip() else {}
    except (plistlib.InvalidFileException, ExpatError, ValueError) as error:
        raise ReleaseError(
            f"codesign printed entitlements that are not a property list: {error}"
        ) from error
    return plistlib.dumps({**HARDENED_ENTITLEMENTS, **own}, sort_keys=True)


def parse_search_list(text: str) -> list[str]:
    return [line.strip().strip('"') for line in text.splitlines() if line.strip()]


# ---------------------------------------------------------------------------------------------
# Signing
# ---------------------------------------------------------------------------------------------


def inspect(runner: Runner, path: Path) -> CodeSignature:
    """Read and verify an executable's signature; raises ReleaseError if it is invalid."""
    demand(runner, verify_call(path), f"verifying the signature of {path.name}")
    # codesign writes what it displays to its standard error.
    return parse_display(demand(runner, display_call(path), "reading a signature").stderr)


@contextmanager
def _keychain(settings: MacSettings, runner: Runner, folder: Path) -> Iterator[Path | None]:
    """A keychain for one signature, first in the user's list because codesign requires it; both are
    restored."""
    if settings.p12 is None:
        yield None
        return
    keychain, p12 = folder / "release.keychain-db", folder / "certificate.p12"
    before = parse_search_list(
        demand(runner, search_list_call(), "reading the list of keychains").stdout
    )
    try:
        write_secret(p12, settings.p12)
        made = keychain_call(keychain, secrets.token_urlsafe(), p12, settings.p12_password)
        demand(runner, made, "making a keychain")
        demand(runner, search_list_call(str(keychain), *before), "adding a keychain to the list")
        # `security -i` ends with its last command's code, so check what it did.
        known = demand(runner, identities_call(keychain), "reading the keychain").stdout
        if settings.identity not in known:
            raise ReleaseError(
                f"RELEASE_MACOS_P12 has no valid identity {settings.identity!r}: `security` names "
                f"{known.strip() or 'none'}"
            )
        yield keychain
    finally:
        if before:
            runner(search_list_call(*before))
        runner(delete_call(keychain))


class DeveloperId:
    """Signs executables for macOS; see `release.signing.sign.Signer`."""

    kind = KIND

    def __init__(self, settings: MacSettings, runner: Runner) -> None:
        self._settings = settings
        self._runner = runner

    def calls(self, source: Path, target: Path, folder: Path) -> list[Call]:
        made = [entitlements_call(source)]
        keychain = None
        if self._settings.p12 is not None:
            keychain = folder / "release.keychain-db"
            made += [
                search_list_call(),
                keychain_call(keychain, "", folder / "certificate.p12", ""),
                search_list_call(str(keychain), "…"),
                identities_call(keychain),
            ]
        made.append(
            sign_call(self._settings.identity, folder / "entitlements.plist", target, keychain)
        )
        if keychain is not None:
            made += [search_list_call("…"), delete_call(keychain)]
        return [*made, verify_call(target), display_call(target)]

    def tool(self) -> str:
        return "codesign"

    def sign(self, source: Path, target: Path, folder: Path) -> Signature:
        embedded = demand(self._runner, entitlements_call(source), "reading entitlements").stdout
        entitlements = folder / "entitlements.plist"
        entitlements.write_bytes(merged_entitlements(embedded))
        shutil.copy(source, target)
        with _keychain(self._settings, self._runner, folder) as keychain:
            call = sign_call(self._settings.identity, entitlements, target, keychain)
            demand(self._runner, call, f"signing {source.name}")
        signature = self.read(target)
        if macho.outside_signature(source) != macho.outside_signature(target):
            raise ReleaseError(f"codesign changed more of {source.name} than its signature")
        return signature

    def read(self, path: Path) -> Signature:
        found = inspect(self._runner, path)
        obstacles = notarisation_obstacles(found)
        if obstacles:
            raise ReleaseError(f"{path.name} is not signed as it should be: {'; '.join(obstacles)}")
        return Signature(
            kind=KIND, signer=found.authorities[0], timestamped=found.timestamp is not None
        )
