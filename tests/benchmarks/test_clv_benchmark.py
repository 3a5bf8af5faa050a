"""The CLV models at a million customers, and against lifetimes on the same 300,000.

Both run in processes of their own, whose peak memory is theirs alone.
"""

import multiprocessing
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dagster_project.clv.scoring import Parameters, Purchasers, fit, score
from dagster_project.demo.purchases import PurchaseModel, draw_amounts, draw_purchases

pytestmark = pytest.mark.bench

CUSTOMERS = 1_000_000
COMPARED = 300_000
LONGEST_DAYS = 1_000
MAX_SECONDS = 20
MAX_MEMORY = 2 * 2**30


def test_a_million_customers(capfd: pytest.CaptureFixture[str]) -> None:
    seconds, memory = _in_a_process(_fit_and_score)

    with capfd.disabled():
        _say(f"\n{CUSTOMERS:,} customers: {seconds:.1f} s, peak {memory / 2**30:.2f} GiB")
    assert seconds < MAX_SECONDS
    assert memory < MAX_MEMORY


def test_as_lifetimes_in_half_its_time(capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("lifetimes")
    ours, our_seconds = _in_a_process(_ours)
    theirs, their_seconds = _in_a_process(_theirs)

    with capfd.disabled():
        _say(f"\n{COMPARED:,} customers: ours {our_seconds:.1f} s, lifetimes {their_seconds:.1f} s")
        _say(f"ours      {np.array2string(ours, precision=4)}")
        _say(f"lifetimes {np.array2string(theirs, precision=4)}")
    assert ours == pytest.approx(theirs, rel=1e-3)
    assert our_seconds <= their_seconds / 2


def _purchasers(count: int) -> Purchasers:
    """Customers of the demo's process, in days."""
    rng = np.random.default_rng(20261120)
    model = PurchaseModel()
    age = rng.integers(1, LONGEST_DAYS, count).astype(np.float64)
    who, when = draw_purchases(model, age, rng)
    amounts = draw_amounts(model, who, count, rng) / 100
    days = who * LONGEST_DAYS + when.astype(np.int64)
    days, firsts = np.unique(days, return_index=True)
    who, day, amounts = days // LONGEST_DAYS, days % LONGEST_DAYS, amounts[firsts]
    last = np.zeros(count)
    np.maximum.at(last, who, day.astype(np.float64))
    return Purchasers(
        repeats=np.bincount(who, minlength=count) - 1,
        last=last,
        age=age,
        repeat_spend=np.bincount(who, np.where(day > 0, amounts, 0), minlength=count),
        total_spend=np.bincount(who, amounts, minlength=count),
    )


def _fit_and_score() -> tuple[float, int]:
    customers = _purchasers(CUSTOMERS)
    started = time.monotonic()
    parameters = fit(customers, min_repeat_customers=10)
    assert isinstance(parameters, Parameters)
    score(customers, parameters, monthly_rate=0.01)
    seconds = time.monotonic() - started
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _ours() -> tuple[np.ndarray, float]:
    customers = _purchasers(COMPARED)
    started = time.monotonic()
    found = fit(customers, min_repeat_customers=10)
    seconds = time.monotonic() - started
    assert isinstance(found, Parameters)
    models = vars(found.purchases.model), vars(found.amounts.model)
    return np.array([value for model in models for value in model.values()]), seconds


def _theirs() -> tuple[np.ndarray, float]:
    from lifetimes import BetaGeoFitter, GammaGammaFitter  # noqa: PLC0415

    customers = _purchasers(COMPARED)
    started = time.monotonic()
    purchases = BetaGeoFitter().fit(customers.repeats, customers.last, customers.age)
    again = customers.repeats > 0
    repeats = customers.repeats[again]
    amounts = GammaGammaFitter().fit(repeats, customers.repeat_spend[again] / repeats)
    seconds = time.monotonic() - started
    return np.array([*purchases.params_, *amounts.params_]), seconds


def _in_a_process(work: Callable[[], Any]) -> Any:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
