"""Authenticode, the signature in a Windows executable, made on Linux or macOS with osslsigncode.

https://github.com/mtrojnar/osslsigncode
"""

from __future__ import annotations

import hashlib
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from release.errors import ReleaseError
from release.evidence import File, Signature
from release.pack.archives import file_sha256
from release.signing import pe
from release.signing.calls import Call, Runner, demand
from release.signing.secret_files import write_secret
from release.signing.settings import WindowsSettings

KIND = "Authenticode"
_TOOL = "osslsigncode"
_DIGEST = "sha256"


@dataclass(frozen=True)
class KeyFiles:
    """Files for what must not be in the tool's arguments; None: not needed."""

    pfx: Path | None
    password: Path | None


def key_files(settings: WindowsSettings, folder: Path) -> KeyFiles:
    """The paths that `write_key_files` writes to, and existing ones."""
    return KeyFiles(
        pfx=settings.pfx_file if settings.pfx is None else folder / "certificate.pfx",
        password=None if settings.password is None else folder / "password",
    )


def write_key_files(settings: WindowsSettings, files: KeyFiles) -> None:
    if settings.pfx is not None and files.pfx is not None:
        write_secret(files.pfx, settings.pfx)
    if settings.password is not None and files.password is not None:
        write_secret(files.password, settings.password.encode())


def sign_call(
    settings: WindowsSettings, files: KeyFiles, title: str, source: Path, target: Path
) -> Call:
    """`title` is what Windows shows when it asks a user whether the program may run."""
    key: list[str] = []
    if files.pfx is not None:
        key += ["-pkcs12", str(files.pfx)]
    if settings.certificate_file is not None:
        key += ["-certs", str(settings.certificate_file)]
    if settings.key_file is not None:
        key += ["-key", str(settings.key_file)]
    if settings.pkcs11_module is not None and settings.pkcs11_key is not None:
        key += ["-pkcs11module", str(settings.pkcs11_module), "-key", settings.pkcs11_key]
    if files.password is not None:
        key += ["-readpass", str(files.password)]
    timestamp = [] if settings.timestamp_url is None else ["-ts", settings.timestamp_url]
    return Call(
        (
            *(_TOOL, "sign", *key, "-h", _DIGEST, "-n", title, *timestamp),
            *("-in", str(source), "-out", str(target)),
        )
    )


def verify_call(ca_file: Path, path: Path) -> Call:
    roots = ("-CAfile", str(ca_file), "-TSA-CAfile", str(ca_file))
    return Call((_TOOL, "verify", *roots, "-in", str(path)))


def version_call() -> Call:
    return Call((_TOOL, "--version"))


def tool_version(stdout: str) -> str:
    match = re.match(r"osslsigncode (\S+?),?\s", stdout)
    return f"{_TOOL} {match[1] if match else 'unknown'}"


def read_signature(path: Path) -> Signature:
    """Read an executable's only signature, and check its digests and its cryptography.

    The certificate's chain and expiry are not checked. Raises ReleaseError for a file without a
    signature or with an invalid one.
    """
    # Takes most of a second to import: commands that verify nothing needn't wait for it.
    import lief

    binary = lief.parse(path)
    if not isinstance(binary, lief.PE.Binary):
        raise ReleaseError(f"{path.name} is not a Windows executable (PE)")
    signatures = list(binary.signatures)
    if len(signatures) != 1:
        raise ReleaseError(f"{path.name} has {len(signatures)} Authenticode signatures, not one")
    verdict = binary.verify_signature(lief.PE.Signature.VERIFICATION_CHECKS.SKIP_CERT_TIME)
    if verdict != lief.PE.Signature.VERIFICATION_FLAGS.OK:
        words = str(verdict).removeprefix("VERIFICATION_FLAGS.")
        raise ReleaseError(f"the Authenticode signature of {path.name} is invalid: {words}")
    signer = signatures[0].signers[0]
    if signer.cert is None:
        raise ReleaseError(f"the Authenticode signature of {path.name} lacks its certificate")
    stamps = (lief.PE.MsCounterSign, lief.PE.PKCS9CounterSignature)
    return Signature(
        kind=KIND,
        signer=str(signer.cert.subject),
        certificate_sha256=hashlib.sha256(bytes(signer.cert.raw)).hexdigest(),
        timestamped=any(isinstance(a, stamps) for a in signer.unauthenticated_attributes),
    )


def check_made_of(path: Path, built: File) -> None:
    """Raises ReleaseError unless the executable, without its signature, is the one that was built."""
    digests = {
        hashlib.sha256(form).hexdigest()
        for form in pe.unsigned_forms(path.read_bytes(), built.size)
    }
    if built.sha256 not in digests:
        raise ReleaseError(
            f"{path.name} without its signature differs from what was built: {', '.join(digests)}, "
            f"not {built.sha256}"
        )


class Authenticode:
    """Signs executables for Windows; see `release.signing.sign.Signer`."""

    kind = KIND

    def __init__(self, settings: WindowsSettings, title: str, runner: Runner) -> None:
        self._settings = settings
        self._title = title
        self._runner = runner

    def calls(self, source: Path, target: Path, folder: Path) -> list[Call]:
        files = key_files(self._settings, folder)
        made = [sign_call(self._settings, files, self._title, source, target)]
        if self._settings.ca_file is not None:
            made.append(verify_call(self._settings.ca_file, target))
        return made

    def tool(self) -> str:
        return tool_version(demand(self._runner, version_call(), "asking for a version").stdout)

    def sign(self, source: Path, target: Path, folder: Path) -> Signature:
        if pe.is_signed(source.read_bytes()):
            raise ReleaseError(
                f"{source.name} is already signed, but its evidence doesn't say by whom: start "
                f"from the output of ./pants package"
            )
        write_key_files(self._settings, key_files(self._settings, folder))
        sign, *verify = self.calls(source, target, folder)
        demand(self._runner, sign, f"signing {source.name}")
        for call in verify:
            demand(self._runner, call, f"verifying the signature of {source.name}")
        signature = read_signature(target)
        if self._settings.timestamp_url is not None and not signature.timestamped:
            raise ReleaseError(f"{source.name} was signed without the requested timestamp")
        built = File(sha256=file_sha256(source), size=source.stat().st_size)
        check_made_of(target, built)
        shutil.copymode(source, target)
        return signature

    def read(self, path: Path) -> Signature:
        return read_signature(path)
