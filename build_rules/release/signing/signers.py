"""Who signs executables of which system: data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from release.errors import ReleaseError
from release.platforms import Platform
from release.signing.authenticode import Authenticode
from release.signing.calls import Runner
from release.signing.developer_id import DeveloperId
from release.signing.settings import Environment, mac_settings, windows_settings
from release.signing.sign import Signer


def _for_windows(environment: Environment, title: str, runner: Runner) -> Signer | None:
    settings = windows_settings(environment)
    return None if settings is None else Authenticode(settings, title, runner)


def _for_macos(environment: Environment, title: str, runner: Runner) -> Signer | None:
    settings = mac_settings(environment)
    return None if settings is None else DeveloperId(settings, runner)


@dataclass(frozen=True)
class _System:
    """`make` returns None where no setting is given; `settings` names them, for messages."""

    make: Callable[[Environment, str, Runner], Signer | None]
    settings: str


_SYSTEMS: Mapping[str, _System] = {
    "darwin": _System(_for_macos, "RELEASE_MACOS_IDENTITY and RELEASE_MACOS_P12"),
    "windows": _System(_for_windows, "RELEASE_WINDOWS_PFX or another of RELEASE_WINDOWS_…"),
}


def signer_for(
    platform: Platform, title: str, environment: Environment, runner: Runner
) -> Signer | None:
    """The signer of a platform's executables, or None where the settings give none.

    Raises ReleaseError for a platform whose executables have no signature, and for settings that
    are given in part.
    """
    system = _SYSTEMS.get(platform.os.name)
    if system is None:
        raise ReleaseError(
            f"executables for {platform} have no signature: only those for "
            f"{' and '.join(_SYSTEMS)} do"
        )
    return system.make(environment, title, runner)


def settings_of(platform: Platform) -> str:
    """The variables that a signature needs, for messages."""
    return _SYSTEMS[platform.os.name].settings
