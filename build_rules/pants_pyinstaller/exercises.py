"""The field `exercises`: which modules they are, and the sources that they need besides the application's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath

from pants.backend.python.target_types import PythonSourceField, PythonTestSourceField
from pants.backend.python.util_rules.python_sources import (
    PythonSourceFilesRequest,
    StrippedPythonSourceFiles,
)
from pants.build_graph.address import Address
from pants.core.util_rules.stripped_source_files import StrippedFileName, StrippedFileNameRequest
from pants.engine.addresses import UnparsedAddressInputs
from pants.engine.fs import EMPTY_DIGEST, AddPrefix, Digest
from pants.engine.rules import Get, MultiGet, Rule, collect_rules, rule
from pants.engine.target import (
    InvalidFieldException,
    Targets,
    TransitiveTargets,
    TransitiveTargetsRequest,
)
from pants.engine.unions import UnionRule
from pants.util.frozendict import FrozenDict

from pants_pyinstaller.driver import contract
from pants_pyinstaller.target_types import PyInstallerExercisesField

EXERCISES = "exercises"


@dataclass(frozen=True)
class ExercisesRequest:
    """The exercises of the `pyinstaller_binary` at `field.address`."""

    field: PyInstallerExercisesField


@dataclass(frozen=True)
class Exercises:
    """`modules` as `contract.ExerciseRequest.exercises`; sources below EXERCISES, without the application's."""

    modules: FrozenDict[str, str]
    digest: Digest


@rule
async def find_exercises(request: ExercisesRequest) -> Exercises:
    field = request.field
    if not field.value:
        return Exercises(FrozenDict(), EMPTY_DIGEST)
    targets = await Get(Targets, UnparsedAddressInputs, field.to_unparsed_address_inputs())
    others = [str(t.address) for t in targets if not t.has_field(PythonSourceField)]
    if others:
        raise InvalidFieldException(
            f"The '{field.alias}' field in target {field.address} names {', '.join(others)}, "
            "which holds no Python source. Name `python_source`, `python_sources` or "
            "`python_tests` targets."
        )
    sources = [t for t in targets if PurePath(t[PythonSourceField].file_path).name != "__init__.py"]
    own, application = await MultiGet(
        Get(TransitiveTargets, TransitiveTargetsRequest([t.address for t in sources])),
        Get(TransitiveTargets, TransitiveTargetsRequest([field.address])),
    )
    names = await MultiGet(
        Get(StrippedFileName, StrippedFileNameRequest(t[PythonSourceField].file_path))
        for t in sources
    )
    known = {target.address for target in application.closure}
    files = await Get(
        StrippedPythonSourceFiles,
        PythonSourceFilesRequest(
            (target for target in own.closure if target.address not in known),
            include_resources=True,
            include_files=False,
        ),
    )
    modules = {
        _module(name.value, field.address): contract.EXERCISE_TESTS
        if target.has_field(PythonTestSourceField)
        else contract.EXERCISE_PROGRAM
        for target, name in zip(sources, names)
    }
    digest = await Get(Digest, AddPrefix(files.stripped_source_files.snapshot.digest, EXERCISES))
    return Exercises(FrozenDict(sorted(modules.items())), digest)


def _module(path: str, address: Address) -> str:
    module = path[: -len(".py")].replace("/", ".")
    if not path.endswith(".py") or not all(part.isidentifier() for part in module.split(".")):
        raise InvalidFieldException(
            f"The 'exercises' field in target {address} names the file {path}, which is not the "
            "path of a module: an exercise runs as `python -m` runs it. Rename it."
        )
    return module


def rules() -> Iterable[Rule | UnionRule]:
    return collect_rules()
