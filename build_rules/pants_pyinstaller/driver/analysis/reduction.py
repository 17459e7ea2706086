"""First-party code without what did not run: the part of it that the outcome of a run can depend on.

A run depends on the body of a function only if the function is called, or if somebody looks at its code. So a proof's
verdict holds for every program whose reduced form is the same. ``reduce`` gives that form: the module's own statements,
and of functions that are not in ``executed`` the signature, decorators, annotations, defaults and docstring, all that
can be seen without a call or a look at ``__code__``. Comments and format are gone too.

Instead of its body such a function has a mark: it imports its own identity from ``MARK``, a module that the recorder of
a proof provides. It tells of the call and raises. So the reduced form can be run in place of the whole, and is as good
as that as long as no mark is hit and nobody but ``inspect.signature`` and its like looks at a marked function's code
(the interpreter has an audit event for that). After a hit the verdict is void; what was hit joins ``executed``.

Equal by construction: names and number of arguments, flags (generator, coroutine), free variables (hence closures, and
``__class__`` for ``super()``). ``reduce`` compares them with the original's; where one differs the module stays whole.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import CodeType

from . import scan

MARK = "pyi_unexecuted"
"""The module that a marked body imports from."""

_Function = (ast.FunctionDef, ast.AsyncFunctionDef)
_GENERATES = 0x20 | 0x200  # CO_GENERATOR, CO_ASYNC_GENERATOR


def mark(identity: str) -> str:
    """``identity`` as a name, to be imported from MARK."""
    return "x" + identity.encode().hex()


def identity_of(name: str) -> str:
    """What ``mark`` made a name of."""
    return bytes.fromhex(name[1:]).decode()


@dataclass
class Unit:
    """A function whose body can be left out.

    :param identity: ``path:qualified.name``, with a number where a source has several of that name.
    :param line: of its first decorator or its ``def``: ``co_firstlineno``.
    """

    identity: str
    node: ast.FunctionDef | ast.AsyncFunctionDef
    line: int


@dataclass
class Parsed:
    """A source as ``reduce`` takes it; the tree is changed by that.

    :param path: below its source root.
    """

    path: str
    text: bytes
    tree: ast.Module
    units: list[Unit] = field(default_factory=list)


def parse(path: str, text: bytes) -> Parsed:
    """The functions of a source, the outer ones first.

    :raises SyntaxError, ValueError: it cannot be parsed.
    """
    found = Parsed(path, text, ast.parse(text))
    count: dict[str, int] = {}
    for name, node in _functions(found.tree, ""):
        number = count[name] = count.get(name, 0) + 1
        identity = f"{path}:{name}" + (f"#{number}" if number > 1 else "")
        line = min(item.lineno for item in (node, *node.decorator_list))
        found.units.append(Unit(identity, node, line))
    return found


def _functions(
    body: ast.AST, prefix: str
) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for node in ast.iter_child_nodes(body):
        if isinstance(node, _Function):
            yield prefix + node.name, node
            yield from _functions(node, f"{prefix}{node.name}.")
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node, f"{prefix}{node.name}.")
        elif not isinstance(node, ast.expr):
            yield from _functions(node, prefix)


def reduce(parsed: Parsed, executed: Collection[str]) -> str:
    """The reduced source of a module; its whole text, less comments, where that cannot be had.

    :param executed: identities of the functions that keep their bodies.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = ast.unparse(parsed.tree)
        original = compile(parsed.text, "", "exec", dont_inherit=True)
        codes = {(code.co_name, code.co_firstlineno): code for code in scan.code_objects(original)}
        marked: dict[str, CodeType] = {}
        for unit in parsed.units:
            code = codes.get((unit.node.name, unit.line))
            if code is not None and unit.identity not in executed:
                unit.node.body = _body(unit, code)
                marked[mark(unit.identity)] = code
        text = ast.unparse(parsed.tree)
        if not _alike(compile(text, "", "exec", dont_inherit=True), marked):
            return whole + "\n"
    return text + "\n"


def _body(unit: Unit, code: CodeType) -> list[ast.stmt]:
    """The mark, then what gives the function its flags and its free variables."""
    docstring = ast.get_docstring(unit.node, clean=False)
    body: list[ast.stmt] = []
    if docstring is not None:
        body.append(ast.Expr(ast.Constant(docstring)))
    body.append(ast.ImportFrom(MARK, [ast.alias(mark(unit.identity))], 0))
    body += [ast.Expr(ast.Name(name, ast.Load())) for name in code.co_freevars]
    if code.co_flags & _GENERATES:
        body.append(ast.Expr(ast.Yield()))
    return body


def _alike(reduced: CodeType, marked: Mapping[str, CodeType]) -> bool:
    """Whether each marked function that is left looks from outside as its original does."""
    for code in scan.code_objects(reduced):
        if MARK in code.co_names:
            original = marked.get(code.co_names[code.co_names.index(MARK) + 1])
            if original is None or _outside(code) != _outside(original):
                return False
    return True


def _outside(code: CodeType) -> tuple[object, ...]:
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & 4) + bool(code.co_flags & 8)
    return (
        code.co_name,
        code.co_argcount,
        code.co_posonlyargcount,
        code.co_kwonlyargcount,
        code.co_flags,
        code.co_varnames[:count],
        code.co_freevars,
    )


def expected(parsed: Iterable[Parsed]) -> set[str]:
    """Functions that importing the modules will probably call: those that modules' own statements call, or use as
    decorators, and what these call in turn.

    Only a guess, by names, to save runs that hit marks.
    """
    by_name: dict[str, list[Unit]] = {}
    waiting: set[str] = set()
    for item in parsed:
        waiting |= _called(item.tree.body)
        for unit in item.units:
            file, _, name = unit.identity.partition("#")[0].partition(":")
            stem = file.rpartition("/")[2].partition(".")[0]
            parts = [stem, *name.split(".")]
            by_name.setdefault(parts[-1], []).append(unit)
            by_name.setdefault(".".join(parts[-2:]), []).append(unit)
            if parts[-1] in ("__init__", "__new__", "__post_init__"):
                by_name.setdefault(parts[-2], []).append(unit)
    found: set[str] = set()
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        seen.add(name)
        for unit in by_name.get(name, ()):
            if unit.identity not in found:
                found.add(unit.identity)
                waiting |= _called(unit.node.body) - seen
    return found


def _called(body: Iterable[ast.AST]) -> set[str]:
    """Names, with one dot at most, of what is called when ``body`` is executed, less bodies of functions."""
    found: set[str] = set()
    waiting: list[ast.AST] = list(body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Call):
            found.add(_name(node.func))
        elif isinstance(node, (*_Function, ast.ClassDef)):
            found.update(map(_name, node.decorator_list))
        if isinstance(node, _Function):
            waiting += [*node.decorator_list, node.args]
        elif isinstance(node, ast.If) and "__name__" in ast.unparse(node.test):
            waiting += node.orelse  # not when it is imported
        elif not isinstance(node, ast.Lambda):
            waiting += ast.iter_child_nodes(node)
    return found - {""}


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return f"{node.value.id}.{node.attr}"
    return ""
