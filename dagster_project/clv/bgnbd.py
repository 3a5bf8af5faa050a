"""BG/NBD: when customers buy again, and when they stop (Fader, Hardie and Lee 2005).

A customer buys at a rate drawn from Gamma(r, alpha) and stops after each repeat purchase with a
chance drawn from Beta(a, b). What is known of one: x repeat purchases, the time t_x of the last
one, and the time T it was watched, both since its first purchase.
Any unit of time will do; alpha has the same.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.linalg import eigh_tridiagonal
from scipy.special import digamma, gammaln

from dagster_project.clv.likelihood import Floats, Ints, Maximum, Objective, dot, maximise

STARTS = ((0.5, 0.2, 0.8, 2.5), (1.0, 1.0, 0.3, 1.0), (0.2, 0.05, 1.0, 4.0), (3.0, 1.0, 0.1, 2.0))
# Searched in r, alpha / r, a, b / a.
AXES = ((1, 0, 0, 0), (1, 1, 0, 0), (0, 0, 1, 0), (0, 0, 1, 1))
# Several starts are tried on times rounded to this part of the longest one.
COARSE_PARTS = 60
# Enough for what is read from 6 decimals, as long as a horizon is not 1,000 times alpha.
MAX_NODES = 200
MIN_NODES = 8


@dataclass(frozen=True)
class BgNbd:
    """Parameters, in the unit of time of what they were fitted on."""

    r: float
    alpha: float
    a: float
    b: float


@dataclass(frozen=True)
class Histories:
    """Distinct (x, t_x, T) with how many customers have each.

    Times stand once in `times`; `last` and `age` are positions in it, `repeats` in `counts`:
    logarithms are then taken of a few values instead of each row's.
    """

    counts: Ints
    times: Floats
    repeats: Ints
    last: Ints
    age: Ints
    weights: Floats

    @property
    def customers(self) -> float:
        """How many customers they are."""
        return float(self.weights.sum())


@dataclass(frozen=True)
class BgNbdFit:
    """Parameters with their log-likelihood in the unit of time of the data, and 95 % intervals."""

    model: BgNbd
    log_likelihood: float
    is_found: bool
    at_bound: bool
    intervals: Floats


def group_histories(repeats: Ints, last: Floats, age: Floats) -> Histories:
    """Count the customers of each distinct history."""
    times, positions = np.unique(np.concatenate([last, age]), return_inverse=True)
    counts, of_count = np.unique(repeats, return_inverse=True)
    of_last, of_age = np.split(positions.astype(np.int64), 2)
    size = len(times)
    keys, weights = np.unique((of_count * size + of_age) * size + of_last, return_counts=True)
    return Histories(
        counts=counts.astype(np.int64),
        times=times,
        repeats=keys // (size * size),
        last=keys % size,
        age=keys // size % size,
        weights=weights.astype(np.float64),
    )


def fit_bgnbd(repeats: Ints, last: Floats, age: Floats) -> BgNbdFit:
    """Fit by maximum likelihood; somebody must have bought again.

    Times are scaled to their mean, so that a unit neither helps nor hurts.
    """
    scale = float(age.mean())
    grid = float(age.max()) / scale / COARSE_PARTS
    histories = group_histories(repeats, last / scale, age / scale)
    rough = group_histories(
        repeats, np.rint(last / scale / grid) * grid, np.rint(age / scale / grid) * grid
    )
    found = maximise(_objective(histories), coarse=_objective(rough), starts=STARTS, axes=AXES)
    return _fit_of(found, scale=scale, histories=histories)


def _fit_of(found: Maximum, *, scale: float, histories: Histories) -> BgNbdFit:
    r, alpha, a, b = (float(value) for value in found.parameters)
    customers = histories.customers
    purchases = float((histories.counts[histories.repeats] * histories.weights).sum())
    errors = Maximum(
        found.parameters,
        found.mean_log_likelihood,
        is_found=found.is_found,
        at_bound=found.at_bound,
        log_deviations=found.log_deviations / np.sqrt(customers),
    )
    return BgNbdFit(
        model=BgNbd(r, alpha * scale, a, b),
        log_likelihood=found.mean_log_likelihood * customers - purchases * float(np.log(scale)),
        is_found=found.is_found,
        at_bound=found.at_bound,
        intervals=errors.intervals(np.array([1.0, scale, 1.0, 1.0])),
    )


def _objective(histories: Histories) -> Objective:
    """Mean negative log-likelihood with its gradient, in logarithms of r, alpha, a, b."""
    total = histories.customers
    x = histories.counts.astype(np.float64)
    customers_of = np.bincount(histories.repeats, histories.weights, minlength=len(x))
    again = x[histories.repeats] > 0
    which, last, age = histories.repeats[again], histories.last[again], histories.age[again]
    weights = histories.weights[again]
    ages = np.bincount(histories.age, histories.weights, minlength=len(histories.times))
    bought = np.bincount(
        histories.age, histories.weights * x[histories.repeats], minlength=len(histories.times)
    )

    def evaluate(point: Floats) -> tuple[float, Floats]:
        r, alpha, a, b = np.exp(point)
        log_time = np.log(alpha + histories.times)
        inverse_time = 1 / (alpha + histories.times)
        counted = (
            gammaln(r + x) - gammaln(r) + r * np.log(alpha)
            + gammaln(a + b) + gammaln(b + x) - gammaln(b) - gammaln(a + b + x)
        )  # fmt: skip
        value = dot(customers_of, counted) - dot(r * ages + bought, log_time)
        in_r = dot(customers_of, digamma(r + x) - digamma(r) + np.log(alpha))
        in_r -= dot(ages, log_time)
        in_alpha = total * r / alpha - dot(r * ages + bought, inverse_time)
        in_a = dot(customers_of, digamma(a + b) - digamma(a + b + x))
        in_b = in_a + dot(customers_of, digamma(b + x) - digamma(b))
        if len(which):
            # The odds that a repeat buyer stopped after its last purchase.
            with np.errstate(divide="ignore"):
                log_stop = np.log(a) - np.log(np.maximum(b + x - 1, 1e-300))
            power = (r + x)[which]
            waited = log_time[age] - log_time[last]
            log_odds = log_stop[which] + power * waited
            small = np.exp(-np.abs(log_odds))
            value += dot(weights, np.maximum(log_odds, 0) + np.log1p(small))
            gone = weights * np.where(log_odds >= 0, 1.0, small) / (1 + small)
            in_r += dot(gone, waited)
            in_alpha += dot(gone * power, inverse_time[age] - inverse_time[last])
            in_a += gone.sum() / a
            in_b -= dot(
                np.bincount(which, gone, minlength=len(x)), 1 / np.where(x > 0, b + x - 1, 1.0)
            )
        gradient = np.array([in_r * r, in_alpha * alpha, in_a * a, in_b * b])
        return -float(value) / total, -gradient / total

    return evaluate


def probability_alive(model: BgNbd, repeats: Ints, last: Floats, age: Floats) -> Floats:
    """P(alive at T | x, t_x, T): 1 for those who bought once, as the model has it."""
    x = repeats.astype(np.float64)
    log_odds = (
        np.log(model.a)
        - np.log(np.maximum(model.b + x - 1, 1e-300))
        + (model.r + x) * (np.log(model.alpha + age) - np.log(model.alpha + last))
    )
    return np.where(repeats > 0, 1 / (1 + np.exp(np.minimum(log_odds, 700.0))), 1.0)


def expected_if_alive(model: BgNbd, repeats: int, ages: Floats, horizons: Floats) -> Floats:
    """E[purchases in (T, T + t] | x, T, alive at T], a row per age and a column per horizon.

    An integral over the chance p to stop, Beta(a, b + x) of one who is alive: given p it is
    (1 - (1 + p t / (alpha + T))^-(r + x)) / p. By Gauss-Jacobi quadrature, which has no trouble
    where the hypergeometric form of it divides zero by zero (a = 1, a + b = 1).
    """
    grown = horizons / (model.alpha + ages)[:, None]
    nodes, weights = beta_quadrature(model.a, model.b + repeats, _nodes_for(float(grown.max())))
    expected = np.empty_like(grown)
    for column in range(grown.shape[1]):
        exponent = -(model.r + repeats) * np.log1p(grown[:, column, None] * nodes)
        expected[:, column] = np.einsum("ij,j->i", -np.expm1(exponent), weights / nodes)
    return expected


def expected_purchases(
    model: BgNbd, repeats: Ints, last: Floats, age: Floats, horizons: Floats
) -> Floats:
    """E[purchases in (T, T + t] | x, t_x, T], a row per customer and a column per horizon."""
    expected = np.empty((len(repeats), len(horizons)))
    order = np.argsort(repeats, kind="stable")
    counts, starts = np.unique(repeats[order], return_index=True)
    for count, rows in zip(counts, np.split(order, starts[1:]), strict=True):
        ages, positions = np.unique(age[rows], return_inverse=True)
        expected[rows] = expected_if_alive(model, int(count), ages, horizons)[positions]
    alive = probability_alive(model, repeats, last, age)
    return np.asarray(expected * alive[:, None])


def expected_from_start(model: BgNbd, horizons: Floats) -> Floats:
    """E[X(t)] of anybody since the first purchase."""
    return np.asarray(expected_if_alive(model, 0, np.zeros(1), horizons)[0])


def _nodes_for(grown: float) -> int:
    """Give the number of nodes for 14 digits: the integrand is singular at p = -1 / grown."""
    distance = 1 / max(grown, 1e-9)
    rate = np.log1p(2 * distance + 2 * np.sqrt(distance * distance + distance))
    # In steps, so that the dates of a month share them.
    return int(np.clip(np.ceil(17 / rate / MIN_NODES) * MIN_NODES, MIN_NODES, MAX_NODES))


@lru_cache(maxsize=4096)
def beta_quadrature(a: float, b: float, size: int) -> tuple[Floats, Floats]:
    """Nodes and weights of the mean over Beta(a, b) (Golub and Welsch 1969)."""
    upper, lower = b - 1, a - 1
    n = np.arange(1, size, dtype=np.float64)
    both = upper + lower
    diagonal = np.empty(size)
    diagonal[0] = (lower - upper) / (both + 2)
    diagonal[1:] = (lower - upper) * both / ((2 * n + both) * (2 * n + both + 2))
    # n + both over 2 n + both - 1 is 1 for n = 1, also where both are zero.
    ratio = np.where(n > 1, (n + both) / np.where(n > 1, 2 * n + both - 1, 1.0), 1.0)
    squares = 4 * n * (n + upper) * (n + lower) * ratio / ((2 * n + both) ** 2 * (2 * n + both + 1))
    roots, vectors = eigh_tridiagonal(diagonal, np.sqrt(squares))
    return np.clip((1 + roots) / 2, 1e-18, 1.0), np.asarray(vectors[0] ** 2)
