"""Data Docs: what is kept of each table, and what its page says."""

import json
import re
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import pytest

from expectations.data_docs import build_data_docs
from expectations.results import read_suite
from expectations.rules import load_rules
from expectations.runner import run_checks
from expectations.suites import page_of
from tests.unit.expectations.samples import AS_OF, flags, make_rule

FLAGS = "int_dq__accounts_flags"


class Rows(HTMLParser):
    """The texts of a page, by table row."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.rows: list[str] = []
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        if tag == "tr":
            self.rows.append("")
        if values.get("id"):
            self.ids.add(values["id"])
        if values.get("href"):
            self.links.append(values["href"])

    def handle_endtag(self, tag):
        if tag == "table":
            self.rows.append("")

    def handle_data(self, data):
        if self.rows:
            self.rows[-1] = f"{self.rows[-1]} {' '.join(data.split())}"

    def row_of(self, text: str) -> str:
        (found,) = [row for row in self.rows if text in row]
        return found


@pytest.fixture
def judged(database: Path):
    """Judge rules of the database; give the results by rule, and where they were kept."""

    def judge(*rules, stage="records"):
        kept = database.parent / "validations"
        results = run_checks(database, stage=stage, as_of=AS_OF, rules=rules, keep_in=kept)
        return {result.rule_id: result for result in results}, kept

    return judge


def build(kept: Path) -> Path:
    folder = kept.parent / "docs"
    build_data_docs(kept, folder, as_of=AS_OF, run_id="run-1")
    return folder


def test_a_page_shows_each_rule_with_both_texts_its_severity_and_what_to_do(fill, judged):
    fill(
        int_dq__accounts_flags=f"""
            select *, record_id = '00003' as ent_001, null::boolean as ent_002
            from ({flags("ent_020", rows=8, not_applicable=2)})
        """
    )
    _, kept = judged(
        make_rule("ENT-020"),
        make_rule("ENT-001", description_zh="名称已填写。", severity="critical"),
        make_rule("ENT-002", severity="info"),
    )
    page = Rows(build(kept) / page_of("records", FLAGS))

    row = page.row_of("ENT-001")
    for part in (
        "未通过 FAIL", "严重 critical", "名称已填写。", "The mobile number is well formed.",
        "1 / 8 未通过", "zoho/00003", "核对号码。", "Check the number.",
        "accounts · mobile · standard", "ent_001 values must belong to this set: False",
    ):  # fmt: skip
        assert part in re.sub(r"\s+([.:,])", r"\1", row), (part, row)
    assert "通过 PASS" in page.row_of("ENT-020")
    assert "2 不适用" in page.row_of("ENT-020")
    assert "不适用 N/A" in page.row_of("ENT-002")
    assert {"ENT-001", "ENT-002", "ENT-020"} <= page.ids
    assert page.links == ["../index.html"]


def test_the_index_lists_the_tables_and_links_to_the_rules_that_failed(fill, judged):
    fill(
        int_dq__accounts_flags=flags("ent_020", "ent_021", rows=4, failing=1),
        int_dq__leads_flags=flags("ent_020", rows=4),
    )
    _, kept = judged(
        make_rule("ENT-020"),
        make_rule("ENT-021", severity="critical"),
        make_rule("ENT-020", entity="leads"),
    )
    folder = build(kept)
    index = Rows(folder / "index.html")

    accounts, leads = f"records/{FLAGS}.html", "records/int_dq__leads_flags.html"
    # What is worse comes first.
    assert index.links == [f"{accounts}#ENT-021", f"{accounts}#ENT-020", accounts, leads]
    for link in index.links:
        path, _, anchor = link.partition("#")
        assert not anchor or anchor in Rows(folder / path).ids
    assert index.row_of("int_dq__accounts_flags").split()[-4:] == ["0", "2", "0", "0"]
    assert index.row_of("int_dq__leads_flags").split()[-4:] == ["1", "0", "0", "0"]
    assert "2026-11-20 · run-1" in (folder / "index.html").read_text(encoding="utf-8")


def test_pages_load_nothing_from_elsewhere(fill, judged):
    fill(int_dq__accounts_flags=flags("ent_020", rows=4, failing=1))
    _, kept = judged(make_rule())
    for page in build(kept).rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert "//" not in text
        assert "<script" not in text
        assert "<link" not in text


def test_a_rule_that_crashed_shows_as_such_and_leaves_the_others(fill, judged):
    database = fill()
    with duckdb.connect(database) as con:
        con.execute(
            "create view intermediate.int_dq__accounts_flags as"
            " select 'zoho' as crm_source, i::varchar as record_id, i < 1 as ent_001,"
            " ('x' || i)::boolean as ent_020, i < 0 as ent_021 from range(4) as t(i)"
        )
    results, kept = judged(
        make_rule("ENT-001"), make_rule("ENT-020"), make_rule("ENT-021"), make_rule("ENT-030")
    )
    assert results["ENT-020"].status == results["ENT-030"].status == "ERROR"

    suite = read_suite(kept / "records" / f"{FLAGS}.json")
    # Every rule once, in index order, though the batch was judged again rule by rule.
    found = [r.expectation_config.meta["rule_id"] for r in suite.results]
    assert found == ["ENT-001", "ENT-020", "ENT-021", "ENT-030"]
    assert [r.meta["status"] for r in suite.results] == ["FAIL", "ERROR", "PASS", "ERROR"]
    assert [r.success for r in suite.results] == [False, False, True, False]
    assert suite.results[0].result["unexpected_count"] == 1
    assert suite.statistics["successful_expectations"] == 1

    page = Rows(build(kept) / page_of("records", FLAGS))
    assert "无法判断 ERROR" in page.row_of("ENT-020")
    assert "could not be judged" in page.row_of("ENT-020")
    assert "SELECT" not in page.row_of("ENT-020")
    assert "has no column ent_030" in page.row_of("ENT-030")
    assert "1 / 4 未通过" in page.row_of("ENT-001")
    assert "无法判断 ERROR" in Rows(kept.parent / "docs" / "index.html").row_of("ENT-030")


def test_a_table_that_cannot_be_read_has_a_page_that_says_so(fill, judged):
    fill()
    _, kept = judged(make_rule())
    page = Rows(build(kept) / page_of("records", FLAGS))
    assert "int_dq__accounts_flags does not exist" in page.row_of("ENT-020")


def test_a_critical_rule_within_its_tolerance_is_shown_as_the_warning_it_is(fill, judged):
    fill(int_dq__accounts_flags=flags("str_007", rows=100, failing=1))
    _, kept = judged(make_rule("STR-007", severity="critical", action="block", mostly=0.99))
    row = Rows(build(kept) / page_of("records", FLAGS)).row_of("STR-007")
    assert "未通过 FAIL" in row
    assert "警告 warning" in row


@pytest.mark.parametrize("text", ["< 60 % & <b>粗</b>", "${severity} $value 100$", "x" * 3000])
def test_a_text_may_hold_anything(fill, judged, text):
    fill(
        int_dq__accounts_flags=f"select * replace ('<script>' as record_id)"
        f" from ({flags('ent_020', rows=1, failing=1)})"
    )
    rule = make_rule(
        description_zh=text, description_en=text, fix_hint_zh=text, fix_hint_en=text, field=text
    )
    _, kept = judged(rule)
    folder = build(kept)
    for page in (folder / page_of("records", FLAGS), folder / "index.html"):
        row = Rows(page).row_of("ENT-020")
        assert row.count(text) == (5 if page.name != "index.html" else 2)
        assert "<script>" not in page.read_text(encoding="utf-8")


def test_a_stage_that_is_judged_again_forgets_what_it_kept(fill, judged):
    fill(
        int_dq__accounts_flags=flags("ent_020", rows=1),
        int_dq__leads_flags=flags("ent_020", rows=1),
        drop_audit="select 'zoho' as crm_source, true as is_newest, 'full' as mode,"
        " true as is_accepted, false as is_set_aside, false as str_006",
    )
    judged(make_rule("STR-006", entity="drops"), stage="raw")
    judged(make_rule(), make_rule(entity="leads"))
    _, kept = judged(make_rule())
    files = {path.relative_to(kept).as_posix() for path in kept.rglob("*.json")}
    assert files == {f"records/{FLAGS}.json", "raw/drop_audit.json"}


def test_nothing_is_kept_unless_asked_for(fill, database):
    fill(int_dq__accounts_flags=flags("ent_020", rows=1))
    run_checks(database, stage="records", as_of=AS_OF, rules=[make_rule()])
    assert not (database.parent / "validations").exists()


def test_native_expectations_have_pages_too(fill, judged):
    fill(
        drop_audit="select 'zoho' as crm_source, 'leads' as kind, date '2026-11-20' as export_date,"
        " true as is_newest, 'full' as mode, true as is_accepted, false as is_set_aside,"
        " false as str_003, 0.005::double as id_problem_share,"
        " false as str_005, 1 as expected_every_days, 0 as age_days"
    )
    rules = [
        make_rule("STR-003", entity="drops", severity="critical", action="block"),
        make_rule("STR-005", entity="drops"),
    ]
    _, kept = judged(*rules, stage="raw")
    page = Rows(build(kept) / page_of("raw", "drop_audit"))
    assert "id_problem_share" in page.row_of("STR-003")
    assert "age_days" in page.row_of("STR-005")


def test_what_is_kept_is_a_result_of_great_expectations(fill, judged):
    fill(int_dq__accounts_flags=flags("ent_020", rows=4, failing=1))
    _, kept = judged(make_rule())
    content = json.loads((kept / "records" / f"{FLAGS}.json").read_text(encoding="utf-8"))
    assert {"success", "results", "suite_name", "statistics", "meta"} <= set(content)
    assert content["meta"]["great_expectations_version"]
    (result,) = content["results"]
    assert result["expectation_config"]["type"] == "expect_column_values_to_be_in_set"


def test_no_results_are_an_empty_index(tmp_path):
    assert build_data_docs(tmp_path, tmp_path / "docs", as_of=date(2026, 11, 20), run_id="r") == 1
    assert (tmp_path / "docs" / "index.html").exists()


def test_every_shipped_rule_can_be_shown(fill, judged):
    fill()
    _, kept = judged(*load_rules())
    folder = build(kept)
    for rule in load_rules():
        if rule.stage == "records":
            page = Rows(folder / page_of("records", f"int_dq__{rule.entity}_flags"))
            assert rule.description_zh.strip() in page.row_of(rule.rule_id)
