import numpy

print(
    numpy.linalg.solve(numpy.eye(3) * 2, numpy.arange(3.0)), numpy.random.default_rng(1).integers(9)
)
