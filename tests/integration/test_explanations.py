"""Every published explanation, judged again by hand-written rules that read nothing but it."""

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import duckdb
import pytest

from dagster_project.demo import write_demo_exports
from dagster_project.settings import Settings
from tests.support import NOW, deliver, demo_settings, published, run_light_night

SAMPLE = 1000
LAST = date(2025, 3, 20)
# Millionths: the inputs and thresholds of an explanation are written with six decimals.
EDGE = 1e-6

Values = dict[str, Any]
NOMINAL = {
    *("satisfaction_level", "feedback_polarity", "primary_need", "need_kind", "preferred_channel"),
    *("decision_power", "customer_type", "company_size", "industry", "market", "city_tier"),
    *("region", "north_south", "behavior_channel", "source_channel", "occupation", "age_band"),
}


def has_bought(i: Values) -> bool:
    """The first purchase of a prospect is asked about, and it has no recency yet."""
    return i["recency_days"] is not None


def relationship_stage(i: Values, t: Values) -> str:
    if i["purchase_days"] == 0:
        return "exploration" if i["open_deals"] or i["two_way_contacts"] else "not_applicable"
    is_late = has_bought(i) and i["recency_days"] > max(
        t["decline_cadence_factor"] * i["cadence_days"], t["decline_min_days"]
    )
    is_shrinking = (
        i["prior_purchase_days"] >= t["decline_min_prior_days"]
        and i["prior_base"] > 0
        and i["recent_base"] < t["decline_amount_ratio"] * i["prior_base"] - EDGE
    )
    if is_late or is_shrinking:
        return "decline"
    if (
        i["purchase_days"] <= t["exploration_purchase_days"]
        or i["tenure_days"] <= t["exploration_tenure_days"]
    ):
        return "exploration"
    if (
        has_bought(i)
        and i["purchase_days"] >= t["maturity_purchase_days"]
        and i["tenure_days"] >= t["maturity_tenure_days"]
        and i["recency_days"] <= t["maturity_cadence_factor"] * i["cadence_days"]
    ):
        return "maturity"
    return "formation"


def customer_status(i: Values, t: Values) -> str:
    if i["purchase_days"] == 0:
        return "prospect"
    if has_bought(i) and i["recency_days"] > max(
        t["churn_min_days"], t["churn_cadence_factor"] * i["cadence_days"]
    ):
        return "churned"
    if i["tenure_days"] <= t["new_tenure_days"]:
        return "new"
    is_late = has_bought(i) and i["recency_days"] > max(
        t["decline_cadence_factor"] * i["cadence_days"], t["decline_min_days"]
    )
    is_shrinking = (
        i["prior_purchase_days"] >= t["decline_min_prior_days"]
        and i["prior_base"] > 0
        and i["recent_base"] < t["decline_amount_ratio"] * i["prior_base"] - EDGE
    )
    if is_late or is_shrinking:
        return "declining"
    if (
        i["prior_purchase_days"] >= t["growth_min_prior_days"]
        and i["prior_base"] > 0
        and i["recent_purchase_days"] >= t["growth_min_days"]
        and i["recent_base"] >= t["growth_amount_ratio"] * i["prior_base"] - EDGE
    ):
        return "growing"
    return "stable"


def prospect_stage(i: Values, t: Values) -> str:
    if (
        i["window_purchase_days"] >= t["loyal_purchase_days"]
        and i["recency_days"] is not None
        and i["recency_days"] <= t["loyal_recency_days"]
    ):
        return "loyal"
    if i["purchase_days"] >= 1:
        return "purchase"
    is_near = i["open_deals"] or i["qualified_leads"]
    return "intent" if is_near or i["intent_score"] >= t["intent_stage_score"] else "first_contact"


def rfm_class(i: Values, _: Values) -> str:
    recent = i["recency_days"] <= i["recency_max"]
    frequent = i["frequency"] >= i["frequency_min"]
    value = i["rfm_monetary_base"] >= i["monetary_min"]
    names = {(True, True): "value", (True, False): "develop", (False, True): "keep"}
    return ("important_" if value else "general_") + names.get((recent, frequent), "winback")


def abc_tier(i: Values, _: Values) -> str:
    if i["monetary_base"] <= 0:
        raw = "C"
    elif i["monetary_base"] >= i["a_min"]:
        raw = "A"
    else:
        raw = "B" if i["monetary_base"] >= i["b_min"] else "C"
    return min(raw, i["held_tier"])


def value_class(i: Values, t: Values) -> str:
    if i["value_score"] >= t["value_high"]:
        return "high"
    return "medium" if i["value_score"] >= t["value_medium"] else "low"


def loyalty_class(i: Values, t: Values) -> str:
    return "high" if i["loyalty_score"] >= t["loyalty_high"] else "low"


def frequency_class(i: Values, t: Values) -> str:
    for name in ("high", "medium", "low"):
        if i["window_purchase_days"] >= t[f"frequency_{name}_days"]:
            return name
    return "none"


def purchasing_power(i: Values, _: Values) -> str:
    if i["average_order_base"] is None:
        return i["power_of_size"] or "unknown"
    return "high" if i["average_order_base"] >= i["median_order_base"] else "low"


def purchase_channel(i: Values, _: Values) -> str:
    online, offline = i["window_online_base"], i["window_offline_base"]
    if not online and not offline:
        return "unknown"
    if online == offline:
        return "online" if i["is_online_last"] else "offline"
    return "online" if online > offline else "offline"


def behavior_class(i: Values, t: Values) -> str:
    if not i["delivers_activities"]:
        return "unknown"
    if i["interactions_30d"] >= t["behavior_active_interactions"]:
        return "active"
    if i["interactions_90d"] == 0 and i["age_days"] > t["behavior_dormant_days"]:
        return "dormant"
    return "potential" if i["first_purchase_date"] is None else "occasional"


def feedback_class(i: Values, t: Values) -> str:
    score = i["satisfaction_score"]
    if i["open_complaints"] or (score is not None and score <= t["feedback_dissatisfied_score"]):
        return "dissatisfied"
    if score is not None and score >= t["feedback_satisfied_score"]:
        return "satisfied"
    return "neutral" if i["answers_365d"] or i["recent_complaints"] else "unknown"


def relationship_closeness(i: Values, t: Values) -> str:
    if i["behavior_class"] == "unknown":
        return "unknown"
    is_close = (
        i["tenure_days"] >= t["close_tenure_days"]
        and i["two_way_contacts_180d"] >= t["close_contacts"]
        and i["feedback_class"] != "dissatisfied"
    )
    return "close" if is_close else "loose"


def intent_class(i: Values, t: Values) -> str:
    if i["intent_score"] >= t["intent_high"]:
        return "high"
    return "medium" if i["intent_score"] >= t["intent_medium"] else "low"


RULES: dict[str, Callable[[Values, Values], str]] = {
    rule.__name__: rule
    for rule in (
        *(relationship_stage, customer_status, prospect_stage, rfm_class, abc_tier, value_class),
        *(loyalty_class, frequency_class, purchasing_power, purchase_channel, behavior_class),
        *(feedback_class, relationship_closeness, intent_class),
    )
}


@pytest.fixture(scope="module")
def demo_night(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    world = tmp_path_factory.mktemp("world")
    write_demo_exports(world, customers=1200, nights=1, dirt=0.02, last_date=LAST)
    settings = demo_settings(tmp_path_factory.mktemp("home"))
    deliver(world, settings, LAST)
    run_light_night(settings, now=NOW)
    return settings


@pytest.fixture(scope="module")
def explanations(demo_night: Settings) -> list[dict[str, Any]]:
    with duckdb.connect(str(published(demo_night.home)), read_only=True) as connection:
        rows = connection.execute(
            "select dimension, value, inputs, threshold, distance_to_next, next_input, next_value "
            "from class_explanations where customer_key in (select customer_key from "
            "customer_classification order by md5(customer_key) limit ?)",
            [SAMPLE],
        )
        names = [column[0] for column in rows.description]
        return [dict(zip(names, row, strict=True)) for row in rows.fetchall()]


def test_every_dimension_is_explained(explanations: list[dict[str, Any]]) -> None:
    assert {row["dimension"] for row in explanations} <= set(RULES) | NOMINAL
    assert {row["dimension"] for row in explanations} >= set(RULES)


def test_inputs_and_thresholds_give_the_class(explanations: list[dict[str, Any]]) -> None:
    wrong = [
        row
        for row in explanations
        if row["dimension"] in RULES
        and RULES[row["dimension"]](json.loads(row["inputs"]), json.loads(row["threshold"]))
        != row["value"]
    ]

    assert wrong[:3] == []


def test_the_smallest_change_gives_the_next_class(explanations: list[dict[str, Any]]) -> None:
    changed = [row for row in explanations if row["next_value"] is not None]
    wrong = []
    for row in changed:
        inputs, thresholds = json.loads(row["inputs"]), json.loads(row["threshold"])
        inputs[row["next_input"]] = round(inputs[row["next_input"]] + row["distance_to_next"], 6)
        if RULES[row["dimension"]](inputs, thresholds) != row["next_value"]:
            wrong.append(row)

    assert len(changed) > len(explanations) / 5
    assert wrong[:3] == []


def test_a_nominal_class_has_no_distance(explanations: list[dict[str, Any]]) -> None:
    nominal = [row for row in explanations if row["dimension"] in NOMINAL]

    assert nominal
    assert all(row["distance_to_next"] is None for row in nominal)
