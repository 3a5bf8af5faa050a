"""Gamma-Gamma: how much customers spend per purchase (Fader and Hardie 2013).

A purchase is Gamma(p, nu), the customer's nu is Gamma(q, v). What is known of one: its x repeat
purchases and their sum. Any unit of money will do; v has the same.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import digamma, gammaln

from dagster_project.clv.likelihood import Floats, Ints, Maximum, Objective, dot, maximise

STARTS = ((3.0, 4.0, 1.0), (1.0, 2.0, 1.0), (6.0, 10.0, 1.5), (20.0, 3.0, 0.1))
# Searched in p, q, p v.
AXES = ((1, 0, 0), (0, 1, 0), (-1, 0, 1))
# Several starts are tried on the customers at this many places in the order of their sums.
COARSE_CUSTOMERS = 20_000


@dataclass(frozen=True)
class GammaGamma:
    """Parameters, v in the unit of money of what they were fitted on."""

    p: float
    q: float
    v: float


@dataclass(frozen=True)
class GammaGammaFit:
    """Parameters with their log-likelihood in the unit of money of the data, and intervals."""

    model: GammaGamma
    log_likelihood: float
    is_found: bool
    at_bound: bool
    intervals: Floats

    @property
    def has_mean(self) -> bool:
        """Is the mean amount finite? It is not for q <= 1."""
        return self.model.q > 1


def fit_gamma_gamma(repeats: Ints, spent: Floats) -> GammaGammaFit:
    """Fit by maximum likelihood to customers with x > 0 repeat purchases of a sum > 0.

    Amounts are scaled to their mean per purchase, so that a unit neither helps nor hurts.
    """
    x, total, weights = _distinct(repeats, spent)
    customers = float(weights.sum())
    scale = dot(weights, total) / dot(weights, x)
    step = max(1, len(x) // COARSE_CUSTOMERS)
    objective = _objective(x, total / scale, weights)
    coarse = _objective(x[::step], total[::step] / scale, weights[::step])
    found = maximise(objective, coarse=coarse, starts=STARTS, axes=AXES)
    p, q, v = (float(value) for value in found.parameters)
    errors = Maximum(
        found.parameters,
        found.mean_log_likelihood,
        is_found=found.is_found,
        at_bound=found.at_bound,
        log_deviations=found.log_deviations / np.sqrt(customers),
    )
    return GammaGammaFit(
        model=GammaGamma(p, q, v * scale),
        log_likelihood=customers * (found.mean_log_likelihood - float(np.log(scale))),
        is_found=found.is_found,
        at_bound=found.at_bound,
        intervals=errors.intervals(np.array([1.0, 1.0, scale])),
    )


def _distinct(repeats: Ints, spent: Floats) -> tuple[Floats, Floats, Floats]:
    """Give the distinct pairs in order, so that the order of the rows changes no sum."""
    order = np.lexsort((spent, repeats))
    x, total = repeats[order].astype(np.float64), spent[order]
    is_first = np.ones(len(x), dtype=bool)
    is_first[1:] = (x[1:] != x[:-1]) | (total[1:] != total[:-1])
    firsts = np.flatnonzero(is_first)
    weights = np.diff(np.append(firsts, len(x))).astype(np.float64)
    return x[firsts], total[firsts], weights


def _objective(x: Floats, total: Floats, weights: Floats) -> Objective:
    """Mean negative log-likelihood of the mean amounts, in logarithms of p, q, v."""
    customers = float(weights.sum())
    counts, which = np.unique(x, return_inverse=True)
    customers_of = np.bincount(which, weights)
    weighted_x = weights * x
    log_total = np.log(total)
    spent = dot(weighted_x, log_total)
    # A mean is its sum over x: the density of the mean has one x more.
    constant = dot(weights, np.log(x) - log_total)

    def evaluate(point: Floats) -> tuple[float, Floats]:
        p, q, v = np.exp(point)
        log_both = np.log(total + v)
        all_logs, x_logs = dot(weights, log_both), dot(weighted_x, log_both)
        shares = weights / (total + v)
        value = (
            dot(customers_of, gammaln(p * counts + q) - gammaln(p * counts))
            - customers * (gammaln(q) - q * np.log(v))
            + p * spent - p * x_logs - q * all_logs + constant
        )  # fmt: skip
        bent = digamma(p * counts + q)
        in_p = dot(customers_of * counts, bent - digamma(p * counts)) + spent - x_logs
        in_q = dot(customers_of, bent) - customers * (digamma(q) - np.log(v)) - all_logs
        in_v = customers * q / v - p * dot(shares, x) - q * shares.sum()
        gradient = np.array([in_p * p, in_q * q, in_v * v])
        return -float(value) / customers, -gradient / customers

    return evaluate


def expected_spend(model: GammaGamma, repeats: Ints, spent: Floats) -> Floats:
    """E[amount per purchase | x, sum of the repeat purchases]; the mean of all for x = 0."""
    return np.asarray(
        model.p * (model.v + np.maximum(spent, 0.0)) / (model.p * repeats + model.q - 1)
    )
