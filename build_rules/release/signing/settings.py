"""The settings of signatures, read from variables and validated; nothing else is looked at.

With none of them set, nothing is signed; with only some of them, the settings are wrong.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from release.errors import ReleaseError

Environment = Mapping[str, str]

NO_TIMESTAMP = "none"


@dataclass(frozen=True)
class WindowsSettings:
    """A certificate for Authenticode with its key, in one of three forms.

    pfx              both, as a PKCS#12 file's content
    pfx_file         both, as a PKCS#12 file
    certificate_file PEM, the signer's certificate first, then its issuers'; the key is
    key_file         a PEM file, or
    pkcs11_module    in a token behind this library, where
    pkcs11_key       names it (RFC 7512: `pkcs11:object=…`)
    password         of the PKCS#12 file or the key, or the token's PIN
    timestamp_url    of a service that speaks RFC 3161; None: without a timestamp
    ca_file          PEM: roots that the signature must chain to; None: trust isn't checked
    """

    pfx: bytes | None = field(default=None, repr=False)
    pfx_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    pkcs11_module: Path | None = None
    pkcs11_key: str | None = None
    password: str | None = field(default=None, repr=False)
    timestamp_url: str | None = None
    ca_file: Path | None = None


@dataclass(frozen=True)
class MacSettings:
    """A Developer ID.

    identity   its name in a keychain: `Developer ID Application: Name (TEAM)`
    p12        certificate and key as a PKCS#12 file's content; None: the user's keychains have it
    """

    identity: str
    p12: bytes | None = field(default=None, repr=False)
    p12_password: str = field(default="", repr=False)


@dataclass(frozen=True)
class NotarySettings:
    """An API key of App Store Connect; `key` is the `.p8` file's text, `issuer` None for a key of
    one person."""

    key: str = field(repr=False)
    key_id: str
    issuer: str | None


_WINDOWS_FORMS = (
    ("RELEASE_WINDOWS_PFX",),
    ("RELEASE_WINDOWS_PFX_FILE",),
    ("RELEASE_WINDOWS_CERTIFICATE_FILE", "RELEASE_WINDOWS_KEY_FILE"),
    (
        "RELEASE_WINDOWS_CERTIFICATE_FILE",
        "RELEASE_WINDOWS_PKCS11_MODULE",
        "RELEASE_WINDOWS_PKCS11_KEY",
    ),
)
_TIMESTAMP_URL = "RELEASE_WINDOWS_TIMESTAMP_URL"


def _decoded(environment: Environment, name: str) -> bytes | None:
    text = environment.get(name, "")
    if not text:
        return None
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except ValueError as error:
        raise ReleaseError(f"{name} is not valid base64: encode it with `base64 < FILE`") from error


def _file(environment: Environment, name: str) -> Path | None:
    if not environment.get(name):
        return None
    path = Path(environment[name])
    if not path.is_file():
        raise ReleaseError(f"{name} is {path}, which is not a file")
    return path


def windows_settings(environment: Environment) -> WindowsSettings | None:
    """Raises ReleaseError for incomplete, contradictory or unreadable settings."""
    names = {name for form in _WINDOWS_FORMS for name in form}
    given = {name for name in names if environment.get(name)}
    if not given:
        return None
    if given not in [set(form) for form in _WINDOWS_FORMS]:
        forms = "; or ".join(" and ".join(form) for form in _WINDOWS_FORMS)
        raise ReleaseError(f"incomplete signing settings ({', '.join(sorted(given))}): set {forms}")
    if not environment.get(_TIMESTAMP_URL):
        raise ReleaseError(
            f"{_TIMESTAMP_URL} is not set: without a timestamp, a signature expires with its "
            f"certificate. Set the URL that the certificate's issuer names, or `{NO_TIMESTAMP}`"
        )
    url = environment[_TIMESTAMP_URL]
    if url != NO_TIMESTAMP and not url.startswith(("http://", "https://")):
        raise ReleaseError(f"{_TIMESTAMP_URL} is {url!r}, but must be an HTTP URL")
    return WindowsSettings(
        pfx=_decoded(environment, "RELEASE_WINDOWS_PFX"),
        pfx_file=_file(environment, "RELEASE_WINDOWS_PFX_FILE"),
        certificate_file=_file(environment, "RELEASE_WINDOWS_CERTIFICATE_FILE"),
        key_file=_file(environment, "RELEASE_WINDOWS_KEY_FILE"),
        pkcs11_module=_file(environment, "RELEASE_WINDOWS_PKCS11_MODULE"),
        pkcs11_key=environment.get("RELEASE_WINDOWS_PKCS11_KEY") or None,
        password=environment.get("RELEASE_WINDOWS_PASSWORD") or None,
        timestamp_url=None if url == NO_TIMESTAMP else url,
        ca_file=_file(environment, "RELEASE_WINDOWS_CA_FILE"),
    )


def mac_settings(environment: Environment) -> MacSettings | None:
    identity = environment.get("RELEASE_MACOS_IDENTITY", "")
    p12 = _decoded(environment, "RELEASE_MACOS_P12")
    if not identity and p12 is None:
        return None
    if not identity:
        raise ReleaseError(
            "RELEASE_MACOS_IDENTITY is not set: set the name of the certificate in "
            "RELEASE_MACOS_P12, `Developer ID Application: Name (TEAM)`"
        )
    return MacSettings(identity, p12, environment.get("RELEASE_MACOS_P12_PASSWORD", ""))


def notary_settings(environment: Environment) -> NotarySettings | None:
    names = ("RELEASE_NOTARY_KEY", "RELEASE_NOTARY_KEY_ID")
    missing = [name for name in names if not environment.get(name)]
    if len(missing) == len(names):
        return None
    if missing:
        raise ReleaseError(f"{missing[0]} is not set: an App Store Connect key consists of its .p8 "
        f"file's text and its ID")  # fmt: skip
    key = environment["RELEASE_NOTARY_KEY"]
    if "-----BEGIN PRIVATE KEY-----" not in key:
        raise ReleaseError(
            "RELEASE_NOTARY_KEY is not a private key: set it to the whole text of the .p8 file"
        )
    return NotarySettings(
        key.strip() + "\n",
        environment["RELEASE_NOTARY_KEY_ID"],
        environment.get("RELEASE_NOTARY_ISSUER") or None,
    )
