"""``pyinstaller-explain``: what is inside a finished program, from its file and what lies beside it."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from typing import Any

from pants_pyinstaller.explain import diff, document, finished, inventory, questions
from pants_pyinstaller.explain.errors import ExplainError
from pants_pyinstaller.explain.page import write


def main(arguments: Sequence[str] | None = None) -> int:
    """Answer one question; 1 for a question that cannot be answered, whose reason is on stderr."""
    parser = argparse.ArgumentParser(
        prog="pyinstaller-explain",
        description="Show what is inside a frozen program: an executable, its manifest or its explanation.",
    )
    parser.add_argument(
        "file",
        help="an executable, the directory of a one-dir bundle, a manifest or an explanation",
    )
    parser.add_argument(
        "--document",
        metavar="FILE",
        help="the program's explanation (`pants explain-binary --document`); needed for --why, --why-not, --without",
    )
    parser.add_argument("--why", metavar="NAME", help="why a module, distribution or file is in it")
    parser.add_argument("--all", action="store_true", help="with --why: every direct reason")
    parser.add_argument("--why-not", metavar="NAME", help="why something is not in it")
    parser.add_argument("--largest", metavar="N", type=int, help="the N largest parts and files")
    parser.add_argument(
        "--without", metavar="NAME", help="what would leave if NAME were excluded, and its bytes"
    )
    parser.add_argument(
        "--diff", metavar="OTHER", help="what changed since OTHER, another such file"
    )
    parser.add_argument(
        "--page",
        metavar="FILE",
        help="write a page that shows it all; with --diff, both side by side",
    )
    parser.add_argument(
        "--markdown", action="store_true", help="with --diff: a table for a pull request's summary"
    )
    parser.add_argument("--json", action="store_true", help="the answer as JSON")
    options = parser.parse_args(arguments)
    try:
        if options.page:
            _write_page(options)
        else:
            sys.stdout.write(questions.show(_answer(options), options.json, options.markdown))
    except ExplainError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _answer(options: argparse.Namespace) -> dict[str, Any]:
    question = questions.Question(
        why=options.why,
        every=options.all,
        why_not=options.why_not,
        largest=options.largest,
        without=options.without,
        other=inventory.read(options.diff) if options.diff else None,
    )
    question.check()
    explained = _explanation(options)
    if explained is not None:
        return questions.answer(question, explained)
    found = inventory.read(options.file)
    if question.other is not None:
        return diff.compare(question.other, found)
    for option, value in (
        ("--why", question.why),
        ("--why-not", question.why_not),
        ("--without", question.without),
    ):
        if value is not None:
            raise ExplainError(
                f"{option} needs the explanation, which an executable and its manifest do not carry: "
                "write it by `pants explain-binary --document path/to:app` and name it by --document"
            )
    if question.largest is not None:
        return finished.largest(found, question.largest)
    return finished.summary(found)


def _write_page(options: argparse.Namespace) -> None:
    explained = _explanation(options)
    if explained is None:
        raise ExplainError("--page needs the explanation: name it by --document")
    other = inventory.read(options.diff) if options.diff else None
    text = write.page(explained, other)
    with open(f"{options.page}.part", "w", encoding="utf-8", newline="\n") as out:
        out.write(text)
    os.replace(f"{options.page}.part", options.page)


def _explanation(options: argparse.Namespace) -> document.Document | None:
    path = options.document
    if path is None and options.file.endswith(".json") and os.path.isfile(options.file):
        with open(options.file, encoding="utf-8") as file:
            text = file.read()
        if f'"format":"{document.FORMAT}"' not in text:
            return None
        return document.load(text, options.file)
    if path is None:
        return None
    if not os.path.isfile(path):
        raise ExplainError(f"{path}: there is no such file")
    with open(path, encoding="utf-8") as file:
        made = document.load(file.read(), path)
    beside = options.file + inventory.MANIFEST_SUFFIX
    if os.path.isfile(beside):
        with open(beside, encoding="utf-8") as file:
            made.manifest = json.load(file)
    return made


if __name__ == "__main__":
    sys.exit(main())
