"""Imports of a Python module, found quickly.

PyInstaller's module graph parses every source twice (syntax tree and bytecode) and walks both in Python. Here the
compiled code is scanned alone, by whole opcodes, which is some twenty times cheaper; the syntax tree is built only
where bytecode cannot tell: where the source has an import statement that the compiler dropped as dead code (``if
False:``, often written for freezers), or on a Python whose bytecode this scanner does not know. ``scan_test.py``
holds the result equal to PyInstaller's own.
"""

from __future__ import annotations

import ast
import dis
import re
import sys
from collections.abc import Iterator
from types import CodeType
from typing import NamedTuple

from . import import_hooks

VERSION = 13
"""Part of the cache key: raise it whenever a result changes."""


class Import(NamedTuple):
    """One import statement, as PyInstaller's module graph records it.

    ``attributes`` is None for ``import a.b``, else what ``from a.b import …`` names, without ``*`` (see ``star``);
    ``level`` counts leading dots.
    """

    name: str
    attributes: tuple[str, ...] | None
    level: int
    star: bool


class Scan(NamedTuple):
    """What the graph wants to know of a module besides its code.

    ``attributes`` are the global names that it binds; ``dynamic`` are modules named by literals that only execution
    imports (``import_module("a.b")``, an import inside a string that is executed); ``iterated`` are packages whose
    ``__path__`` is handed to ``pkgutil.iter_modules`` or ``walk_packages``, hence all of whose submodules may be
    imported; ``prefixes`` are the literal beginnings of names that are completed at run time (``import_module("a." +
    x)``), relative ones with a leading dot; ``named`` are string constants in the form of a module below the module's
    own top-level package, or of an attribute of any module (``a.b:c``); ``loads``: the source imports by name;
    ``unresolved`` are the lines at which it does so with a name that is known at run time alone; ``files`` are the
    names, without their endings, of files that a source which loads extension modules by their paths may mean;
    ``hooks``: the source may hold an import hook that loads modules from their sources; ``started`` are modules that
    an interpreter is started with (``[sys.executable, "-m", "a.b"]``).
    """

    imports: tuple[Import, ...]
    attributes: frozenset[str]
    dynamic: tuple[str, ...] = ()
    iterated: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    loads: bool = False
    unresolved: tuple[int, ...] = ()
    files: tuple[str, ...] = ()
    hooks: bool = False
    started: tuple[str, ...] = ()


class Flags(NamedTuple):
    """How an import stands in its module (PyInstaller's terms)."""

    conditional: bool
    optional: bool
    delayed: bool

    def describe(self) -> str:
        """``top-level``, ``optional``, ``delayed, conditional`` …"""
        words = [
            word
            for word, true in (
                ("delayed", self.delayed),
                ("conditional", self.conditional),
                ("optional", self.optional),
            )
            if true
        ]
        return ", ".join(words) or "top-level"


_OPS = dis.opmap
_KNOWN_BYTECODE = (3, 11) <= sys.version_info[:2] <= (3, 13)
_EXTENDED = _OPS["EXTENDED_ARG"]
_LOAD_CONST = _OPS["LOAD_CONST"]
_IMPORT = _OPS["IMPORT_NAME"]
_BINDS = (_OPS["STORE_NAME"], _OPS["STORE_GLOBAL"])
_UNBINDS = (_OPS["DELETE_NAME"], _OPS["DELETE_GLOBAL"])
_INTERESTING = re.compile(b"[" + re.escape(bytes((_IMPORT, *_BINDS, *_UNBINDS))) + b"]", re.DOTALL)
_KEYWORD = re.compile(rb"import")
_STATEMENT = re.compile(rb"(?:^|[;:])[ \t]*(?:import|from)\b")


def code_objects(code: CodeType) -> Iterator[CodeType]:
    """``code`` and every code object nested in it, outermost first."""
    yield code
    for constant in code.co_consts:
        if type(constant) is CodeType:
            yield from code_objects(constant)


def scan(code: CodeType, source: bytes) -> Scan:
    """Imports and global names of the module compiled from ``source`` to ``code``.

    Imports come in the order of the source, one for each statement and name.
    """
    if not _KNOWN_BYTECODE:
        return _with_literals(scan_tree(source, code), code, source)
    found: dict[tuple[int, int, str, tuple[str, ...] | None, int], Import] = {}
    attributes: set[str] = set()
    lines: set[int] = set()
    for part in code_objects(code):
        text = part.co_code
        opcodes, arguments = text[::2], text[1::2]
        positions: list[tuple[int | None, int | None, int | None, int | None]] | None = None
        for match in _INTERESTING.finditer(opcodes):
            index = match.start()
            opcode = opcodes[index]
            name = part.co_names[_argument(opcodes, arguments, index)]
            if opcode in _BINDS:
                attributes.add(name)
            elif opcode in _UNBINDS:
                attributes.discard(name)
            else:
                if positions is None:
                    positions = list(part.co_positions())
                line, _, column, _ = positions[index]
                second = _before(opcodes, index)
                first = _before(opcodes, second)
                if opcodes[first] != _LOAD_CONST or opcodes[second] != _LOAD_CONST:
                    return _with_literals(scan_tree(source, code), code, source)
                level = part.co_consts[_argument(opcodes, arguments, first)]
                names = part.co_consts[_argument(opcodes, arguments, second)]
                item = _import(name, names, level)
                found.setdefault((line or 0, column or 0, item.name, names, level), item)
                lines.add(line or 0)
    if _has_dropped_statement(source, lines):
        tree = Scan(tuple(item for item, _ in imports_with_flags(source)), frozenset(attributes))
        return _with_literals(tree, code, source)
    ordered = tuple(found[key] for key in sorted(found, key=lambda key: key[:2]))
    kept = tuple(item for item in ordered if item.name != "__main__" or item.attributes is not None)
    return _with_literals(Scan(kept, frozenset(attributes)), code, source)


def _argument(opcodes: bytes, arguments: bytes, index: int) -> int:
    value = arguments[index]
    shift = 8
    while index and opcodes[index - 1] == _EXTENDED:
        index -= 1
        value |= arguments[index] << shift
        shift += 8
    return value


def _before(opcodes: bytes, index: int) -> int:
    """Index of the instruction before the one at ``index``, prefixes of the latter skipped."""
    index -= 1
    while opcodes[index] == _EXTENDED:
        index -= 1
    return index


def _import(name: str, names: tuple[str, ...] | None, level: int) -> Import:
    if names is None:
        return Import(name, None, level, False)
    unique = tuple(dict.fromkeys(item for item in names if item != "__main__"))
    return Import(name, tuple(item for item in unique if item != "*"), level, "*" in unique)


def _has_dropped_statement(source: bytes, lines: set[int]) -> bool:
    """Whether ``source`` seems to have an import statement at a line that the bytecode does not know.

    Text that only looks like one (in a docstring) costs a needless look at the syntax tree, never a wrong result.
    """
    line = 1
    position = 0
    for match in _KEYWORD.finditer(source):
        start = source.rfind(b"\n", 0, match.start()) + 1
        if start != position:
            line += source.count(b"\n", position, start)
            position = start
        if line in lines:
            continue
        end = source.find(b"\n", start)
        text = source[start : end if end >= 0 else len(source)]
        if _STATEMENT.search(text) or source[max(0, start - 3) : start].rstrip(b"\r\n").endswith(
            b"\\"
        ):
            return True
    return False


# --- The syntax tree ------------------------------------------------------------------------------------------------


_TOP_LEVEL = Flags(False, False, False)


def imports_with_flags(source: bytes) -> list[tuple[Import, Flags]]:
    """Every import of ``source`` in its order, with how it stands there.

    :raises SyntaxError: this version of Python cannot parse it.
    """
    found: list[tuple[Import, Flags]] = []
    _walk(ast.parse(source).body, _TOP_LEVEL, found)
    return found


def _walk(body: list[ast.stmt], flags: Flags, found: list[tuple[Import, Flags]]) -> None:
    """Statements alone: an expression holds no import."""
    for node in body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name != "__main__":
                    found.append((Import(alias.name, None, 0, False), flags))
            continue
        if isinstance(node, ast.ImportFrom):
            names = tuple(alias.name for alias in node.names)
            found.append((_import(node.module or "", names, node.level), flags))
            continue
        inner = flags
        if isinstance(node, ast.If):
            inner = flags._replace(conditional=True)
        elif isinstance(node, ast.Try):
            inner = flags._replace(optional=True)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            inner = flags._replace(delayed=True)
        for block in ("body", "handlers", "cases", "orelse", "finalbody"):
            children = getattr(node, block, None)
            if children:
                _walk(children, inner, found)


def scan_tree(source: bytes, code: CodeType) -> Scan:
    """The same as ``scan`` without literals, by the syntax tree: slower, for any Python."""
    attributes: set[str] = set()
    for part in code_objects(code):
        for instruction in dis.get_instructions(part):
            if instruction.opname in ("STORE_NAME", "STORE_GLOBAL"):
                attributes.add(instruction.argval)
            elif instruction.opname in ("DELETE_NAME", "DELETE_GLOBAL"):
                attributes.discard(instruction.argval)
    found = imports_with_flags(source)
    return Scan(tuple(item for item, _ in found), frozenset(attributes))


# --- Modules that only execution imports
# --------------------------------------------------------------------------------

_EXECUTED = re.compile(rb"\b(?:exec|eval|compile)\s*\(")
_STRING_IMPORT = re.compile(r"\bimport\s")
_BUILT_IMPORT = re.compile(rb"\bast\b[\s\S]*\balias\s*\(")
"""A syntax tree of an import statement, ``ast.alias("a.b")``, which is compiled later (into a user's script, say)."""


_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_NAMED = re.compile(
    r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+(:[A-Za-z_][\w.]*)?|[A-Za-z_]\w*:[A-Za-z_][\w.]*"
)


def _with_literals(result: Scan, code: CodeType, source: bytes) -> Scan:
    iterates = b"iter_modules" in source or b"walk_packages" in source
    loads = (
        b"import_module" in source
        or b"__import__" in source
        or _BUILT_IMPORT.search(source) is not None
    )
    if iterates or loads:
        tree = ast.parse(source)
        dynamic, prefixes, unresolved = _literal_imports(tree)
        iterated = _iterated_packages(tree) if iterates else ()
        result = result._replace(
            dynamic=dynamic,
            iterated=iterated,
            prefixes=prefixes,
            unresolved=unresolved,
            loads=loads,
        )
    if b"spec_from_file_location" in source or b"ExtensionFileLoader" in source:
        stems = {re.split(r"[/\\]", text)[-1].partition(".")[0] for text in constants(code)}
        result = result._replace(files=tuple(sorted(filter(str.isidentifier, stems))))
    if import_hooks.may_install(source):
        result = result._replace(hooks=True)
    if b'"-m"' in source or b"'-m'" in source:
        result = result._replace(started=_started(ast.parse(source)))
    named = _named_modules(code)
    if named:
        result = result._replace(named=named)
    if b"exec" in source and _EXECUTED.search(source):
        executed = tuple(_string_imports(code))
        result = result._replace(dynamic=tuple(dict.fromkeys(result.dynamic + executed)))
    return result


def constants(code: CodeType) -> set[str]:
    """Short string constants of a module, those in constant tuples and sets included."""
    found = set()
    for part in code_objects(code):
        for constant in part.co_consts:
            for text in constant if isinstance(constant, (tuple, frozenset)) else (constant,):
                if isinstance(text, str) and len(text) < 120:
                    found.add(text)
    return found


def _named_modules(code: CodeType) -> tuple[str, ...]:
    top = re.split(r"[/\\.]", code.co_filename, maxsplit=1)[0] + "."
    return tuple(
        sorted(
            text
            for text in constants(code)
            if (":" in text or text.startswith(top)) and _NAMED.fullmatch(text)
        )
    )


def _literal_imports(
    tree: ast.Module,
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[int, ...]]:
    """Names, literal beginnings of names, and lines where neither is known, of imports by name."""
    names: list[str] = []
    prefixes: list[str] = []
    unresolved: list[int] = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        called = (
            function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        )
        if called == "alias":
            given = [*node.args[:1], *(item.value for item in node.keywords if item.arg == "name")]
            names += [
                item.value
                for item in given
                if isinstance(item, ast.Constant) and isinstance(item.value, str)
            ]
            continue
        if called not in ("import_module", "__import__") or not node.args:
            continue
        first = node.args[0]
        if isinstance(first, ast.Constant):
            if (
                isinstance(first.value, str)
                and first.value
                and (len(node.args) == 1 or called == "__import__" or first.value.startswith("."))
            ):
                names.append(first.value)
            continue
        prefix = _beginning(first)
        if prefix.strip(".") or (prefix == "." and (len(node.args) > 1 or node.keywords)):
            prefixes.append(prefix)
        else:
            unresolved.append(node.lineno)
    return (
        tuple(dict.fromkeys(names)),
        tuple(dict.fromkeys(prefixes)),
        tuple(sorted(set(unresolved))),
    )


def _started(tree: ast.Module) -> tuple[str, ...]:
    """Modules that follow ``-m`` in a list, a tuple or the arguments of a call."""
    found = []
    for node in ast.walk(tree):
        items: list[ast.expr] = []
        if isinstance(node, (ast.List, ast.Tuple)):
            items = node.elts
        elif isinstance(node, ast.Call):
            items = node.args
        values = [item.value if isinstance(item, ast.Constant) else None for item in items]
        for option, value in zip(values, values[1:]):
            if option == "-m" and isinstance(value, str) and _MODULE.fullmatch(value):
                found.append(value)
    return tuple(dict.fromkeys(found))


def _beginning(node: ast.expr) -> str:
    """The literal text, up to a dot at least, that the value of an expression begins with; "" where it has none.

    ``__name__`` and ``__package__`` at its beginning are the own package: a leading dot.
    """
    parts: list[ast.expr] = []
    if isinstance(node, ast.JoinedStr):
        parts = list(node.values)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left: ast.expr = node
        while isinstance(left, ast.BinOp) and isinstance(left.op, ast.Add):
            parts.insert(0, left.right)
            left = left.left
        parts.insert(0, left)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        parts = [node.left]
    elif (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "format"
    ):
        parts = [node.func.value]
    text = ""
    for part in parts:
        value = part.value if isinstance(part, ast.FormattedValue) else part
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            text += re.split(r"[%{]", value.value)[0]
            if re.search(r"[%{]", value.value):
                break
        elif not text and isinstance(value, ast.Name) and value.id in ("__name__", "__package__"):
            text = "@"
        else:
            break
    text = text.replace("@.", ".", 1)
    return text if "." in text and "@" not in text else ""


def _iterated_packages(tree: ast.Module) -> tuple[str, ...]:
    """Dotted names ``x`` in ``x.__path__``, resolved through the module's own imports; "." is the own package."""
    aliases: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                aliases[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                aliases[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "__path__":
            dotted = _dotted(node.value)
            if dotted:
                head, _, tail = dotted.partition(".")
                if head in aliases:
                    found.append(aliases[head] + ("." + tail if tail else ""))
        elif (
            isinstance(node, ast.Name) and node.id == "__path__" and isinstance(node.ctx, ast.Load)
        ):
            found.append(".")
    return tuple(dict.fromkeys(found))


def _dotted(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        left = _dotted(node.value)
        return f"{left}.{node.attr}" if left else None
    return None


def _string_imports(code: CodeType) -> Iterator[str]:
    """Modules imported by string constants that are whole Python programs."""
    for part in code_objects(code):
        for constant in part.co_consts:
            if not isinstance(constant, str) or not _STRING_IMPORT.search(constant):
                continue
            try:
                tree = ast.parse(constant.strip())
            except (SyntaxError, ValueError, RecursionError):
                continue
            for node in ast.walk(tree):
                if isinstance(node, ast.Import):
                    yield from (alias.name for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                    yield node.module
                    yield from (f"{node.module}.{alias.name}" for alias in node.names)
