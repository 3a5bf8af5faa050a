"""Scores of customers: hand-computed sums, units, and data that no model can be fitted to."""

import numpy as np
import pytest

from dagster_project.clv.bgnbd import BgNbd
from dagster_project.clv.gamma_gamma import GammaGamma
from dagster_project.clv.scoring import (
    MONTH_DAYS,
    Parameters,
    Purchasers,
    expect_within,
    fit,
    score,
    score_months,
    segment_mean,
)
from dagster_project.clv.tables import money
from dagster_project.demo.purchases import PurchaseModel, draw_amounts, draw_purchases

MODEL = BgNbd(r=0.6, alpha=60.0, a=0.8, b=4.0)
SPEND = GammaGamma(p=6.0, q=12.0, v=3000.0)
MONTHS = np.arange(1.0, 13.0)
DISCOUNTS = 1.01**-MONTHS


def purchasers(repeats, last, age, repeat_spend, total_spend=None) -> Purchasers:
    spent = np.asarray(repeat_spend, dtype=float)
    total = spent if total_spend is None else np.asarray(total_spend, dtype=float)
    return Purchasers(
        np.asarray(repeats, dtype=np.int64),
        np.asarray(last, dtype=float),
        np.asarray(age, dtype=float),
        spent,
        total,
    )


def demo_purchasers(count: int = 3000) -> Purchasers:
    rng = np.random.default_rng(7)
    age = rng.uniform(1, 700, count)
    who, when = draw_purchases(PurchaseModel(), age, rng)
    amounts = draw_amounts(PurchaseModel(), who, count, rng) / 100
    last = np.zeros(count)
    np.maximum.at(last, who, when)
    return purchasers(
        np.bincount(who, when > 0, minlength=count),
        last,
        age,
        np.bincount(who, np.where(when > 0, amounts, 0), minlength=count),
        np.bincount(who, amounts, minlength=count),
    )


NOBODY = purchasers([], [], [], [])
DEGENERATE = {
    "nobody": NOBODY,
    "one customer who bought once": purchasers([0], [0], [10], [0], [50]),
    "one customer who bought often": purchasers([9], [90], [100], [900], [1000]),
    "everyone bought once": purchasers([0] * 50, [0] * 50, range(50), [0] * 50, [10] * 50),
    "everyone bought today": purchasers([0] * 50, [0] * 50, [0] * 50, [0] * 50, [10] * 50),
    "everyone did the same": purchasers([3] * 50, [60] * 50, [90] * 50, [300] * 50, [400] * 50),
    "all amounts equal": purchasers(
        [1 + n % 5 for n in range(60)],
        [20 + n for n in range(60)],
        [100 + n for n in range(60)],
        [100 * (1 + n % 5) for n in range(60)],
    ),
    "everyone bought every day": purchasers([100] * 40, [100] * 40, [100] * 40, [1e4] * 40),
    "everyone was gone at once": purchasers([1] * 40, [1] * 40, [900] * 40, range(10, 50)),
    "negative totals": purchasers([2] * 30, range(30, 60), [90] * 30, [-5] * 30, [-9] * 30),
    "totals of zero": purchasers([2] * 30, range(30, 60), [90] * 30, [0] * 30),
    "one very rich customer": purchasers(
        [1 + n % 3 for n in range(40)], range(40), [99] * 40, [1e12] + [10.0] * 39
    ),
}


@pytest.mark.parametrize("data", DEGENERATE.values(), ids=DEGENERATE.keys())
def test_any_data_have_a_score_or_a_reason(data: Purchasers) -> None:
    found = fit(data, min_repeat_customers=10)
    scores = score(data, found if isinstance(found, Parameters) else None, monthly_rate=0.01)

    assert isinstance(found, Parameters | str)
    for values in (scores.expected_purchases, scores.expected_spend, scores.predicted_clv):
        assert len(values) == len(data)
        assert np.all(np.isfinite(values))
        assert np.all(values >= 0)
    if isinstance(found, Parameters):
        assert np.all((scores.p_alive >= 0) & (scores.p_alive <= 1))
    else:
        assert np.all(np.isnan(scores.p_alive))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nobody", "no_customers"),
        ("one customer who bought once", "too_few_repeat_customers"),
        ("one customer who bought often", "too_few_repeat_customers"),
        ("everyone bought once", "too_few_repeat_customers"),
        ("negative totals", "too_few_repeat_customers"),
        ("totals of zero", "too_few_repeat_customers"),
    ],
)
def test_the_reason_is_named(name: str, reason: str) -> None:
    assert fit(DEGENERATE[name], min_repeat_customers=10) == reason


def test_the_least_number_of_repeat_customers_is_enough() -> None:
    data = demo_purchasers()
    buyers = int((data.repeats > 0).sum())

    assert fit(data, min_repeat_customers=buyers + 1) == "too_few_repeat_customers"
    assert isinstance(fit(data, min_repeat_customers=buyers), Parameters)


def test_equal_amounts_are_expected_again() -> None:
    data = DEGENERATE["all amounts equal"]
    found = fit(data, min_repeat_customers=10)
    scores = score(data, found if isinstance(found, Parameters) else None, monthly_rate=0.01)

    assert scores.expected_spend == pytest.approx(np.full(60, 100.0), rel=0.01)


def test_amounts_without_a_mean_are_no_fit() -> None:
    # A Pareto tail of index one half has no finite mean.
    spread = np.linspace(0.005, 1, 200) ** -2.0
    data = purchasers([3] * 200, np.linspace(10, 80, 200), [90] * 200, 3 * spread)

    assert fit(data, min_repeat_customers=10) == "amounts_not_fitted"


def test_value_is_the_discounted_sum_over_months() -> None:
    data = purchasers([2], [50], [200], [500])
    scores = score_months(
        data, purchases=MODEL, amounts=SPEND, months=MONTHS * MONTH_DAYS, discounts=DISCOUNTS
    )

    parameters = _parameters()
    grown = [expect_within(data, parameters, days=days)[0] for days in (0, 365)]
    steps = [
        score_months(
            data,
            purchases=MODEL,
            amounts=SPEND,
            months=np.array([n * MONTH_DAYS]),
            discounts=np.ones(1),
        ).expected_purchases[0]
        for n in range(13)
    ]
    by_hand = sum((steps[n] - steps[n - 1]) / 1.01**n for n in range(1, 13))
    spend = 6 * (3000 + 500) / (6 * 2 + 12 - 1)
    assert scores.expected_purchases[0] == pytest.approx(grown[1])
    assert grown[0] == 0
    assert scores.expected_spend[0] == pytest.approx(spend)
    assert scores.predicted_clv[0] == pytest.approx(by_hand * spend)


def _parameters() -> Parameters:
    data = demo_purchasers(500)
    found = fit(data, min_repeat_customers=10)
    assert isinstance(found, Parameters)
    purchases = type(found.purchases)(**{**vars(found.purchases), "model": MODEL})
    amounts = type(found.amounts)(**{**vars(found.amounts), "model": SPEND})
    return Parameters(purchases, amounts, 500, 300)


def test_days_and_weeks_give_the_same_money() -> None:
    data = demo_purchasers()
    values = []
    for unit in (1.0, 7.0):
        same = purchasers(
            data.repeats, data.last / unit, data.age / unit, data.repeat_spend, data.total_spend
        )
        found = fit(same, min_repeat_customers=10)
        assert isinstance(found, Parameters)
        values.append(
            score_months(
                same,
                purchases=found.purchases.model,
                amounts=found.amounts.model,
                months=MONTHS * MONTH_DAYS / unit,
                discounts=DISCOUNTS,
            ).predicted_clv
        )

    assert money(values[0]).equals(money(values[1])) or np.allclose(*values, rtol=1e-7)
    assert np.abs(values[0] - values[1]).max() < 0.005


def test_more_discount_and_less_spend_are_worth_less() -> None:
    data, parameters = demo_purchasers(200), _parameters()
    base = score(data, parameters, monthly_rate=0.01).predicted_clv

    assert np.all(score(data, parameters, monthly_rate=0.02).predicted_clv < base)
    assert np.all(score(data, parameters, monthly_rate=0.0).predicted_clv > base)
    richer = purchasers(data.repeats, data.last, data.age, data.repeat_spend * 2)
    again = score(richer, parameters, monthly_rate=0.01).predicted_clv
    assert np.all(again[data.repeats > 0] > base[data.repeats > 0])
    assert again[data.repeats == 0] == pytest.approx(base[data.repeats == 0])


def test_the_mean_stands_in_for_the_models() -> None:
    # 3 repeat purchases in 100 + 200 days, of 90 in all.
    data = purchasers([1, 2], [10, 20], [100, 200], [30, 60], [50, 90])
    mean = segment_mean(data)
    scores = score(data, None, monthly_rate=0.0)

    assert mean.purchases_per_day == pytest.approx(0.01)
    assert mean.spend == pytest.approx(30)
    assert scores.expected_purchases == pytest.approx([3.65, 3.65])
    assert scores.predicted_clv == pytest.approx([109.5, 109.5])
    assert expect_within(data, None, days=90) == pytest.approx([0.9, 0.9])


def test_the_mean_of_single_purchases_is_their_amount() -> None:
    data = purchasers([0, 0], [0, 0], [5, 10], [0, 0], [40, 60])

    assert segment_mean(data).spend == 50
    assert segment_mean(data).purchases_per_day == 0


def test_money_is_rounded_half_up_to_cents() -> None:
    values = np.array([0.0, 0.004, 0.005, 1.005, 2.675, 1234567.894, 1e13])

    assert [str(value) for value in money(values).to_pylist()] == [
        "0.00", "0.00", "0.01", "1.01", "2.68", "1234567.89", "10000000000000.00",
    ]  # fmt: skip
