"""Infers the dependency of a `pyinstaller_binary` on the module that its `entry_point` names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.backend.python.dependency_inference.module_mapper import (
    PythonModuleOwners,
    PythonModuleOwnersRequest,
)
from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.target_types import (
    PythonResolveField,
    ResolvedPexEntryPoint,
    ResolvePexEntryPointRequest,
)
from pants.engine.rules import Get, MultiGet, Rule, collect_rules, rule
from pants.engine.target import (
    DependenciesRequest,
    ExplicitlyProvidedDependencies,
    FieldSet,
    InferDependenciesRequest,
    InferredDependencies,
)
from pants.engine.unions import UnionRule

from pants_pyinstaller.target_types import PyInstallerDependenciesField, PyInstallerEntryPointField


@dataclass(frozen=True)
class EntryPointInferenceFieldSet(FieldSet):
    required_fields = (
        PyInstallerDependenciesField,
        PyInstallerEntryPointField,
        PythonResolveField,
    )

    dependencies: PyInstallerDependenciesField
    entry_point: PyInstallerEntryPointField
    resolve: PythonResolveField


class InferEntryPointDependency(InferDependenciesRequest[EntryPointInferenceFieldSet]):
    infer_from = EntryPointInferenceFieldSet


@rule(desc="Infer the dependency of a pyinstaller_binary on its entry point")
async def infer_entry_point_dependency(
    request: InferEntryPointDependency, python_setup: PythonSetup
) -> InferredDependencies:
    field_set = request.field_set
    explicit, entry_point = await MultiGet(
        Get(ExplicitlyProvidedDependencies, DependenciesRequest(field_set.dependencies)),
        Get(ResolvedPexEntryPoint, ResolvePexEntryPointRequest(field_set.entry_point)),
    )
    assert entry_point.val is not None, "the field is required"
    owners = await Get(
        PythonModuleOwners,
        PythonModuleOwnersRequest(
            entry_point.val.module, resolve=field_set.resolve.normalized_value(python_setup)
        ),
    )
    explicit.maybe_warn_of_ambiguous_dependency_inference(
        owners.ambiguous,
        field_set.address,
        owners_must_be_ancestors=entry_point.file_name_used,
        import_reference="module",
        context=(
            f"The pyinstaller_binary target {field_set.address} has the field "
            f"`entry_point={entry_point.val.spec!r}`, which maps to the Python module "
            f"`{entry_point.val.module}`"
        ),
    )
    disambiguated = explicit.disambiguated(
        owners.ambiguous, owners_must_be_ancestors=entry_point.file_name_used
    )
    return InferredDependencies(
        owners.unambiguous or ((disambiguated,) if disambiguated is not None else ())
    )


def rules() -> Iterable[Rule | UnionRule]:
    return [*collect_rules(), UnionRule(InferDependenciesRequest, InferEntryPointDependency)]
