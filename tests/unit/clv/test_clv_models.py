"""BG/NBD and Gamma-Gamma against published values, other forms of the formulas, and simulation."""

import numpy as np
import pytest
from scipy.special import beta as beta_function
from scipy.special import gammaln, hyp2f1

from dagster_project.clv import likelihood
from dagster_project.clv.bgnbd import (
    STARTS,
    BgNbd,
    _objective,
    beta_quadrature,
    expected_from_start,
    expected_if_alive,
    expected_purchases,
    fit_bgnbd,
    group_histories,
    probability_alive,
)
from dagster_project.clv.gamma_gamma import GammaGamma, expected_spend, fit_gamma_gamma
from dagster_project.clv.gamma_gamma import _objective as spend_objective
from dagster_project.demo.purchases import PurchaseModel, draw_amounts, draw_purchases

# Fader, Hardie and Lee (2005), CDNOW, in weeks; Fader and Hardie (2013) for the amounts.
PUBLISHED = BgNbd(r=0.2426, alpha=4.4135, a=0.7929, b=2.4258)
PUBLISHED_SPEND = GammaGamma(p=6.25, q=3.74, v=15.44)


def one(x: int, last: float, age: float):
    return np.array([x]), np.array([last]), np.array([age])


def test_conditional_expectation_of_the_paper() -> None:
    found = expected_purchases(PUBLISHED, *one(2, 30.43, 38.86), np.array([39.0]))

    assert found[0, 0] == pytest.approx(1.226, abs=5e-4)


def test_probability_alive_of_the_paper() -> None:
    assert probability_alive(PUBLISHED, *one(2, 30.43, 38.86))[0] == pytest.approx(
        0.72661, abs=5e-5
    )


@pytest.mark.parametrize(("weeks", "expected"), [(1, 0.0532), (32, 1.0437), (78, 1.858)])
def test_unconditional_expectation_of_the_paper(weeks: float, expected: float) -> None:
    assert expected_from_start(PUBLISHED, np.array([weeks]))[0] == pytest.approx(expected, abs=5e-4)


def test_mean_spend_of_a_customer_without_repeats_is_the_population_mean() -> None:
    found = expected_spend(PUBLISHED_SPEND, np.array([0]), np.array([0.0]))

    assert found[0] == pytest.approx(6.25 * 15.44 / 2.74)


def test_mean_spend_moves_from_the_population_to_the_customer() -> None:
    repeats = np.array([0, 1, 5, 1000])
    found = expected_spend(PUBLISHED_SPEND, repeats, repeats * 100.0)

    assert np.all(np.diff(found) > 0)
    assert found[-1] == pytest.approx(100, abs=0.1)


@pytest.mark.parametrize("model", [PUBLISHED, BgNbd(2.0, 30.0, 0.2, 3.0), BgNbd(0.5, 9, 2.5, 1.5)])
@pytest.mark.parametrize("x", [0, 1, 2, 7, 40])
def test_expectation_equals_the_hypergeometric_form(model: BgNbd, x: int) -> None:
    ages, horizons = np.array([50.0, 200.0, 900.0]), np.array([1.0, 30.0, 365.0])
    found = expected_if_alive(model, x, ages, horizons)

    r, alpha, a, b = model.r, model.alpha, model.a, model.b
    z = horizons / (alpha + ages[:, None] + horizons)
    inner = (1 - z) ** (r + x) * hyp2f1(r + x, b + x, a + b + x - 1, z)
    assert found == pytest.approx((a + b + x - 1) / (a - 1) * (1 - inner), rel=1e-7)


@pytest.mark.parametrize(("a", "b"), [(1.0, 2.0), (0.4, 0.6), (1.0, 1.0), (1e-4, 1.0), (1e4, 1e6)])
def test_expectation_is_finite_where_the_hypergeometric_form_is_not(a: float, b: float) -> None:
    near = expected_from_start(BgNbd(0.6, 60.0, a * 1.00001, b * 1.00001), np.array([365.0]))
    found = expected_from_start(BgNbd(0.6, 60.0, a, b), np.array([365.0]))

    assert np.isfinite(found[0])
    assert found == pytest.approx(near, rel=1e-4)


def test_quadrature_knows_the_moments_of_the_beta_distribution() -> None:
    for a, b in ((0.3, 0.7), (0.5, 0.5), (1.0, 1.0), (4.0, 90.0)):
        nodes, weights = beta_quadrature(a, b, 12)
        for power in range(6):
            expected = beta_function(a + power, b) / beta_function(a, b)
            assert weights @ nodes**power == pytest.approx(expected)


def test_what_is_expected_grows_with_the_horizon_and_falls_with_silence() -> None:
    horizons = np.arange(1.0, 400.0, 7)
    assert np.all(np.diff(expected_from_start(PUBLISHED, horizons)) > 0)

    last = np.arange(0.0, 39.0)
    silent = np.full(len(last), 39.0)
    repeats = np.full(len(last), 3)
    assert np.all(np.diff(probability_alive(PUBLISHED, repeats, last, silent)) > 0)
    assert np.all(
        np.diff(expected_purchases(PUBLISHED, repeats, last, silent, np.array([52.0]))[:, 0]) > 0
    )


def test_who_bought_once_is_alive() -> None:
    assert probability_alive(PUBLISHED, *one(0, 0, 1000))[0] == 1


@pytest.fixture(scope="module")
def customers():
    """A hundred thousand customers of the demo's own process, watched for up to 1,000 days."""
    rng = np.random.default_rng(20261120)
    truth, count = PurchaseModel(), 100_000
    age = rng.uniform(1, 1000, count)
    who, when = draw_purchases(truth, age, rng)
    amounts = draw_amounts(truth, who, count, rng) / 100
    is_repeat = when > 0
    last = np.zeros(count)
    np.maximum.at(last, who, when)
    repeats = np.bincount(who, is_repeat, minlength=count).astype(np.int64)
    spent = np.bincount(who, np.where(is_repeat, amounts, 0), minlength=count)
    return truth, repeats, last, age, spent


def test_true_parameters_lie_in_the_95_percent_intervals(customers) -> None:
    truth, repeats, last, age, spent = customers
    purchases = fit_bgnbd(repeats, last, age)
    amounts = fit_gamma_gamma(repeats[repeats > 0], spent[repeats > 0])

    for fit, names in ((purchases, ("r", "alpha", "a", "b")), (amounts, ("p", "q", "v"))):
        assert fit.is_found
        assert not fit.at_bound
        for name, (low, high) in zip(names, fit.intervals, strict=True):
            assert low < getattr(truth, name) < high, name
            assert high / low < 1.25, name


def test_the_order_of_the_customers_changes_nothing(customers) -> None:
    _, repeats, last, age, spent = customers
    some = np.random.default_rng(1).permutation(5000)
    rows = [np.floor(values[:5000]) for values in (last, age)]
    first = fit_bgnbd(repeats[:5000], *rows)
    again = fit_bgnbd(repeats[some], *(values[some] for values in rows))
    assert first.model == again.model

    buyers = np.flatnonzero(repeats > 0)[:5000]
    mixed = np.random.default_rng(2).permutation(buyers)
    assert (
        fit_gamma_gamma(repeats[buyers], spent[buyers]).model
        == fit_gamma_gamma(repeats[mixed], spent[mixed]).model
    )


def test_likelihood_of_groups_equals_the_likelihood_customer_by_customer(customers) -> None:
    _, repeats, last, age, _ = (
        values[:300] if hasattr(values, "__len__") else values for values in customers
    )
    last, age = np.floor(last / 50), np.floor(age / 50)
    r, alpha, a, b = 0.6, 1.2, 0.8, 4.0
    total = 0.0
    for x, t, T in zip(repeats, last, age, strict=True):  # noqa: N806
        alive = (alpha + T) ** -(r + x)
        gone = (a / (b + x - 1)) * (alpha + t) ** -(r + x) if x else 0.0
        total += (
            gammaln(r + x) - gammaln(r) + r * np.log(alpha) + gammaln(a + b) + gammaln(b + x)
            - gammaln(b) - gammaln(a + b + x) + np.log(alive + gone)
        )  # fmt: skip

    evaluate = _objective(group_histories(repeats, last, age))
    value, _ = evaluate(np.log([r, alpha, a, b]))
    assert -value * 300 == pytest.approx(total)


def test_gradients_are_the_slopes(customers) -> None:
    _, repeats, last, age, spent = customers
    some = slice(0, 400)
    bought = repeats > 0
    objectives = (
        (_objective(group_histories(repeats[some], last[some], age[some])), [0.6, 60, 0.8, 4]),
        (
            spend_objective(repeats[bought][some].astype(float), spent[bought][some], np.ones(400)),
            [6, 12, 3000],
        ),
    )
    for evaluate, start in objectives:
        point = np.log(np.asarray(start, dtype=float))
        slopes = [
            (evaluate(point + step)[0] - evaluate(point - step)[0]) / 2e-5
            for step in np.eye(len(point)) * 1e-5
        ]
        assert evaluate(point)[1] == pytest.approx(slopes, rel=1e-4, abs=1e-7)


def test_nelder_mead_takes_over_where_the_gradient_leads_nowhere(
    customers, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, repeats, last, age, _ = customers
    first = fit_bgnbd(repeats[:2000], last[:2000], age[:2000])
    monkeypatch.setattr(likelihood, "_descend", lambda _objective, start, _bounds, **_: start)
    second = fit_bgnbd(repeats[:2000], last[:2000], age[:2000])

    assert second.is_found
    assert second.model.alpha == pytest.approx(first.model.alpha, rel=1e-5)


def test_a_likelihood_without_a_value_is_not_found() -> None:
    def nowhere(point):
        return float("nan"), np.full(4, np.nan)

    found = likelihood.maximise(nowhere, coarse=nowhere, starts=STARTS, axes=np.eye(4).tolist())
    assert not found.is_found
