"""What a release of Pants offers: whether a name is there, and which parameters it takes. By its syntax alone."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Optional, Union

Read = Callable[[str], Optional[str]]
"""The source of a module by its dotted name, or None."""

Definition = Union[ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef, None]


class Missing(LookupError):
    """A name that a release does not have."""


def parameters(read: Read, symbol: str) -> list[str] | None:
    """The parameters of `module:name`, without `self`; None where any may be given or syntax can't tell.

    Raises Missing.
    """
    module, _, name = symbol.partition(":")
    definition, home = _find(read, module, name, depth=0)
    if isinstance(definition, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return _of_function(definition)
    if isinstance(definition, ast.ClassDef):
        return _of_class(read, home, definition)
    return None


def _find(read: Read, module: str, name: str, depth: int) -> tuple[Definition, str]:
    text = read(module)
    if text is None or depth > 5:
        raise Missing(f"{module}:{name}")
    found: tuple[Definition, str] | None = None
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            overload = any("overload" in ast.dump(part) for part in node.decorator_list)
            if node.name == name and node.col_offset == 0 and not overload:
                return node, module
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    if node.module.split(".")[0] != "pants":
                        return None, module
                    return _find(read, node.module, alias.name, depth + 1)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)) and node.col_offset == 0:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                value = node.value
                if isinstance(value, ast.Attribute) and isinstance(value.value, ast.Name):
                    found = _behind_attribute(read, module, value, depth) or (None, module)
                else:
                    found = (None, module)
    if found is None:
        raise Missing(f"{module}:{name}")
    return found


def _behind_attribute(
    read: Read, module: str, value: ast.Attribute, depth: int
) -> tuple[Definition, str] | None:
    """`name = other.attribute`, where `other` is a module of Pants."""
    assert isinstance(value.value, ast.Name)
    for node in ast.walk(ast.parse(read(module) or "")):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                if (alias.asname or alias.name) == value.value.id:
                    try:
                        return _find(read, f"{node.module}.{alias.name}", value.attr, depth + 1)
                    except Missing:
                        return None
    return None


def _of_function(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str] | None:
    arguments = node.args
    if arguments.kwarg or arguments.vararg:
        return None
    names = [arg.arg for arg in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    return names[1:] if names[:1] in (["self"], ["cls"]) else names


def _of_class(read: Read, module: str, node: ast.ClassDef) -> list[str] | None:
    for wanted in ("__init__", "__new__"):
        for inner in node.body:
            if isinstance(inner, ast.FunctionDef) and inner.name == wanted:
                return _of_function(inner)
    decorators = [ast.dump(decorator) for decorator in node.decorator_list]
    if not any("dataclass" in text for text in decorators):
        return None
    fields: list[str] = []
    for base in node.bases:
        if isinstance(base, ast.Name):
            try:
                definition, home = _find(read, module, base.id, 0)
            except Missing:
                continue
            if isinstance(definition, ast.ClassDef):
                fields += _of_class(read, home, definition) or []
    for inner in node.body:
        if not isinstance(inner, ast.AnnAssign) or "ClassVar" in ast.dump(inner.annotation):
            continue
        if isinstance(inner.target, ast.Name):
            fields.append(inner.target.id)
    return fields
