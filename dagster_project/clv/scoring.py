"""From the purchases of customers to parameters, and from parameters to each customer's value.

What belongs here: one date's arithmetic on arrays. What does not: where the arrays come from.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal

import numpy as np

from dagster_project.clv.bgnbd import (
    BgNbd,
    BgNbdFit,
    expected_if_alive,
    expected_purchases,
    fit_bgnbd,
    probability_alive,
)
from dagster_project.clv.gamma_gamma import (
    GammaGamma,
    GammaGammaFit,
    expected_spend,
    fit_gamma_gamma,
)
from dagster_project.clv.likelihood import Floats, Ints

MONTHS = 12
MONTH_DAYS = 365 / 12

Reason = Literal[
    "no_customers", "too_few_repeat_customers", "purchases_not_fitted", "amounts_not_fitted"
]


@dataclass(frozen=True)
class Purchasers:
    """Customers with a purchase: x, t_x, T, the sum of their repeat purchases, and of all."""

    repeats: Ints
    last: Floats
    age: Floats
    repeat_spend: Floats
    total_spend: Floats

    def __len__(self) -> int:
        return len(self.repeats)

    @classmethod
    def of_all(cls, parts: Sequence["Purchasers"]) -> "Purchasers":
        """Join the arrays of several, in their order."""
        return cls(
            *(
                np.concatenate([getattr(part, field.name) for part in parts])
                for field in fields(cls)
            )
        )


@dataclass(frozen=True)
class Parameters:
    """Both models with what they were fitted on."""

    purchases: BgNbdFit
    amounts: GammaGammaFit
    customers: int
    repeat_customers: int


@dataclass(frozen=True)
class SegmentMean:
    """What everybody does on average, where no model could be fitted."""

    purchases_per_day: float
    spend: float


@dataclass(frozen=True)
class Scores:
    """One value per customer; p_alive is NaN where no model says it."""

    p_alive: Floats
    expected_purchases: Floats
    expected_spend: Floats
    predicted_clv: Floats


def fit(purchasers: Purchasers, *, min_repeat_customers: float) -> Parameters | Reason:
    """Fit both models, or say why not. Any data will do."""
    if not len(purchasers):
        return "no_customers"
    repeated = (purchasers.repeats > 0) & (purchasers.repeat_spend > 0)
    repeat_customers = int(repeated.sum())
    if repeat_customers < max(min_repeat_customers, 1):
        return "too_few_repeat_customers"
    purchases = fit_bgnbd(purchasers.repeats, purchasers.last, purchasers.age)
    if not purchases.is_found:
        return "purchases_not_fitted"
    amounts = fit_gamma_gamma(purchasers.repeats[repeated], purchasers.repeat_spend[repeated])
    if not (amounts.is_found and amounts.has_mean):
        return "amounts_not_fitted"
    return Parameters(
        purchases=purchases,
        amounts=amounts,
        customers=len(purchasers),
        repeat_customers=repeat_customers,
    )


def segment_mean(purchasers: Purchasers) -> SegmentMean:
    """Give the mean of all customers: repeat purchases per day watched, money per purchase.

    One segment, everybody. Money per repeat purchase, or of the only one if nobody repeated.
    """
    repeats, days = float(purchasers.repeats.sum()), float(purchasers.age.sum())
    if repeats:
        spend = float(purchasers.repeat_spend.sum()) / repeats
    else:
        spend = float(purchasers.total_spend.sum()) / max(len(purchasers), 1)
    return SegmentMean(purchases_per_day=repeats / days if days else 0.0, spend=max(spend, 0.0))


def score(purchasers: Purchasers, parameters: Parameters | None, *, monthly_rate: float) -> Scores:
    """Value the next 12 months of each customer, discounted by month; None: by the mean of all."""
    months = np.arange(1.0, MONTHS + 1) * np.float64(MONTH_DAYS)
    discounts = (1 + monthly_rate) ** -np.arange(1.0, MONTHS + 1)
    if parameters is None:
        mean = segment_mean(purchasers)
        per_month = mean.purchases_per_day * MONTH_DAYS
        size = len(purchasers)
        return Scores(
            p_alive=np.full(size, np.nan),
            expected_purchases=np.full(size, per_month * MONTHS),
            expected_spend=np.full(size, mean.spend),
            predicted_clv=np.full(size, per_month * discounts.sum() * mean.spend),
        )
    return score_months(
        purchasers,
        purchases=parameters.purchases.model,
        amounts=parameters.amounts.model,
        months=months,
        discounts=discounts,
    )


def score_months(
    purchasers: Purchasers,
    *,
    purchases: BgNbd,
    amounts: GammaGamma,
    months: Floats,
    discounts: Floats,
) -> Scores:
    """Sum the expected purchases up to each month, discounted, times the expected amount.

    What is expected of one who is alive depends on x and T alone, of which there are few.
    """
    repeats, age = purchasers.repeats, purchasers.age
    p_alive = probability_alive(purchases, repeats, purchasers.last, age)
    total, discounted = np.empty(len(purchasers)), np.empty(len(purchasers))
    order = np.argsort(repeats, kind="stable")
    counts, starts = np.unique(repeats[order], return_index=True)
    for count, rows in zip(counts, np.split(order, starts[1:]) if len(counts) else (), strict=True):
        ages, positions = np.unique(age[rows], return_inverse=True)
        grown = expected_if_alive(purchases, int(count), ages, months)
        total[rows] = grown[positions, -1]
        by_month = np.diff(grown, axis=1, prepend=0.0)
        discounted[rows] = np.einsum("ij,j->i", by_month, discounts)[positions]
    spend = expected_spend(amounts, repeats, purchasers.repeat_spend)
    return Scores(
        p_alive=p_alive,
        expected_purchases=total * p_alive,
        expected_spend=spend,
        predicted_clv=discounted * p_alive * spend,
    )


def expect_within(purchasers: Purchasers, parameters: Parameters | None, *, days: int) -> Floats:
    """Give the expected purchases of each customer in the next days."""
    if parameters is None:
        return np.full(len(purchasers), segment_mean(purchasers).purchases_per_day * days)
    return expected_purchases(
        parameters.purchases.model,
        purchasers.repeats,
        purchasers.last,
        purchasers.age,
        np.array([float(days)]),
    )[:, 0]
