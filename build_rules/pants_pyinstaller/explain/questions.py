"""One question about one program, as the goal and the command line ask it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from pants_pyinstaller.explain import answers, diff, inventory, markdown, texts
from pants_pyinstaller.explain.document import Document
from pants_pyinstaller.explain.errors import ExplainError
from pants_pyinstaller.explain.graph import Graph


@dataclass(frozen=True)
class Question:
    """At most one of these; none asks for the summary.

    :param every: all reasons, with ``why``.
    :param other: the old side of a diff, read already.
    """

    why: str | None = None
    every: bool = False
    why_not: str | None = None
    largest: int | None = None
    without: str | None = None
    other: inventory.Inventory | None = None

    def check(self) -> None:
        """Refuse what contradicts itself.

        :raises ExplainError: two questions, or an option without its question.
        """
        asked = [
            option
            for option, value in (
                ("--why", self.why),
                ("--why-not", self.why_not),
                ("--largest", self.largest),
                ("--without", self.without),
                ("--diff", self.other),
            )
            if value is not None
        ]
        if len(asked) > 1:
            raise ExplainError(
                f"{' and '.join(asked)} are questions of their own: ask one at a time"
            )
        if self.every and self.why is None:
            raise ExplainError("--all goes with --why")
        if self.largest is not None and self.largest < 1:
            raise ExplainError("--largest needs a number of at least 1")


def answer(question: Question, document: Document) -> dict[str, Any]:
    """The answer from an explanation.

    :raises ExplainError: a name that nothing has.
    """
    question.check()
    if question.other is not None:
        mine = inventory.of_document(document, document.program["name"])
        found = diff.compare(question.other, mine)
        old = question.other.document
        return diff.with_chains(found, Graph(document), Graph(old) if old else None)
    graph = Graph(document)
    if question.why is not None:
        return answers.why(graph, question.why, question.every)
    if question.why_not is not None:
        return answers.why_not(graph, question.why_not)
    if question.largest is not None:
        return answers.largest(graph, question.largest)
    if question.without is not None:
        return answers.without(graph, question.without)
    return answers.summary(graph)


def show(found: dict[str, Any], as_json: bool = False, as_markdown: bool = False) -> str:
    """The text of an answer, or the answer itself.

    :raises ExplainError: Markdown of anything but a diff.
    """
    if as_markdown:
        if found["question"] != "diff":
            raise ExplainError("--markdown goes with --diff")
        return markdown.render(found)
    if as_json:
        return json.dumps(found, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    return texts.render(found)
