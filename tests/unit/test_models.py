"""Rules of the models that no linter knows: layers, sources, clocks, grain and descriptions."""

import csv
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from dagster_project.ingest.contract import load_contract
from dagster_project.settings import PROJECT_DIR

MODELS = PROJECT_DIR / "models"
SQL_FILES = sorted(MODELS.rglob("*.sql"))
MARTS = sorted((MODELS / "marts").rglob("*.sql"))

REF = re.compile(r"""ref\(\s*'([^']+)'""")
SOURCE = re.compile(r"""source\(\s*'raw'\s*,\s*'([^']+)'""")
JINJA_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
SQL_COMMENT = re.compile(r"--.*")
CLOCK = re.compile(
    r"\b(current_date|current_timestamp|current_time|localtimestamp|getdate|sysdate|today\(\)"
    r"|now\(\)|run_started_at|datetime\.)",
    re.IGNORECASE,
)
SOURCE_BRANCH = re.compile(r"crm_source\s*(=|<>|!=|in|like)\s*\(?\s*'", re.IGNORECASE)
CHINESE = re.compile(r"[\u4e00-\u9fff]")
ENGLISH = re.compile(r"[A-Za-z]{3,}|\b[A-Z]\b")

# What intermediate models and marts may read beside models: what the run itself states.
RUN_TABLES = {
    "custom_counts",
    "custom_violations",
    "run_context",
    "run_settings",
    "sources",
    "enum_overrides",
    "load_manifest",
    "drop_audit",
    "normalised_phones",
    "normalised_emails",
    "normalised_codes",
    "normalised_names",
    "clv_scores",
    "clv_fits",
    "clv_calibration",
    "tier_changes",
}
# The reconciliation compares what staging typed with the raw text itself.
READS_RAW_TEXT = {"int_dq__amounts_flags": {"orders"}}


def code_of(path: Path) -> str:
    """The SQL of a model without comments."""
    return SQL_COMMENT.sub("", JINJA_COMMENT.sub("", path.read_text(encoding="utf-8")))


def described_models() -> dict[str, dict[str, Any]]:
    found = {}
    for path in (MODELS / "marts").rglob("_*__models.yml"):
        for model in yaml.safe_load(path.read_text(encoding="utf-8"))["models"]:
            found[model["name"]] = model
    return found


@pytest.mark.parametrize("path", SQL_FILES, ids=lambda path: path.stem)
def test_model_opens_with_its_grain(path: Path) -> None:
    assert path.read_text(encoding="utf-8").startswith("-- Grain: one row per ")


@pytest.mark.parametrize("path", SQL_FILES, ids=lambda path: path.stem)
def test_model_reads_no_clock(path: Path) -> None:
    assert CLOCK.findall(code_of(path)) == []


@pytest.mark.parametrize("path", SQL_FILES, ids=lambda path: path.stem)
def test_model_reads_only_the_layers_below(path: Path) -> None:
    code = code_of(path)
    layer = path.relative_to(MODELS).parts[0]
    staged = {name for name in REF.findall(code) if name.startswith("stg_")}
    entities = set(SOURCE.findall(code)) - RUN_TABLES
    marts = {mart.stem for mart in MARTS}

    if layer == "staging":
        assert REF.findall(code) == []
        assert len(entities) == 1
        assert entities <= set(load_contract())
    else:
        assert entities <= READS_RAW_TEXT.get(path.stem, set())
    if layer == "marts":
        assert not staged
    if layer == "intermediate":
        assert not marts & set(REF.findall(code))


@pytest.mark.parametrize("path", MARTS, ids=lambda path: path.stem)
def test_mart_does_not_branch_on_its_source(path: Path) -> None:
    code = code_of(path)

    assert SOURCE_BRANCH.findall(code) == []
    assert not re.search(r"'(zoho|fxiaoke)'", code)


def test_every_mart_is_described() -> None:
    assert set(described_models()) == {path.stem for path in MARTS}


@pytest.mark.parametrize("name", sorted(described_models()))
def test_mart_has_a_contract_and_every_column_is_described_in_both_languages(name: str) -> None:
    model = described_models()[name]

    assert model["config"]["contract"]["enforced"] is True
    assert is_bilingual(model["description"])
    for column in model["columns"]:
        assert column["data_type"], column["name"]
        assert is_bilingual(column["description"]), column["name"]


@pytest.mark.parametrize("name", sorted(described_models()))
def test_mart_is_tested(name: str) -> None:
    tests = {
        next(iter(test)) if isinstance(test, dict) else test
        for test in described_models()[name]["data_tests"]
    }

    assert tests & {"unique_combination", "not_null_columns"}


def is_bilingual(description: str) -> bool:
    chinese, _, english = description.partition("；")
    return bool(CHINESE.search(chinese)) and bool(ENGLISH.search(english))


def test_every_entity_is_asked_for_its_quarantined_rows() -> None:
    code = (PROJECT_DIR / "dbt/macros/relation_columns.sql").read_text(encoding="utf-8")
    listed = re.findall(r"'([a-z_]+)'", code.partition("staged_entities")[2])

    staging = (MODELS / "staging").glob("*.sql")
    assert listed == sorted(path.stem.removeprefix("stg_crm__") for path in staging)


def test_every_reason_of_quarantine_has_its_hints() -> None:
    with (PROJECT_DIR / "seeds/quality/quarantine_reasons.csv").open(encoding="utf-8") as seed:
        reasons = {row["reason"] for row in csv.DictReader(seed)}
    used = set()
    for path in (MODELS / "staging").glob("*.sql"):
        _, _, case = path.read_text(encoding="utf-8").partition("when _is_deleted then null")
        used |= set(re.findall(r"then '([a-z_]+)'", case.partition("_quarantine_reason")[0]))

    assert used == reasons


def test_unit_tests_of_the_models_use_the_seeded_thresholds() -> None:
    with (PROJECT_DIR / "seeds/rules/class_thresholds.csv").open(encoding="utf-8") as seed:
        seeded = {row["parameter"]: float(row["value"]) for row in csv.DictReader(seed)}
    fixture = PROJECT_DIR / "dbt/tests/fixtures/default_thresholds.csv"
    with fixture.open(encoding="utf-8") as rows:
        for row in csv.DictReader(rows):
            used = {k: float(v) for k, v in row.items() if k not in {"as_of_date", "rule_version"}}
            assert used == seeded
