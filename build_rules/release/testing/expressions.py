"""The expressions of GitHub Actions (`${{ … }}`), as far as this repository's workflows use them.

https://docs.github.com/actions/reference/workflows-and-actions/expressions
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

_TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?)"
    r"|(?P<operator>&&|\|\||==|!=|[!().,\[\]])|(?P<name>[A-Za-z_][A-Za-z0-9_-]*))"
)
_EMBEDDED = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_CONSTANTS = {"true": True, "false": False, "null": None}

Functions = Mapping[str, Callable[..., Any]]


class ExpressionError(Exception):
    """An unsupported expression."""


def _tokens(text: str) -> list[tuple[str, str]]:
    found, position = [], 0
    text = text.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise ExpressionError(f"{text!r} is not understood from {text[position:]!r} on")
        found.append((match.lastgroup, match[match.lastgroup]))
        position = match.end()
    return found


def text_of(value: Any) -> str:
    """A value converted to a string."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else json.dumps(value)


def _equal(left: Any, right: Any) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        return left.casefold() == right.casefold()
    return bool(left == right)


class _Parser:
    """Recursive descent; each level returns the value, as `&&` and `||` give one of their sides."""

    def __init__(self, text: str, contexts: Mapping[str, Any], functions: Functions) -> None:
        self._text = text
        self._rest = _tokens(text)
        self._contexts = contexts
        self._functions = functions

    def _accept(self, *wanted: str) -> str | None:
        if self._rest and self._rest[0][0] == "operator" and self._rest[0][1] in wanted:
            return self._rest.pop(0)[1]
        return None

    def _expect(self, wanted: str) -> None:
        if self._accept(wanted) is None:
            raise ExpressionError(f"{self._text!r} lacks a {wanted!r}")

    def whole(self) -> Any:
        value = self._either()
        if self._rest:
            raise ExpressionError(f"{self._text!r} goes on with {self._rest[0][1]!r}")
        return value

    def _either(self) -> Any:
        value = self._both()
        while self._accept("||"):
            other = self._both()
            value = value or other
        return value

    def _both(self) -> Any:
        value = self._comparison()
        while self._accept("&&"):
            other = self._comparison()
            value = value and other
        return value

    def _comparison(self) -> Any:
        value = self._negation()
        while operator := self._accept("==", "!="):
            value = _equal(value, self._negation()) is (operator == "==")
        return value

    def _negation(self) -> Any:
        return not self._negation() if self._accept("!") else self._access()

    def _access(self) -> Any:
        value = self._primary()
        while operator := self._accept(".", "["):
            if operator == ".":
                _, key = self._rest.pop(0)
            else:
                key = self._either()
                self._expect("]")
            value = value.get(key) if isinstance(value, Mapping) else None
        return value

    def _primary(self) -> Any:
        if self._accept("("):
            value = self._either()
            self._expect(")")
            return value
        if not self._rest:
            raise ExpressionError(f"{self._text!r} ends too early")
        kind, word = self._rest.pop(0)
        if kind == "string":
            return word[1:-1].replace("''", "'")
        if kind == "number":
            return float(word)
        if kind != "name":
            raise ExpressionError(f"{self._text!r} has {word!r} where a value should be")
        if self._accept("("):
            return self._call(word)
        if word in _CONSTANTS:
            return _CONSTANTS[word]
        if word not in self._contexts:
            raise ExpressionError(f"{self._text!r} asks for {word!r}, which nothing gives")
        return self._contexts[word]

    def _call(self, name: str) -> Any:
        arguments = []
        while not self._accept(")"):
            arguments.append(self._either())
            self._accept(",")
        known: dict[str, Callable[..., Any]] = {"fromJSON": json.loads, **self._functions}
        if name not in known:
            raise ExpressionError(f"{self._text!r} calls {name}, which is not known here")
        return known[name](*arguments)


def evaluate(text: str, contexts: Mapping[str, Any], functions: Functions | None = None) -> Any:
    """The value of one expression, with or without its `${{ }}`."""
    match = _EMBEDDED.fullmatch(text.strip())
    return _Parser(match[1] if match else text, contexts, functions or {}).whole()


def expand(value: Any, contexts: Mapping[str, Any], functions: Functions | None = None) -> Any:
    """A workflow's value with its expressions evaluated; a single expression keeps its type."""
    if isinstance(value, str):
        if _EMBEDDED.fullmatch(value.strip()) and value.count("${{") == 1:
            return evaluate(value, contexts, functions)
        return _EMBEDDED.sub(lambda match: text_of(evaluate(match[1], contexts, functions)), value)
    if isinstance(value, Mapping):
        return {key: expand(item, contexts, functions) for key, item in value.items()}
    if isinstance(value, list):
        return [expand(item, contexts, functions) for item in value]
    return value
