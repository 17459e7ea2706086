"""Raises, warns and is looked at."""

import warnings


def decorated(function):
    return function


@decorated
def looked_at(number):
    # a comment
    return number + 1


def raises():
    raise ValueError("from a helper")


def warns():
    warnings.warn("an old way", DeprecationWarning, stacklevel=2)
