"""Reads its own source when it is imported, as compilers of Python functions do."""

import inspect


def first():
    return 1  # shown


def second():
    return 2  # shown too


SOURCE = inspect.getsource(first)
