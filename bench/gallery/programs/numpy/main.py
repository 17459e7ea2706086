"""Arrays, linear algebra, FFT, random numbers, files, dates and its own tests' helpers."""

import io

import numpy as np
from numpy.polynomial import Polynomial
from numpy.testing import assert_allclose

a = np.arange(12.0).reshape(3, 4)
print(a.sum(axis=0), a[a > 5].mean(), (a @ a.T).trace())
q, r = np.linalg.qr(a)
assert_allclose(q @ r, a, atol=1e-9)
print(np.linalg.matrix_rank(a), np.round(np.linalg.eigvalsh(a @ a.T)[-1], 6))
print(np.round(np.fft.ifft(np.fft.fft([1, 2, 3])).real, 6))
random = np.random.default_rng(42)
print(random.integers(0, 100, 5), np.random.RandomState(1).randint(0, 100, 3))
saved = io.BytesIO()
np.savez_compressed(saved, a=a, text=np.array(["x", "yy"]))
saved.seek(0)
print(np.load(saved)["text"], np.loadtxt(io.StringIO("1,2\n3,4"), delimiter=","))
print(
    np.datetime64("2024-02-29") + np.timedelta64(1, "D"),
    np.busday_count("2024-01-01", "2024-02-01"),
)
print(Polynomial([1, 2, 3]).roots().round(6), np.einsum("ij,ij->i", a, a))
records = np.array([(1, "a"), (2, "b")], dtype=[("n", "i4"), ("s", "U1")])
print(records["s"], np.ma.masked_greater(a, 5).count(), np.char.upper(["a"]))
print(np.histogram([1, 2, 2, 3], bins=3)[0], np.unique([3, 1, 3], return_counts=True))
try:
    np.zeros((2, 2)) @ np.zeros((3, 3))
except ValueError as error:
    print(type(error).__name__)
print(np.f2py.__name__, np.ctypeslib.as_array(np.ctypeslib.as_ctypes(np.arange(3))))
