"""The rules: the shipped seeds are clean, and every planted fault is found, and only it."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from dagster_project import night
from dagster_project.defs.run import NightFailedError
from dagster_project.rules.class_rules import load_codes
from dagster_project.rules.faults import RulesError
from dagster_project.rules.seeds import declared_seeds
from dagster_project.rules.thresholds import Limit, known_parameters, load_limits
from dagster_project.rules.validate import check_rules, find_faults
from dagster_project.settings import PROJECT_DIR
from tests.support import demo_settings, run_night

Edit = Callable[[str], str]


def replaced(old: str, new: str) -> Edit:
    def edit(text: str) -> str:
        assert text.count(old) == 1, (old, text.count(old))
        return text.replace(old, new)

    return edit


def added(*rows: str) -> Edit:
    return lambda text: text + "".join(f"{row}\n" for row in rows)


def without(start: str) -> Edit:
    def edit(text: str) -> str:
        kept = [line for line in text.splitlines(keepends=True) if not line.startswith(start)]
        assert len(kept) < len(text.splitlines()), start
        return "".join(kept)

    return edit


def both(*edits: Edit) -> Edit:
    def edit(text: str) -> str:
        for one in edits:
            text = one(text)
        return text

    return edit


def write_changed(folder: Path, seed: str, edit: Edit) -> Path:
    """Write a changed copy of a shipped seed."""
    text = declared_seeds()[seed].path.read_text(encoding="utf-8")
    path = folder / f"{seed}.csv"
    path.write_text(edit(text), encoding="utf-8")
    return path


HIGH = "value,loyalty_high,0.6,1900-01-01,,1,loyal from this loyalty score on"
HIGH_ENDS = "value,loyalty_high,0.6,1900-01-01,2026-06-30,1,until then"
VALUE_HIGH = "value,value_high,0.8,1900-01-01,,1,"

THRESHOLDS: list[tuple[str, Edit, str, str]] = [
    ("not a number", replaced("loyalty_high,0.6", "loyalty_high,o.6"), "value", "'o.6'"),
    ("too exact", replaced("loyalty_high,0.6", "loyalty_high,0.6666667"), "value", "6 decimals"),
    ("above its range", replaced("loyalty_high,0.6", "loyalty_high,1.2"), "value", "from 0 to 1"),
    (
        "more decimals than the model compares",
        replaced("abc_a_share_pct,80", "abc_a_share_pct,80.125"),
        "value",
        "(2 decimals) from 0 to 100",
    ),
    ("below its range", replaced("loyalty_high,0.6", "loyalty_high,-0.1"), "value", "from 0 to 1"),
    ("half a day", replaced("new_tenure_days,90", "new_tenure_days,90.5"), "value", "whole number"),
    ("empty", replaced("loyalty_high,0.6", "loyalty_high,"), "value", "nothing"),
    (
        "weights of a group",
        replaced("loyalty_repeat_weight,0.35", "loyalty_repeat_weight,0.3"),
        "value",
        "= 0.95",
    ),
    ("medium above high", replaced("value_medium,0.4", "value_medium,0.9"), "value", "value_high"),
    ("A above B", replaced("abc_a_share_pct,80", "abc_a_share_pct,96"), "value", "abc_b_share_pct"),
    (
        "medium above high from a day on",
        both(
            replaced(VALUE_HIGH, "value,value_high,0.8,1900-01-01,2026-06-30,1,"),
            added("value,value_high,0.3,2026-07-01,,2,later"),
        ),
        "value",
        "0.3",
    ),
    (
        "two in force",
        added("value,loyalty_high,0.5,2026-07-01,,2,later"),
        "valid_from",
        "holds until further notice",
    ),
    (
        "a day without one",
        both(
            replaced(HIGH, HIGH_ENDS),
            added("value,loyalty_high,0.5,2026-07-02,,2,later"),
        ),
        "valid_from",
        "expected 2026-07-01",
    ),
    ("no row after", replaced(HIGH, HIGH_ENDS), "valid_to", "no row after"),
    (
        "no row before",
        replaced("loyalty_high,0.6,1900-01-01", "loyalty_high,0.6,2020-01-01"),
        "valid_from",
        "no row before",
    ),
    (
        "ends before it begins",
        replaced(HIGH, HIGH.replace("1900-01-01,", "2026-01-01,2025-12-31")),
        "valid_to",
        "not before valid_from",
    ),
    (
        "same version",
        both(
            replaced(HIGH, HIGH_ENDS),
            added("value,loyalty_high,0.5,2026-07-01,,1,later"),
        ),
        "rule_version",
        "more than the 1",
    ),
    ("missing parameter", without("kpi,kpi_churn_days"), "parameter", "no row of kpi_churn_days"),
    (
        "unknown parameter",
        added("value,loyalty_hihg,0.5,1900-01-01,,1,typo"),
        "parameter",
        "'loyalty_hihg'",
    ),
    ("the same row twice", added(HIGH), "", "the same row"),
    ("another date", replaced(HIGH, HIGH.replace("1900-01-01", "1900/1/1")), "valid_from", "2026"),
    ("a cell too many", replaced(HIGH, HIGH + ", indeed"), "", "8 cells"),
]

OTHERS: list[tuple[str, str, Edit, str, str]] = [
    (
        *("class_labels", "no English"),
        replaced("customer_status,churned,流失,Churned", "customer_status,churned,流失,"),
        *("label_en", "nothing"),
    ),
    (
        *("class_labels", "no Chinese"),
        replaced("customer_status,churned,流失", "customer_status,churned,  "),
        *("label_zh", "only blanks"),
    ),
    (
        *("class_labels", "a class without labels"),
        without("customer_status,churned"),
        *("code", "customer_status, code churned"),
    ),
    (
        *("class_labels", "two labels"),
        added("customer_status,churned,流失客户,Lost,7"),
        *("dimension", "again"),
    ),
    (
        *("segment_rules", "unknown segment"),
        replaced("r_rfm,1,champions,", "r_rfm,1,champion,"),
        *("segment", "'champion'"),
    ),
    (
        *("segment_rules", "range the wrong way round"),
        replaced("r_rfm,11,others,1,5", "r_rfm,11,others,5,1"),
        *("r_min", "1 <= min <= max <= 5"),
    ),
    (
        *("segment_rules", "beyond the scores"),
        replaced("klaviyo,1,champions,3,3", "klaviyo,1,champions,3,4"),
        *("r_min", "<= 3"),
    ),
    (
        *("segment_rules", "scores without a rule"),
        without("klaviyo,24"),
        *("preset", "no rule for 1 codes of preset klaviyo: 111"),
    ),
    (
        *("segment_rules", "a preset that is gone"),
        without("pymc"),
        *("preset", "no rule for 64 codes of preset pymc: 111, 112"),
    ),
    (
        *("segment_rules", "scores without a rule from a day on"),
        replaced(
            "r_rfm,11,others,1,5,1,5,1,5,1900-01-01,", "r_rfm,11,others,1,5,1,5,1,5,2030-01-01,"
        ),
        *("preset", "of preset r_rfm"),
    ),
    (
        *("segment_rules", "own preset with holes"),
        added("own,1,champions,5,5,1,5,1,5,1900-01-01,,1"),
        *("preset", "no rule for 100 codes of preset own"),
    ),
    (
        *("enum_map", "unknown stage"),
        replaced(
            "zoho,deal_stage,Needs Analysis,intent", "zoho,deal_stage,Needs Analysis,interest"
        ),
        *("value", "'interest' as deal_stage"),
    ),
    ("enum_map", "unknown enum", added("zoho,deal_stages,X,intent"), "enum", "'deal_stages'"),
    ("enum_map", "unknown format", added("sap,deal_stage,X,intent"), "crm_format", "'sap'"),
    (
        *("enum_map", "two meanings"),
        added("zoho,deal_stage,Needs Analysis,won"),
        *("crm_format", "again"),
    ),
    (
        *("tag_rules", "unknown class"),
        replaced("dormant,behavior_class,dormant", "dormant,behavior_class,asleep"),
        *("code", "behavior_class asleep"),
    ),
    (
        *("tag_rules", "unknown tag"),
        replaced("churned,customer_status", "gone,customer_status"),
        *("tag", "'gone'"),
    ),
    ("service_policy", "no policy", without("B,"), "abc_tier", "no row of tier B"),
    (
        *("service_policy", "unknown tier"),
        added("D,30,24,false,call,1900-01-01,,1,D"),
        *("abc_tier", "'D'"),
    ),
    (
        *("service_policy", "no interval"),
        replaced("A,14,4", "A,0,4"),
        *("revisit_interval_days", "at least 1"),
    ),
    (
        "service_policy",
        "neither yes nor no",
        replaced("A,14,4,true", "A,14,4,yes"),
        "has_dedicated_owner",
        "true or false",
    ),
    (
        *("company_sizes", "sizes that do not rise"),
        replaced("retail,employees,10,50,300", "retail,employees,50,10,300"),
        *("small_from", "50, 10, 300"),
    ),
    (
        *("company_sizes", "a measure that lacks"),
        without("retail,employees"),
        *("industry", "retail by employees"),
    ),
    ("age_bands", "a hole", replaced("age_25_34,25,34", "age_25_34,26,34"), "min_age", "at 25"),
    ("rfm_classes", "a class that lacks", without("true,false,true"), "rfm_class", "no row of"),
    (
        *("prospect_next_steps", "nothing to do"),
        without("intent,low"),
        *("prospect_stage", "intent with intent low"),
    ),
    (
        "funnel_stages",
        "a wrong next",
        replaced("1,prospect,intent", "1,prospect,won"),
        "next_stage",
        "intent, the stage after it",
    ),
    (
        *("size_classes", "unknown power"),
        replaced("large,high,high", "large,huge,high"),
        *("purchasing_power", "'huge'"),
    ),
    (
        *("industries", "unknown industry"),
        replaced("20,ASP,exact,technology", "20,ASP,exact,tech"),
        *("industry", "'tech'"),
    ),
    (
        *("industries", "unknown way to match"),
        replaced("20,ASP,exact,technology", "20,ASP,exactly,technology"),
        *("match_kind", "'exactly'"),
    ),
    ("city_tiers", "unknown city", replaced("北京市,tier_1", "北平市,tier_1"), "city", "'北平市'"),
    (
        "city_tiers",
        "unknown tier",
        replaced("北京市,tier_1", "北京市,tier_0"),
        "city_tier",
        "tier_0",
    ),
    ("need_sources", "negative", replaced("tag,2", "tag,-2"), "weight", "0 or more"),
    (
        *("rfm_cut_points", "too few"),
        added("recency,1,30,2026-01-01,,1,fixed"),
        *("cut_number", "1 to 4 of 5 bins"),
    ),
    (
        *("rfm_cut_points", "falling"),
        added(
            *(f"recency,{n},{c},2026-01-01,,1,fixed" for n, c in ((1, 9), (2, 8), (3, 7), (4, 6)))
        ),
        *("cut_point", "no less than"),
    ),
    ("need_keywords", "a wrong header", replaced("is_word", "is_words"), "", "is_words"),
]


def test_the_shipped_seeds_have_no_fault() -> None:
    assert find_faults() == []


@pytest.mark.parametrize(
    ("edit", "column", "said"),
    [case[1:] for case in THRESHOLDS],
    ids=[case[0] for case in THRESHOLDS],
)
def test_a_fault_of_a_threshold_is_found_and_only_it(
    tmp_path: Path, edit: Edit, column: str, said: str
) -> None:
    path = write_changed(tmp_path, "class_thresholds", edit)

    faults = find_faults(changed=tmp_path)

    assert len(faults) == 1, faults
    assert (faults[0].file, faults[0].column) == (str(path), column)
    assert said in str(faults[0])


@pytest.mark.parametrize(
    ("seed", "edit", "column", "said"),
    [(c[0], *c[2:]) for c in OTHERS],
    ids=[f"{case[0]}: {case[1]}" for case in OTHERS],
)
def test_a_fault_of_another_seed_is_found_and_only_it(
    tmp_path: Path, seed: str, edit: Edit, column: str, said: str
) -> None:
    path = write_changed(tmp_path, seed, edit)

    faults = find_faults(changed=tmp_path)

    assert len(faults) == 1, faults
    assert (faults[0].file, faults[0].column) == (str(path), column)
    assert said in str(faults[0])


def test_a_fault_names_its_line(tmp_path: Path) -> None:
    write_changed(tmp_path, "class_labels", replaced("rfm_class,important_develop,", "rfm_class,,"))

    faults = find_faults(changed=tmp_path)

    assert [(fault.line, fault.column) for fault in faults] == [(3, "code")]


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    text = declared_seeds()["class_labels"].path.read_text(encoding="utf-8")
    (tmp_path / "class_labels.csv").write_bytes(text.encode("gb18030"))

    faults = find_faults(changed=tmp_path)

    assert [fault.found for fault in faults] == ["bytes that are not UTF-8"]


def test_files_that_are_no_seed_or_stand_twice_are_refused(tmp_path: Path) -> None:
    (tmp_path / "thresholds.csv").write_text("a\n", encoding="utf-8")
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        write_changed(tmp_path / folder, "class_labels", lambda text: text)

    found = [fault.found for fault in find_faults(changed=tmp_path)]

    assert sorted(found) == ["a file that is no seed", "a second file of this name"]


def test_all_faults_are_said_at_once(tmp_path: Path) -> None:
    write_changed(tmp_path, "class_thresholds", replaced("loyalty_high,0.6", "loyalty_high,2"))
    write_changed(tmp_path, "age_bands", replaced("age_25_34,25,34", "age_25_34,26,34"))

    with pytest.raises(RulesError) as error:
        check_rules(changed=tmp_path)

    assert "2 faults" in str(error.value)
    assert "class_thresholds.csv line 52, value" in str(error.value)
    assert "age_bands.csv line 4, min_age" in str(error.value)


def test_a_fault_of_the_labels_does_not_hide_the_others(tmp_path: Path) -> None:
    write_changed(tmp_path, "class_labels", without("segment,champions"))

    faults = find_faults(changed=tmp_path)

    assert {fault.column for fault in faults} == {"segment"}
    assert all("champions" in fault.found for fault in faults)


def test_own_presets_and_cut_points_go_by_the_bins_of_the_settings(tmp_path: Path) -> None:
    write_changed(tmp_path, "segment_rules", added("own,1,champions,1,4,1,4,1,4,1900-01-01,,1"))

    assert find_faults(changed=tmp_path, bins=4) == []
    assert find_faults(changed=tmp_path, bins=5) != []


def test_the_limits_are_of_parameters_that_the_models_use() -> None:
    limits = load_limits()
    named = {*limits.parameters, *(p for group in [*limits.orders, *limits.sums] for p in group)}

    assert named <= set(known_parameters())
    assert [p for p in known_parameters() if limits.limit_of(p) == Limit()] == []


def test_the_enums_are_those_that_the_models_read() -> None:
    read: set[str] = set()
    for path in (PROJECT_DIR / "models").rglob("*.sql"):
        read |= set(re.findall(r"\benum = '(\w+)'", path.read_text(encoding="utf-8")))

    assert set(load_codes().enums) == read


def test_a_fault_stops_a_run_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_changed(tmp_path, "class_thresholds", replaced("loyalty_high,0.6", "loyalty_high,2"))
    monkeypatch.setattr(night, "check_rules", lambda bins: check_rules(changed=tmp_path, bins=bins))
    settings = demo_settings(tmp_path / "home", demo=True)

    with pytest.raises(NightFailedError, match="found 2 for loyalty_high") as error:
        run_night(settings)

    assert "raw_zone: " in str(error.value)
    assert not (settings.home / "exports").exists()
