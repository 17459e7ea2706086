from __future__ import annotations

from pathlib import Path

import pytest

from release.errors import ReleaseError
from release.signing.settings import (
    MacSettings,
    NotarySettings,
    mac_settings,
    notary_settings,
    windows_settings,
)

URL = {"RELEASE_WINDOWS_TIMESTAMP_URL": "http://timestamp.example.org"}
KEY = "-----BEGIN PRIVATE KEY-----\nMIG\n-----END PRIVATE KEY-----"


def test_without_a_key_there_is_nothing_to_do() -> None:
    # An empty variable is what a workflow gives for a secret that doesn't exist.
    empty = dict.fromkeys(("RELEASE_WINDOWS_PFX", "RELEASE_MACOS_P12", "RELEASE_NOTARY_KEY"), "")
    for environment in ({}, empty, URL, {"RELEASE_WINDOWS_PASSWORD": "x"}):
        assert windows_settings(environment) is None
        assert mac_settings(environment) is None
        assert notary_settings(environment) is None


def test_a_token_behind_pkcs11(tmp_path: Path) -> None:
    (tmp_path / "module.so").touch()
    (tmp_path / "chain.pem").touch()
    settings = windows_settings(
        {
            **URL,
            "RELEASE_WINDOWS_PKCS11_MODULE": str(tmp_path / "module.so"),
            "RELEASE_WINDOWS_PKCS11_KEY": "pkcs11:object=key",
            "RELEASE_WINDOWS_CERTIFICATE_FILE": str(tmp_path / "chain.pem"),
        }
    )
    assert settings is not None
    assert settings.pkcs11_key == "pkcs11:object=key"


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"RELEASE_WINDOWS_PFX": "YQ=="}, "TIMESTAMP_URL is not set"),
        (
            {"RELEASE_WINDOWS_PFX": "YQ==", **URL, "RELEASE_WINDOWS_KEY_FILE": "k"},
            "incomplete signing settings",
        ),
        ({"RELEASE_WINDOWS_KEY_FILE": "k", **URL}, "settings .RELEASE_WINDOWS_KEY_FILE.: set"),
        ({"RELEASE_WINDOWS_PFX": "é", **URL}, "RELEASE_WINDOWS_PFX is not valid base64"),
        ({"RELEASE_WINDOWS_PFX_FILE": "none.pfx", **URL}, "is none.pfx, which is not a file"),
        (
            {"RELEASE_WINDOWS_PFX": "YQ==", "RELEASE_WINDOWS_TIMESTAMP_URL": "no"},
            "must be an HTTP URL",
        ),
    ],
)
def test_what_is_given_in_part_is_a_mistake(environment: dict[str, str], message: str) -> None:
    with pytest.raises(ReleaseError, match=message):
        windows_settings(environment)


def test_apples_settings() -> None:
    identity = "Developer ID Application: Name (TEAM)"
    assert mac_settings({"RELEASE_MACOS_IDENTITY": identity}) == MacSettings(identity)
    with pytest.raises(ReleaseError, match="RELEASE_MACOS_IDENTITY is not set"):
        mac_settings({"RELEASE_MACOS_P12": "YQ=="})

    given = {"RELEASE_NOTARY_KEY": KEY, "RELEASE_NOTARY_KEY_ID": "K"}
    assert notary_settings(given) == NotarySettings(f"{KEY}\n", "K", None)
    with pytest.raises(ReleaseError, match="RELEASE_NOTARY_KEY_ID is not set"):
        notary_settings({"RELEASE_NOTARY_KEY": KEY})
    with pytest.raises(ReleaseError, match=r"whole text of the \.p8 file"):
        notary_settings({**given, "RELEASE_NOTARY_KEY": "AuthKey.p8"})
    assert KEY not in repr(notary_settings(given))
