"""Optimisation, integration, sparse matrices, statistics, signals, images, files and special functions."""

import io

import numpy as np
from scipy import (
    fft,
    integrate,
    interpolate,
    io as files,
    linalg,
    ndimage,
    optimize,
    signal,
    sparse,
    spatial,
    special,
    stats,
)
from scipy.cluster.hierarchy import linkage
from scipy.constants import speed_of_light
from scipy.sparse.linalg import eigsh, spsolve

print(optimize.minimize(optimize.rosen, [1.3, 0.7], method="BFGS").x.round(3))
print(
    optimize.linprog(
        [-1, 4], A_ub=[[-3, 1], [1, 2]], b_ub=[6, 4], bounds=[(None, None), (-3, None)]
    ).fun
)
print(
    round(integrate.quad(np.sin, 0, np.pi)[0], 9),
    integrate.solve_ivp(lambda t, y: -y, (0, 1), [1]).success,
)
print(interpolate.CubicSpline([0, 1, 2, 3], [0, 1, 8, 27])(1.5), linalg.expm(np.zeros((2, 2))))
matrix = sparse.diags_array([1, 2, 3]).tocsc()
print(
    spsolve(matrix.astype(float), np.ones(3)).round(6),
    eigsh(sparse.eye_array(10, dtype=float), k=1)[0].round(6),
)
print(stats.ttest_ind([1, 2, 3], [2, 3, 4]).pvalue.round(6), stats.norm(0, 1).cdf(1.96).round(6))
print(signal.butter(2, 0.5)[0].round(6), signal.find_peaks([0, 1, 0, 2, 0])[0])
print(ndimage.gaussian_filter(np.eye(3), 1).round(4)[1], ndimage.label([1, 0, 1])[1])
print(
    spatial.KDTree([[0, 0], [1, 1]]).query([0.9, 0.9])[1],
    spatial.ConvexHull(np.eye(3)[:, :2]).volume,
)
print(special.gamma(5), special.jv(0, 1).round(6), fft.dct([1.0, 2.0, 3.0]).round(6))
print(linkage([[0], [1], [5]]).shape, speed_of_light)
saved = io.BytesIO()
files.savemat(saved, {"a": np.arange(3)})
saved.seek(0)
print(files.loadmat(saved)["a"])
