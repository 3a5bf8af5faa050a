"""Maximum likelihood: several starts, a second method, and how sure the result is.

What belongs here: the search for a maximum in the logarithms of positive parameters. What does
not: any particular likelihood.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
# Logarithms of the parameters -> mean negative log-likelihood and its gradient.
Objective = Callable[[Floats], tuple[float, Floats]]

# Beyond these a parameter stands for its limit: nobody differs, nobody leaves …
LOWER, UPPER = 1e-4, 1e4
# Largest slope, per customer and unit of a logarithm, at what is called a maximum.
FLAT = 1e-6
# Where a search on coarse data ends: what follows starts there.
ROUGHLY_FLAT = 1e-4
SIGNIFICANT_DIGITS = 10
NORMAL_95 = 1.959963984540054


def dot(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Sum the products in one thread: the same on any number of cores, and while others work."""
    return float(np.einsum("i,i->", first, second))


@dataclass(frozen=True)
class Maximum:
    """Where a likelihood is greatest.

    is_found: it is flat there in every direction that does not leave the bounds.
    at_bound: a parameter stands at its bound, so that there are no intervals.
    log_deviations: standard errors of the logarithms, from the observed information; NaN if none.
    """

    parameters: Floats
    mean_log_likelihood: float
    is_found: bool
    at_bound: bool
    log_deviations: Floats

    def intervals(self, scales: Floats) -> Floats:
        """Give the 95 % interval of each parameter times its scale: rows of low, high."""
        width = np.exp(NORMAL_95 * self.log_deviations)
        centre = self.parameters * scales
        return np.column_stack([centre / width, centre * width])


def maximise(
    objective: Objective,
    *,
    coarse: Objective,
    starts: Sequence[Sequence[float]],
    axes: Sequence[Sequence[int]],
) -> Maximum:
    """Search from every start on coarse data, then from the best of them on all data.

    Nelder-Mead takes over where L-BFGS-B ends on a slope.
    starts: parameters. axes: the logarithms of the parameters as sums of what is searched in and
    kept within bounds, a row per parameter: along ratios a ridge is straight.
    """
    matrix = np.asarray(axes, dtype=np.float64)
    objective, coarse = _along(objective, matrix), _along(coarse, matrix)
    bounds = [(float(np.log(LOWER)), float(np.log(UPPER)))] * len(matrix)
    begun = [np.linalg.solve(matrix, np.log(np.asarray(start))) for start in starts]
    tried = [_descend(coarse, start, bounds, flat=ROUGHLY_FLAT) for start in begun]
    finite = [point for point in tried if np.isfinite(coarse(point)[0])]
    if not finite:
        return _nowhere(len(bounds))
    point = _descend(objective, min(finite, key=lambda found: coarse(found)[0]), bounds)
    if _slope(objective, point, bounds) > FLAT:
        point = _walk(objective, point, bounds)
    information = _information(objective, point)
    point = _newton_step(objective, point, information, bounds)
    value = objective(point)[0]
    low, high = np.asarray(bounds).T
    at_bound = bool(np.any((point <= low + FLAT) | (point >= high - FLAT)))
    is_found = bool(np.isfinite(value)) and _slope(objective, point, bounds) <= FLAT
    return Maximum(
        parameters=_significant(np.exp(matrix @ point)),
        mean_log_likelihood=-value,
        is_found=is_found,
        at_bound=at_bound,
        log_deviations=_deviations(information, matrix, at_bound=at_bound),
    )


def _along(objective: Objective, matrix: Floats) -> Objective:
    def evaluate(point: Floats) -> tuple[float, Floats]:
        value, gradient = objective(matrix @ point)
        return value, np.asarray(gradient @ matrix)

    return evaluate


def _nowhere(size: int) -> Maximum:
    nothing = np.full(size, np.nan)
    return Maximum(nothing, np.nan, is_found=False, at_bound=False, log_deviations=nothing)


def _descend(
    objective: Objective,
    start: Floats,
    bounds: list[tuple[float, float]],
    *,
    flat: float = FLAT / 100,
) -> Floats:
    options = {"maxiter": 200, "ftol": max(1e-14, flat * flat), "gtol": flat}
    found = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    return np.asarray(found.x, dtype=np.float64)


def _walk(objective: Objective, start: Floats, bounds: list[tuple[float, float]]) -> Floats:
    options = {"maxiter": 2000, "xatol": 1e-8, "fatol": 1e-14}
    found = minimize(
        lambda point: objective(point)[0],
        start,
        method="Nelder-Mead",
        bounds=bounds,
        options=options,
    )
    return _descend(objective, np.asarray(found.x, dtype=np.float64), bounds)


def _slope(objective: Objective, point: Floats, bounds: list[tuple[float, float]]) -> float:
    """Give the steepest way down that stays within the bounds."""
    gradient = objective(point)[1]
    low, high = np.asarray(bounds).T
    outward = ((point <= low) & (gradient > 0)) | ((point >= high) & (gradient < 0))
    steepest = np.max(np.abs(np.where(outward, 0.0, gradient)))
    return float(steepest) if np.isfinite(steepest) else np.inf


def _information(objective: Objective, point: Floats) -> Floats:
    """Observed information per customer: the change of the gradient, by central differences."""
    step = 1e-4
    columns = [
        (objective(point + step * unit)[1] - objective(point - step * unit)[1]) / (2 * step)
        for unit in np.eye(len(point))
    ]
    matrix = np.asarray(columns)
    return np.asarray((matrix + matrix.T) / 2)


def _newton_step(
    objective: Objective, point: Floats, information: Floats, bounds: list[tuple[float, float]]
) -> Floats:
    """Take the last step, after which it does not matter by which way the maximum was reached."""
    try:
        step = np.linalg.solve(information, objective(point)[1])
    except np.linalg.LinAlgError:
        return point
    low, high = np.asarray(bounds).T
    nearer = point - step
    is_inside = bool(np.all((nearer > low) & (nearer < high)) and np.max(np.abs(step)) < 0.1)  # noqa: PLR2004
    if is_inside and _slope(objective, nearer, bounds) < _slope(objective, point, bounds):
        return np.asarray(nearer)
    return point


def _deviations(information: Floats, matrix: Floats, *, at_bound: bool) -> Floats:
    """Give the standard errors of one customer's information; divide by √customers for all."""
    if at_bound or not np.all(np.isfinite(information)):
        return np.full(len(information), np.nan)
    try:
        np.linalg.cholesky(information)
    except np.linalg.LinAlgError:
        return np.full(len(information), np.nan)
    return np.asarray(np.sqrt(np.diag(matrix @ np.linalg.inv(information) @ matrix.T)))


def _significant(values: Floats) -> Floats:
    """Cut the digits that depend on the order of a sum."""
    return np.asarray([float(f"{value:.{SIGNIFICANT_DIGITS - 1}e}") for value in values])
