"""What is left of a function that is reduced, and what of it can be seen."""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Callable
from typing import Any

import pytest

from pants_pyinstaller.driver.analysis import reduction

SOURCE = '''
"""A module."""
import functools


def plain(first, /, second: int = 1 + 1, *rest, key=None, **others) -> str:
    """Says something."""
    return "something"


async def waits():
    async with first() as item:
        yield item


def generates(top):
    def inner():
        nonlocal top
        top += 1
        yield top
    return inner


class Meta(type):
    def __new__(mcs, name, bases, names):
        return super().__new__(mcs, name, bases, dict(names))


class Base(metaclass=Meta):
    @property
    def value(self):
        return super().__hash__()

    @value.setter
    def value(self, new):
        self.__secret = new
'''


def reduced(source: str, *executed: str) -> str:
    return reduction.reduce(reduction.parse("m.py", source.encode()), executed)


def loaded(text: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "m"}
    exec(compile(text, "m.py", "exec", dont_inherit=True), names)
    return names


def test_what_can_be_seen_without_a_call_is_the_same() -> None:
    # Without its __class__ cell the class would be another one for its metaclass.
    before, after = loaded(SOURCE), loaded(reduced(SOURCE, "m.py:Meta.__new__"))
    for name in ("plain", "waits", "generates"):
        assert inspect.signature(before[name]) == inspect.signature(after[name])
        assert before[name].__doc__ == after[name].__doc__
        assert before[name].__code__.co_flags == after[name].__code__.co_flags
    for name in ("fget", "fset"):
        one, other = (getattr(names["Base"].value, name) for names in (before, after))
        assert one.__code__.co_freevars == other.__code__.co_freevars
        assert (one.__closure__ is None) == (other.__closure__ is None)


def test_a_mark_tells_which_function_was_called(monkeypatch: pytest.MonkeyPatch) -> None:
    told = []
    module = types.ModuleType(reduction.MARK)

    def reached(name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)
        told.append(reduction.identity_of(name))
        raise KeyboardInterrupt

    module.__getattr__ = reached  # type: ignore[method-assign]
    monkeypatch.setitem(sys.modules, reduction.MARK, module)
    names = loaded(reduced(SOURCE, "m.py:Meta.__new__", "m.py:generates"))
    calls: list[Callable[[], object]] = [
        lambda: names["plain"](1),
        lambda: next(names["generates"](1)()),
        lambda: names["Base"]().value,
        lambda: setattr(names["Base"](), "value", 1),
    ]
    for call in calls:
        with pytest.raises(KeyboardInterrupt):
            call()
    assert told == [
        "m.py:plain",
        "m.py:generates.inner",
        "m.py:Base.value",
        "m.py:Base.value#2",
    ]


@pytest.mark.parametrize(
    ("changed", "by", "same"),
    [
        ('return "something"', 'import os\n    return "other"', True),
        ("class Meta", "# a comment\nclass   Meta", True),
        ("nonlocal top\n", "nonlocal top\n        top += 2\n", True),
        ("1 + 1", "1 + 2", False),
        ("Says something", "Says more", False),
        ("import functools", "import functools, os", False),
        ("dict(names)", "names", False),
    ],
)
def test_reduced_form_follows_what_runs(changed: str, by: str, same: bool) -> None:
    other = SOURCE.replace(changed, by)
    assert other != SOURCE
    executed = ("m.py:Meta.__new__",)
    assert (reduced(SOURCE, *executed) == reduced(other, *executed)) is same


def test_expected_are_functions_that_modules_call() -> None:
    source = (
        "import tools\n"
        "VALUE = first(key=tools.third())\n\n"
        "@decorated\ndef first(key): return second()\n\n"
        "def second(): pass\n\n"
        "def decorated(function): return function\n\n"
        "class Made:\n    def __init__(self): self.later()\n    def later(self): pass\n\n"
        "MADE = Made()\n\n"
        "def never(): second()\n\n"
        "if __name__ == '__main__':\n    never()\n"
    )
    parsed = [
        reduction.parse("m.py", source.encode()),
        reduction.parse("tools.py", b"def third(): pass\ndef fourth(): pass\n"),
    ]
    assert reduction.expected(parsed) == {
        "m.py:first",
        "m.py:second",
        "m.py:decorated",
        "m.py:Made.__init__",
        "tools.py:third",
    }
