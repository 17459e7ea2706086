"""`python -m release.describe SPECIFICATION.json`: writes an archive's SBOM and provenance.

Exit codes: 0 both were written; 1 something inside must not be given away, or can't be described.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from release.describe.errors import DescriptionError
from release.describe.licenses import EMPTY, problems, read_policy
from release.describe.provenance import provenance
from release.describe.sbom import sbom
from release.describe.subject import locked_files, parse_subject

_LIBRARY = "cyclonedx-python-lib"


def _write(path: Path, document: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document, indent=2, sort_keys=True) + "\n"
    path.write_text(text, encoding="utf-8", newline="\n")


def describe(specification: Path) -> None:
    """Raises DescriptionError before anything is written."""
    data = json.loads(specification.read_text(encoding="utf-8"))
    subject = parse_subject(data)
    subject = replace(subject, tools={**subject.tools, _LIBRARY: version(_LIBRARY)})
    policy = EMPTY if data["policy"] is None else read_policy(Path(data["policy"]))
    wrong = problems(subject.distributions(), subject.host_libraries(), policy)
    if wrong:
        listed = "".join(f"\n  - {problem}" for problem in wrong)
        raise DescriptionError(f"{subject.archive_name} must not be given away:{listed}")
    locks = [Path(m.path) for m in subject.materials if m.path.endswith(".lock")]
    documents = {
        "sbom": sbom(subject, locked_files(locks), policy),
        "provenance": provenance(subject),
    }
    for name, document in documents.items():
        _write(Path(data["outputs"][name]), document)


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -m release.describe SPECIFICATION.json", file=sys.stderr)
        return 2
    try:
        describe(Path(arguments[0]))
    except DescriptionError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
