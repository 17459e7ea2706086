"""`python -m release.describe SPECIFICATION.json`: writes an archive's SBOM and provenance.

Exit codes: 0 both were written; 1 something inside cannot be distributed or described.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from release.describe.licenses import EMPTY, problems, read_policy
from release.describe.provenance import provenance
from release.describe.sbom import sbom
from release.describe.subject import Specification, locked_files
from release.errors import ReleaseError
from release.typed_json import parse

_LIBRARY = "cyclonedx-python-lib"


def _write(path: Path, document: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document, indent=2, sort_keys=True) + "\n"
    path.write_text(text, encoding="utf-8", newline="\n")


def describe(specification: Path) -> None:
    """Raises ReleaseError before anything is written."""
    subject = parse(Specification, specification.name, specification.read_bytes())
    subject = replace(subject, tools={**subject.tools, _LIBRARY: version(_LIBRARY)})
    policy = EMPTY if subject.policy is None else read_policy(Path(subject.policy))
    wrong = problems(subject.distributions(), subject.host_libraries(), policy)
    if wrong:
        listed = "".join(f"\n  - {problem}" for problem in wrong)
        raise ReleaseError(f"{subject.archive.name} cannot be distributed:{listed}")
    locks = [Path(m.path) for m in subject.materials if m.path.endswith(".lock")]
    documents = {
        subject.outputs.sbom: sbom(subject, locked_files(locks), policy),
        subject.outputs.provenance: provenance(subject),
    }
    for path, document in documents.items():
        _write(Path(path), document)


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -m release.describe SPECIFICATION.json", file=sys.stderr)
        return 2
    try:
        describe(Path(arguments[0]))
    except ReleaseError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
