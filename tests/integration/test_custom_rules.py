"""Rules of a user's own: a row of the index and one of custom_rules.csv, no Python, no model."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dagster_project import night
from dagster_project.defs.quality import checks
from dagster_project.night import judge
from dagster_project.settings import Settings
from expectations import runner
from expectations.custom import CUSTOM_RULES, CustomRule, Customs, load_custom_rules
from expectations.rules import Rule, RuleIndexError, Severity, load_rules
from expectations.runner import gate
from tests.support import query

HEADER = "rule_id,entity,applies_when,fails_when,value\n"
RULES = {
    ("ENT-901", "accounts"): (None, "length(account_name) > 6", "account_name"),
    ("ENT-902", "accounts"): ("city is not null", "no_such_column = 1", None),
    ("ENT-903", "deals"): (None, "cast(deal_name as integer) > 1", None),
    ("ENT-904", "deals"): (None, "amount_doc > 0", "cast(deal_name as integer)"),
    ("UPD-905", "deals"): ("stage = 'won'", "amount_doc > 0", "amount_doc"),
}


def customs() -> Customs:
    return {
        key: CustomRule(
            rule_id=key[0], entity=key[1], applies_when=applies, fails_when=fails, value=value
        )
        for key, (applies, fails, value) in RULES.items()
    }


def index(severity: Severity = "warning") -> list[Rule]:
    model = next(rule for rule in load_rules() if rule.rule_id == "ENT-001")
    return [
        model.model_copy(update={"rule_id": rule_id, "entity": entity, "severity": severity})
        for rule_id, entity in RULES
    ]


@pytest.fixture
def judged_home(
    first_home: Path, second_evening: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> Settings:
    for module in (runner, night):
        monkeypatch.setattr(module, "load_custom_rules", customs)
    return second_evening()


def test_each_is_judged_and_one_that_crashes_takes_no_other_along(judged_home: Settings) -> None:
    rules = [*load_rules(), *index()]

    results = {r.rule_id: r for r in judge(judged_home, stage="records", rules=rules)}

    assert results["ENT-901"].status == "FAIL"
    assert results["UPD-905"].evaluated == results["UPD-905"].failed > 0
    assert results["UPD-905"].not_applicable > 0
    assert results["ENT-001"].status in {"PASS", "FAIL"}
    for rule_id, reason in (
        ("ENT-902", "no_such_column"),
        ("ENT-903", "Could not convert"),
        ("ENT-904", "Could not convert"),
    ):
        assert results[rule_id].status == "ERROR"
        assert rule_id in results[rule_id].message
        assert reason in (results[rule_id].error or "")
    assert not gate(list(results.values())).is_blocked


def test_what_they_find_is_handed_to_the_models(judged_home: Settings) -> None:
    judge(judged_home, stage="records", rules=[*load_rules(), *index()])

    long_names = query(
        judged_home.work_db,
        "select account_id, account_name from intermediate.int_crm__accounts "
        "where length(account_name) > 6 and valid_to is null order by 1",
    )
    assert (
        query(
            judged_home.work_db,
            "select record_id, value from raw.custom_violations where rule_id = 'ENT-901' "
            "order by 1",
        )
        == long_names
    )
    assert query(
        judged_home.work_db,
        "select sum(failed), sum(evaluated + not_applicable) from raw.custom_counts "
        "where rule_id = 'ENT-901'",
    ) == query(
        judged_home.work_db,
        f"select {len(long_names)}, count(*) from intermediate.int_crm__accounts "
        "where valid_to is null",
    )
    assert query(
        judged_home.work_db,
        "select rule_id from raw.custom_counts where error is not null order by 1",
    ) == [("ENT-902",), ("ENT-903",), ("ENT-904",)]


def test_a_critical_one_that_crashes_blocks_and_names_itself(judged_home: Settings) -> None:
    decision = gate(judge(judged_home, stage="records", rules=index("critical")))

    assert decision.is_blocked
    assert "ENT-902 accounts" in decision.message
    assert "no_such_column" in decision.message
    result = next(r for r in decision.blocking if r.rule_id == "ENT-902")
    check = checks.to_check_result(result, asset=checks.asset_of(index()[1]))
    assert check.severity.name == "ERROR"


def test_the_shipped_file_has_no_rule_and_a_faulty_one_is_named(tmp_path: Path) -> None:
    assert load_custom_rules(CUSTOM_RULES) == {}
    path = tmp_path / "custom_rules.csv"
    path.write_text(
        HEADER + "ENT-901,accounts,,phone is null,\nENT-901,accounts,,x,\nENT-9,planets,,,\n",
        encoding="utf-8",
    )
    with pytest.raises(RuleIndexError, match=r"(?s)line 3.*twice.*line 4.*rule_id.*entity"):
        load_custom_rules(path)
