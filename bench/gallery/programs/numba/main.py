"""Functions compiled for the CPU: typed, vectorised, parallel, cached and with typed containers."""

import math

import numpy as np
from numba import guvectorize, int64, njit, prange, typed, types, vectorize
from numba.experimental import jitclass


@njit
def fibonacci(n: int) -> int:
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a


@njit(parallel=True)
def total(values: np.ndarray) -> float:
    found = 0.0
    for i in prange(len(values)):
        found += math.sqrt(values[i])
    return found


@vectorize(["float64(float64, float64)"])
def larger(x, y):
    return x if x > y else y


@guvectorize([(int64[:], int64, int64[:])], "(n),()->(n)")
def plus(values, number, result):
    for i in range(values.shape[0]):
        result[i] = values[i] + number


@jitclass([("count", int64)])
class Counter:
    def __init__(self):
        self.count = 0

    def add(self, number):
        self.count += number
        return self.count


@njit
def counts(words):
    found = typed.Dict.empty(types.unicode_type, types.int64)
    for word in words:
        found[word] = found.get(word, 0) + 1
    return found


print(fibonacci(80), round(total(np.arange(1000.0)), 6), larger(np.array([1.0, 5.0]), 3.0))
print(plus(np.arange(3), 10), Counter().add(3), dict(counts(typed.List(["a", "b", "a"]))))
print(njit(lambda a: np.cumsum(a)[-1] + np.sort(a)[0])(np.array([3.0, 4.0])), fibonacci.signatures)
