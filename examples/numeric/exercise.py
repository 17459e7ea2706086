"""The program's numbers, unfrozen and frozen."""

from numeric.solve import solution

print(solution())
