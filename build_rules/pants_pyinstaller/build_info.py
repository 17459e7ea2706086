"""Fills the placeholders of the field `build_info` with the values of Pants options.

So a version or a commit reaches a program without this backend knowing who keeps them.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pants.build_graph.address import Address
from pants.engine.rules import Get, MultiGet, Rule, collect_rules, rule
from pants.engine.target import InvalidFieldException
from pants.engine.unions import UnionRule
from pants.option.scope import Scope, ScopedOptions
from pants.util.frozendict import FrozenDict

from pants_pyinstaller.target_types import PyInstallerBuildInfoField


@dataclass(frozen=True)
class BuildInfo:
    values: FrozenDict[str, str]


@dataclass(frozen=True)
class BuildInfoRequest:
    field: PyInstallerBuildInfoField


def placeholders(template: str) -> list[tuple[str, str]]:
    """The `{scope.option}` of a template as (scope, option).

    Raises ValueError for anything else in braces.
    """
    found = []
    for _, name, spec, conversion in string.Formatter().parse(template):
        if name is None:
            continue
        scope, _, option = name.rpartition(".")
        if not scope or not option or spec or conversion:
            raise ValueError(f"'{{{name}}}' is not of the form {{scope.option}}")
        found.append((scope, option))
    return found


def fill(template: str, options: Mapping[str, Mapping[str, object]]) -> str:
    """`template` with each `{scope.option}` replaced; a missing one raises ValueError."""
    result = []
    for literal, name, _, _ in string.Formatter().parse(template):
        result.append(literal)
        if name is not None:
            scope, _, option = name.rpartition(".")
            if option not in options[scope]:
                raise ValueError(f"'{{{name}}}' names no option: [{scope}] has no {option!r}")
            value = options[scope][option]
            result.append("" if value is None else str(value))
    return "".join(result)


def _invalid(address: Address, key: str, problem: object) -> InvalidFieldException:
    return InvalidFieldException(
        f"The '{PyInstallerBuildInfoField.alias}' field in target {address}, entry {key!r}: "
        f"{problem}. Write text, or an option's value as {{scope.option}}, such as "
        "{release.version}; a brace itself is written {{ or }}."
    )


@rule
async def fill_build_info(request: BuildInfoRequest) -> BuildInfo:
    templates = request.field.value or FrozenDict()
    address = request.field.address
    scopes: dict[str, str] = {}
    for key, template in templates.items():
        try:
            scopes.update((scope, key) for scope, _ in placeholders(template))
        except ValueError as error:
            raise _invalid(address, key, error) from None
    found = await MultiGet(Get(ScopedOptions, Scope(scope)) for scope in scopes)
    options = {
        scope: {name: scoped.options.get(name) for name in scoped.options}
        for scope, scoped in zip(scopes, found)
    }
    values = {}
    for key, template in sorted(templates.items()):
        try:
            values[key] = fill(template, options)
        except ValueError as error:
            raise _invalid(address, key, error) from None
    return BuildInfo(FrozenDict(values))


def rules() -> Iterable[Rule | UnionRule]:
    return collect_rules()
