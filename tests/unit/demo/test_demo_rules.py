"""The demo world as the test bed of the data rules: clean where it says so, spoilt where listed."""

from collections import Counter
from pathlib import Path

import pytest

from dagster_project.demo import DemoTruth, write_demo_exports
from tests.unit.demo.rule_oracle import (
    RULES,
    broken,
    changed_after_closing,
    read_night,
    results_ignored,
)

ENTRY = {*range(1, 15), *range(20, 31), *range(40, 52)}
UPDATE = set(range(1, 17))
ALL_RULES = {f"ENT-{n:03d}" for n in ENTRY} | {f"UPD-{n:03d}" for n in UPDATE}
OF_TWO_NIGHTS = {"UPD-002", "UPD-016"}


def listed(truth: DemoTruth) -> set[tuple[str, str, str, str]]:
    """What is planted and can be judged from the files."""
    return {
        (p.rule_id, p.entity, p.source, p.record_id)
        for p in truth.planted
        if not p.rule_id.startswith("STR")
    }


def found_in(out: Path, truth: DemoTruth) -> set[tuple[str, str, str, str]]:
    """Every violation of the last night."""
    nights = [read_night(out, day) for day in truth.export_dates[-3:]]
    found = set(broken(nights[-1]))
    if len(nights) > 1:
        changed = changed_after_closing(nights[0], nights[-1])
        ignored = results_ignored(nights[0], nights[-1])
        found |= {("UPD-016", *v) for v in changed} | {("UPD-002", *v) for v in ignored}
    return found


def test_every_rule_has_a_judge() -> None:
    assert RULES.keys() | OF_TWO_NIGHTS == ALL_RULES


@pytest.mark.parametrize(
    ("customers", "nights", "seed"), [(60, 10, 3), (150, 3, 4), (400, 2, 5), (250, 1, 6)]
)
def test_a_clean_world_breaks_no_rule(
    tmp_path: Path, customers: int, nights: int, seed: int
) -> None:
    truth = write_demo_exports(tmp_path, customers=customers, nights=nights, seed=seed, dirt=0)
    for day in {truth.export_dates[0], truth.export_dates[nights // 2], truth.export_dates[-1]}:
        assert not broken(read_night(tmp_path, day)), day
    assert found_in(tmp_path, truth) == set()


@pytest.mark.parametrize(
    ("customers", "nights", "seed", "dirt"), [(600, 3, 7, 0.02), (300, 1, 8, 0.1), (60, 4, 9, 0.02)]
)
def test_a_dirty_world_breaks_exactly_what_is_listed(
    tmp_path: Path, customers: int, nights: int, seed: int, dirt: float
) -> None:
    truth = write_demo_exports(tmp_path, customers=customers, nights=nights, seed=seed, dirt=dirt)
    found, planted = found_in(tmp_path, truth), listed(truth)
    assert found - planted == set()
    assert planted - found == set()


@pytest.mark.parametrize("seed", [7, 21, 22])
def test_every_rule_is_broken_at_least_twice(tmp_path: Path, seed: int) -> None:
    truth = write_demo_exports(tmp_path, customers=600, nights=2, seed=seed)
    planted = Counter(p.rule_id for p in truth.planted)
    wanted = {*ALL_RULES, "STR-003", "STR-007", "STR-008"}
    assert {rule_id for rule_id in wanted if planted[rule_id] < 2} == set()


def test_one_night_shows_no_change_between_nights(tmp_path: Path) -> None:
    truth = write_demo_exports(tmp_path, customers=300)
    assert not OF_TWO_NIGHTS & {p.rule_id for p in truth.planted}


def test_what_stops_a_night_stays_below_one_percent(tmp_path: Path) -> None:
    truth = write_demo_exports(tmp_path, customers=600, dirt=0.3)
    night = read_night(tmp_path, truth.export_dates[-1])
    stopping = Counter(
        (p.source, p.kind) for p in truth.planted if p.rule_id in {"STR-003", "STR-007"}
    )
    for (source, kind), count in stopping.items():
        assert count < len(night.tables[source, kind]) * 0.01, (source, kind)
