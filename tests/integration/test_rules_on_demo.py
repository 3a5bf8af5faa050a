"""Every rule against the demo's own list of what it planted: found exactly, and nothing else.

One world of a few nights holds a defect of each rule; a clean one holds none. Each rule turned
round, or dropped, is noticed.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from dagster_project.demo import DemoTruth, write_demo_exports
from dagster_project.settings import Settings
from expectations.rules import DROPS, load_rules
from tests.support import NOW, deliver, demo_settings, published, query, run_light_night

LAST = date(2026, 11, 20)
NIGHTS = 2
Keys = dict[tuple[str, str], set[tuple[str, str]]]
# What these are about is a file or a total, not a record: other tests plant and find them.
ABOUT_FILES = {"STR-003", "STR-010", "STR-011"}


@dataclass(frozen=True)
class Night:
    settings: Settings
    truth: DemoTruth


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> Night:
    world = tmp_path_factory.mktemp("dirty")
    truth = write_demo_exports(world, customers=600, nights=NIGHTS, dirt=0.02, last_date=LAST)
    settings = demo_settings(tmp_path_factory.mktemp("home"))
    for number in range(NIGHTS):
        deliver(world, settings, LAST - timedelta(days=NIGHTS - 1 - number))
        run_light_night(settings, now=NOW + timedelta(minutes=number), data_tests=False)
    return Night(settings, truth)


def found(settings: Settings) -> Keys:
    """Records that break each rule, by native id; of a customer that of its record."""
    rows = query(
        published(settings.home),
        "select violations.rule_id, violations.entity, violations.crm_source, "
        "coalesce(records.source_id, violations.record_id) "
        "from dq_violations as violations left join customer_source_map as records "
        "on violations.entity = 'customers' and violations.record_id = records.customer_key",
    )
    return _by_rule(rows)


def planted(truth: DemoTruth) -> Keys:
    return _by_rule(
        (p.rule_id, p.entity, p.source, p.record_id.removeprefix("zcrm_"))
        for p in truth.planted
        if p.rule_id not in ABOUT_FILES
    )


def _by_rule(rows: Iterator[tuple[str, str, str, str]] | list[tuple[str, str, str, str]]) -> Keys:
    keys: Keys = defaultdict(set)
    for rule_id, entity, source, record_id in rows:
        keys[rule_id, entity].add((source, record_id))
    return dict(keys)


def test_a_clean_world_breaks_no_rule(tmp_path: Path) -> None:
    settings = demo_settings(tmp_path)
    write_demo_exports(tmp_path / "exports", customers=150, dirt=0.0, last_date=LAST)

    run_light_night(settings, now=NOW, data_tests=False)

    assert query(published(tmp_path), "select * from dq_violations") == []
    assert query(
        published(tmp_path), "select distinct status from dq_results where rule_id like 'STR-%'"
    ) in ([("PASS",), ("NOT_APPLICABLE",)], [("NOT_APPLICABLE",), ("PASS",)])


def test_exactly_what_was_planted_is_found(dirty: Night) -> None:
    expected, actual = planted(dirty.truth), found(dirty.settings)

    wrong = {
        key: {"missed": expected.get(key, set()) - actual.get(key, set()),
              "not planted": actual.get(key, set()) - expected.get(key, set())}
        for key in expected.keys() | actual.keys()
        if expected.get(key) != actual.get(key)
    }  # fmt: skip
    assert wrong == {}


def test_a_defect_of_every_rule_was_planted(dirty: Night) -> None:
    rules = {rule.rule_id for rule in load_rules() if rule.entity != DROPS}

    assert {rule_id for rule_id, _ in planted(dirty.truth)} >= rules - ABOUT_FILES - {"ENT-025"}


@pytest.mark.parametrize("change", ["turned round", "dropped"])
def test_a_rule_that_is_changed_is_noticed(dirty: Night, change: str) -> None:
    """Each flag of the night's tables, negated or always passing, gives other records."""
    expected = planted(dirty.truth)
    unnoticed = []
    with duckdb.connect(str(dirty.settings.work_db), read_only=True) as connection:
        for rule in load_rules():
            key = (rule.rule_id, rule.entity)
            if key not in expected:
                continue
            flag = f"not {rule.column}" if change == "turned round" else "false"
            records = connection.execute(
                f"select crm_source, record_id from intermediate.int_dq__{rule.entity}_flags "
                f"where {flag}"
            ).fetchall()
            if set(records) == expected[key]:
                unnoticed.append(key)
    assert unnoticed == []
