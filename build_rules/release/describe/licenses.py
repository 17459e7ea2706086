"""Which licences are allowed inside a distributed archive.

A policy is a TOML file:

    allowed = ["MIT", "Apache-2.0", ...]   SPDX identifiers, `X WITH Y` for one with an exception

    [denied]                               SPDX identifier = reason, shown in the error
    [aliases]                              what authors write = SPDX expression
    [distributions]                        name = {license = SPDX expression, reason = text}
    [host_packages]                        pattern of a system's package = SPDX expression

A distribution needs an allowed licence: one of `A OR B`, both of `A AND B`. A licence that isn't in
`allowed` is refused, whether or not `denied` names it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import tomllib
from license_expression import ExpressionError, get_spdx_licensing
from packaging.utils import canonicalize_name

from release.errors import ReleaseError
from release.manifest import Distribution, HostLibrary

_SPDX = get_spdx_licensing()
_SECTIONS = ("allowed", "denied", "aliases", "distributions", "host_packages")


@dataclass(frozen=True)
class License:
    """A licence as SPDX writes it (`expression`), or only in its author's words."""

    expression: str | None
    words: str | None = None


@dataclass(frozen=True)
class Policy:
    """`path` is for messages; names of distributions are normalized, aliases in lower case."""

    path: str
    allowed: frozenset[str]
    denied: Mapping[str, str]
    aliases: Mapping[str, str]
    distributions: Mapping[str, str]
    host_packages: Mapping[str, str]


EMPTY = Policy("", frozenset(), {}, {}, {}, {})
"""No policy: nothing is refused."""


def spdx(text: str) -> str | None:
    """Normalize a text as an SPDX expression; None if it isn't one."""
    try:
        parsed = _SPDX.parse(text, validate=True, strict=True)
    except ExpressionError:
        return None
    return None if parsed is None else str(parsed)


def read_policy(path: Path) -> Policy:
    """Raises ReleaseError, which names the file and the entry."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ReleaseError(f"the licence policy {path} cannot be read: {error}") from error
    unknown = sorted(set(data).difference(_SECTIONS))
    if unknown:
        raise ReleaseError(
            f"{path} has {', '.join(unknown)}, but only {', '.join(_SECTIONS)} are known"
        )

    def expression(where: str, value: Any) -> str:
        known = spdx(value) if isinstance(value, str) else None
        if known is None:
            raise ReleaseError(f"{path}: {where} is {value!r}, which is not an SPDX expression")
        return known

    stated: dict[str, str] = {}
    for name, entry in data.get("distributions", {}).items():
        where = f"`distributions.{name}`"
        if not isinstance(entry, dict) or not entry.get("reason"):
            raise ReleaseError(f'{path}: {where} must be {{license = "…", reason = "…"}}')
        stated[canonicalize_name(name)] = expression(f"{where}.license", entry.get("license"))
    return Policy(
        path=path.as_posix(),
        allowed=frozenset(expression("`allowed`", item) for item in data.get("allowed", ())),
        denied={
            expression(f"`denied.{name}`", name): str(why)
            for name, why in data.get("denied", {}).items()
        },
        aliases={
            words.casefold(): expression(f"`aliases.{words}`", value)
            for words, value in data.get("aliases", {}).items()
        },
        distributions=stated,
        host_packages={
            pattern: expression(f"`host_packages.{pattern}`", value)
            for pattern, value in data.get("host_packages", {}).items()
        },
    )


def license_of(distribution: Distribution, policy: Policy) -> License:
    """The licence that the policy states, or else the one in the metadata."""
    stated = policy.distributions.get(canonicalize_name(distribution.name))
    if stated is not None:
        return License(stated)
    words = (distribution.stated_license or "").strip()
    if not words:
        return License(None)
    return License(policy.aliases.get(words.casefold()) or spdx(words), words)


def license_of_library(library: HostLibrary, policy: Policy) -> License:
    for pattern, expression in policy.host_packages.items():
        if fnmatchcase(library.package or library.name, pattern):
            return License(expression)
    words = library.license
    return License(spdx(words) if words else None, words)


def refused(expression: str, policy: Policy) -> list[str]:
    """The licences that make an expression unacceptable; empty if it is acceptable."""

    def judge(node: Any) -> list[str]:
        if isinstance(node, _SPDX.AND):
            return [bad for part in node.args for bad in judge(part)]
        if isinstance(node, _SPDX.OR):
            verdicts = [judge(part) for part in node.args]
            return [] if [] in verdicts else [bad for verdict in verdicts for bad in verdict]
        name = str(node)
        return [] if name in policy.allowed else [name]

    return sorted(set(judge(_SPDX.parse(expression))))


def _why(names: Iterable[str], policy: Policy) -> str:
    said = [f"{name}: {policy.denied[name]}" for name in names if name in policy.denied]
    return f" ({'; '.join(said)})" if said else ""


def _whose(library: HostLibrary) -> str:
    if library.license is None:
        return f"the build machine's package {library.package}"
    return f"{library.package}, which came with the interpreter,"


def problems(
    distributions: Iterable[Distribution], libraries: Iterable[HostLibrary], policy: Policy
) -> list[str]:
    """What must not be inside: each with its licence and the remedy."""
    if policy is EMPTY:
        return []
    found = []
    for distribution in distributions:
        title = f"{distribution.name} {distribution.version}"
        known = license_of(distribution, policy)
        if known.expression is None:
            said = f"says {known.words!r}" if known.words else "declares no licence"
            found.append(
                f"{title} {said}, which is not an SPDX expression: read its licence text and add "
                f'`{distribution.name} = {{license = "…", reason = "…"}}` in `[distributions]` of '
                f"{policy.path}"
            )
            continue
        bad = refused(known.expression, policy)
        if bad:
            found.append(
                f"{title} is under {known.expression}, and {' and '.join(bad)} is not allowed"
                f"{_why(bad, policy)}: exclude the distribution (with the executable's `excludes`, "
                "or by using another dependency), or, if you can comply with its terms, add the "
                f"licence to `allowed` in {policy.path}"
            )
    for library in libraries:
        known = license_of_library(library, policy)
        bad = refused(known.expression, policy) if known.expression else []
        if bad:
            found.append(
                f"{library.name} of {_whose(library)} is under "
                f"{known.expression}, and {' and '.join(bad)} is not allowed{_why(bad, policy)}: "
                "exclude the module that needs it (with the executable's `excludes`)"
            )
    return found
