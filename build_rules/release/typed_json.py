"""JSON documents as dataclasses: what each field must be is written once, in its annotation.

Standard library only: the Pants rules read with it on Python 3.9. Fields that the dataclass doesn't
have are ignored; those with a default may be missing.
"""

from __future__ import annotations

import dataclasses
import json
import types
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

_UNIONS = (Union, getattr(types, "UnionType", Union))  # Optional[X]; X | None, on Python 3.10+
_NAMES = {str: "a string", int: "an integer", float: "a number", bool: "true or false"}


class DocumentError(ValueError):
    """A document doesn't have the form it must have: the file, the place in it, and what is wrong."""


def parse(kind: type[T], name: str, content: bytes) -> T:
    """Read a file's content; raises DocumentError, which names the file and the place in it."""
    try:
        data = json.loads(content)
    except ValueError as error:
        raise DocumentError(f"{name} is not valid JSON: {error}") from error
    try:
        value: T = _value(kind, data, "")
    except DocumentError as error:
        raise DocumentError(f"{name}: {error}") from error
    return value


def _value(kind: Any, data: Any, where: str) -> Any:
    if get_origin(kind) in _UNIONS:
        return None if data is None else _value(get_args(kind)[0], data, where)
    if get_origin(kind) is tuple:
        items = _checked(list, "a list", data, where)
        return tuple(_value(get_args(kind)[0], d, f"{where}[{n}]") for n, d in enumerate(items))
    if get_origin(kind) is dict:
        items = _checked(dict, "an object", data, where)
        return {key: _value(get_args(kind)[1], d, f"{where}.{key}") for key, d in items.items()}
    if kind in _NAMES:
        return _checked(kind, _NAMES[kind], data, where)
    data = _checked(dict, "an object", data, where)
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        place = f"{where}.{field.name}".lstrip(".")
        if field.name in data:
            values[field.name] = _value(hints[field.name], data[field.name], place)
        elif field.default is field.default_factory is dataclasses.MISSING:
            raise DocumentError(f"`{place}` is missing")
    try:
        return kind(**values)
    except DocumentError:
        raise
    except ValueError as error:  # from __post_init__
        raise DocumentError(f"`{where}` {error}" if where else str(error)) from error


def _checked(kind: type, wanted: str, data: Any, where: str) -> Any:
    # JSON's true is no integer, though Python's True is one.
    if isinstance(data, kind) and (kind is bool or not isinstance(data, bool)):
        return data
    subject = f"`{where}`" if where else "the document"
    raise DocumentError(f"{subject} must be {wanted}, but is {data!r}")
