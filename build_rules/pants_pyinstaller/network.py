"""What an installation takes from the caller's network, and what its failures mean."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from pants.engine.env_vars import EnvironmentVars, EnvironmentVarsRequest
from pants.engine.fs import CreateDigest, Digest, FileContent
from pants.engine.process import Process, ProcessCacheScope, ProcessResult
from pants.engine.rules import Get, Rule, collect_rules, rule
from pants.engine.unions import UnionRule
from pants.option.global_options import GlobalOptions
from pants.util.logging import LogLevel

DIRECTORY = ".network"
"""Where a process has the settings' cache in its sandbox."""

NO_WHEEL = ("no usable wheels", "no wheel with a matching", "no wheels with a matching")
"""What uv writes when a distribution has no wheel for the target."""

_TLS = ("certificate", "unknownissuer", "tls handshake", "ssl routines")
_DENIED = ("401 unauthorized", "403 forbidden", "407 proxy", "unauthorized", "credentials")
_UNREACHABLE = (
    *("failed to fetch", "error sending request", "dns error", "connection refused"),
    *("connection reset", "timed out", "network", "tunnel error"),
)
_HASHES = ("hash mismatch", "do not match the hash", "must have a hash")
_UNKNOWN = ("was not found in the package registry", "there is no version of")
# A proxy's address may hold a password.
_NOTE = (
    f"umask 077; cat settings > {DIRECTORY}/new.$$ && mv -f {DIRECTORY}/new.$$ {DIRECTORY}/settings"
)
_PROXIES = tuple(
    spelling
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
    for spelling in (name, name.lower())
)


CACHE = "pyinstaller_network"
"""The name of the append-only cache that holds the settings, for `append_only_caches`."""

USE = f"if [ -r {DIRECTORY}/settings ]; then . ./{DIRECTORY}/settings; fi\n"
"""What a shell's script begins with to have the settings."""

VARIABLES = (*_PROXIES, "SSL_CERT_FILE", "SSL_CERT_DIR")


@dataclass(frozen=True)
class Network:
    """That the caller's proxies and certificate authorities lie in the cache, as exported variables.

    They are not in a process's key: what is installed is what the lock's hashes say, whatever the way
    there.
    """


@rule
async def note_network(options: GlobalOptions) -> Network:
    found = await Get(EnvironmentVars, EnvironmentVarsRequest(VARIABLES))
    values = dict(found)
    if options.ca_certs_path:
        values["SSL_CERT_FILE"] = options.ca_certs_path
    elif not values.keys() & {"SSL_CERT_FILE", "SSL_CERT_DIR"}:
        values["UV_SYSTEM_CERTS"] = "true"
    text = "".join(
        f"export {name}={shlex.quote(value)}\n" for name, value in sorted(values.items())
    )
    settings = await Get(Digest, CreateDigest([FileContent("settings", text.encode())]))
    await Get(
        ProcessResult,
        Process(
            ("/bin/sh", "-c", _NOTE),
            input_digest=settings,
            env={"PATH": "/usr/bin:/bin"},
            append_only_caches={CACHE: DIRECTORY},
            description="Note the network's settings",
            level=LogLevel.DEBUG,
            # The caller's settings are read in each run, and other repositories write theirs.
            cache_scope=ProcessCacheScope.PER_SESSION,
        ),
    )
    return Network()


def install_hint(output: str, target: str, glibc_floor: str = "") -> str:
    """What a failed installation's `output` means and what to do; the wheels of `target` were wanted."""

    def tells(signs: Iterable[str]) -> bool:
        return any(sign in output.lower() for sign in signs)

    if tells(_TLS):
        return (
            "The index's TLS certificate is not trusted. If your network has its own certificate "
            "authority, name its PEM file in [GLOBAL].ca_certs_path or in the variable SSL_CERT_FILE."
        )
    if tells(NO_WHEEL):
        return (
            f"Every distribution needs a wheel for {target}"
            + (f" and glibc {glibc_floor}" if glibc_floor else "")
            + ". Pin a release that has one, or add the distribution to "
            "[pyinstaller].build_from_source. If the lockfile is older than its input, make it again."
        )
    if tells(_HASHES):
        return (
            "A file of the index is not the one that the lockfile pins, or the lockfile has a "
            "requirement without a hash. Make the lockfile again, with hashes; if it is right, the "
            "index serves other files."
        )
    if tells(_DENIED):
        return (
            "The index or the proxy asks for credentials. Write them into the URL in "
            "[python-repos].indexes (`https://%(env.USER)s:%(env.TOKEN)s@host/simple/`)."
        )
    if tells(_UNKNOWN):
        return (
            "The index lacks what the lockfile pins. Check [python-repos].indexes and find_links; if "
            "the release was withdrawn, make the lockfile again."
        )
    if tells(_UNREACHABLE):
        return (
            "The index can't be reached. Its address is [python-repos].indexes; HTTPS_PROXY, "
            "HTTP_PROXY, ALL_PROXY and NO_PROXY are honoured. What was installed before stays cached."
        )
    return f"The lockfile's distributions could not be installed for {target}."


def rules() -> Iterable[Rule | UnionRule]:
    return collect_rules()
