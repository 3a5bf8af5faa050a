"""The difference of two runs: rows by key, dates by date, and who moved from what to what."""

import csv
import shutil
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from dagster_project import cli
from dagster_project.publish.publication import publish
from dagster_project.report.data_dictionary import key_of, published_models
from dagster_project.report.run_diff import NoRunError, diff_runs
from dagster_project.rules.seeds import declared_seeds
from dagster_project.settings import Settings
from dagster_project.transform.engines.duckdb import open_work_db
from dagster_project.transform.history import HISTORY, note_computed, partition_file

DAY = date(2026, 6, 29)
NEXT = DAY + timedelta(days=1)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.model_validate(
        {"home": tmp_path / "王's 数据", "sources": {"zoho": {"path": "exports/zoho"}}}
    )


def night(
    settings: Settings, run_id: str, day: date, classes: dict[str, str], recency: int = 1
) -> Path:
    """Publish the classes of a date, a table of that date only, and the log of runs."""
    note_computed(settings, [day])
    with open_work_db(settings) as connection:
        connection.execute("create or replace table classes (customer_key varchar, code varchar)")
        if classes:
            connection.executemany("insert into classes values (?, ?)", list(classes.items()))
        named = (
            f"select date '{day}' as as_of_date, customer_key, '客户 ' || customer_key "
            "as customer_name, 'o1' as owner_key, code as abc_tier"
        )
        connection.execute(f"create table if not exists {HISTORY} as {named} from classes limit 0")
        connection.execute(f"delete from {HISTORY} where as_of_date = date '{day}'")
        connection.execute(f"insert into {HISTORY} {named} from classes")
        connection.execute(
            f"create or replace table customer_classification as {named}, code || ' 类' as "
            "abc_tier_label_zh, 'tier ' || code as abc_tier_label_en from classes"
        )
        connection.execute(
            f"create or replace table customer_rfm as select date '{day}' as as_of_date, "
            f"customer_key, {recency} as recency_days, '{run_id}' as run_id from classes"
        )
        connection.execute(
            f"create table if not exists run_log as select '{run_id}' as run_id, 7 as rows"
        )
        connection.execute("drop table classes")
    return publish(settings, run_id=run_id).run_dir


def rows_in(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def table_of(summary: str, heading: str) -> dict[str, list[str]]:
    """Read a table of the summary: its rows by their first cell."""
    lines = summary.partition(f"## {heading}")[2].partition("\n## ")[0].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]
    return {row[0]: row[1:] for row in cells[2:]}


def test_equal_runs_differ_in_nothing(settings: Settings) -> None:
    night(settings, "r1", DAY, {"c1": "A", "c2": "B"})
    night(settings, "r2", DAY, {"c2": "B", "c1": "A"})

    found = diff_runs(settings, "r1", "r2")

    # Another run_id and another order are no difference.
    assert found.differing_tables == ()
    assert rows_in(found.rows_file) == rows_in(found.moves_file) == []
    assert "Equal 相同: 4, different 不同: 0" in found.summary


def test_a_restated_date_shows_who_moved(settings: Settings) -> None:
    night(settings, "r1", DAY, {"c1": "A", "c2": "B", "c3": "C", "c4": "C"})
    night(settings, "r2", DAY, {"c1": "A", "c2": "A", "c3": "A", "c5": "B"})

    found = diff_runs(settings, "r1", "r2")

    assert found.differing_tables == ("customer_classification", HISTORY, "customer_rfm")
    tables = table_of(found.summary, "Tables")
    assert tables["customer_rfm"] == ["4", "4", "1", "1", "0", ""]
    assert tables[HISTORY] == ["4", "4", "1", "1", "2", "abc_tier 2"]
    assert table_of(found.summary, "History by date") == {
        str(DAY): ["4", "4", "1", "1", "2", "abc_tier 2"]
    }
    moves = found.summary.partition(f"## Moves 变动: {HISTORY}")[2]
    assert f"| {DAY} | abc_tier | B 类 tier B | A 类 tier A | 1 |" in moves
    assert f"| {DAY} | abc_tier | C 类 tier C | A 类 tier A | 1 |" in moves
    assert rows_in(found.moves_file)[-2:] == [
        {"table_name": HISTORY, "as_of_date": str(DAY), "dimension": "abc_tier",
         "from_value": code, "to_value": "A", "customers": "1"}
        for code in "BC"
    ]  # fmt: skip
    rows = [row for row in rows_in(found.rows_file) if row["table_name"] == HISTORY]
    assert [list(row.values())[1:] for row in rows if row["difference"] == "changed"] == [
        ["changed", f"as_of_date={DAY}; customer_key=c2", "abc_tier", "B", "A"],
        ["changed", f"as_of_date={DAY}; customer_key=c3", "abc_tier", "C", "A"],
    ]
    (gone,) = [row for row in rows if row["difference"] == "only in A"]
    assert gone["record"] == f"as_of_date={DAY}; customer_key=c4"
    assert '"customer_name":"客户 c4"' in gone["a"]
    assert gone["b"] == ""
    assert found.summary == (settings.report_dir / "diff_r1_r2.md").read_text("utf-8")


def test_tables_of_one_date_are_compared_across_dates(settings: Settings) -> None:
    night(settings, "r1", DAY, {"c1": "A", "c2": "B"}, recency=1)
    night(settings, "r2", NEXT, {"c1": "B", "c2": "B"}, recency=2)

    found = diff_runs(settings, "r1", "r2")

    tables = table_of(found.summary, "Tables")
    assert tables["customer_classification"][2:5] == ["0", "0", "1"]
    assert tables["customer_rfm"] == ["2", "2", "0", "0", "2", "recency_days 2"]
    assert f"| {NEXT} | abc_tier | A 类 tier A | B 类 tier B | 1 |" in found.summary
    assert f"A: `r1`, as of 截至 **{DAY}**" in found.summary
    # A date that only one has is counted; its rows are in its partition.
    assert table_of(found.summary, "History by date") == {
        str(NEXT): ["", "2", "0", "2", "0", ""]
    }  # fmt: skip
    assert not [row for row in rows_in(found.rows_file) if row["table_name"] == HISTORY]


def test_shared_partitions_are_not_read(settings: Settings) -> None:
    first = night(settings, "r1", DAY, {"c1": "A"})
    night(settings, "r2", NEXT, {"c1": "B"})
    night(settings, "r3", NEXT, {"c1": "B"})
    # One file of both, and no Parquet past its footer.
    shared = partition_file(first, DAY)
    content = bytearray(shared.read_bytes())
    content[4:20] = b"\0" * 16
    shared.write_bytes(content)

    found = diff_runs(settings, "r2", "r3")

    assert found.differing_tables == ()


def test_partitions_that_lost_their_links_are_compared(settings: Settings) -> None:
    night(settings, "r1", DAY, {"c1": "A"})
    second = night(settings, "r2", NEXT, {"c1": "B"})
    path = partition_file(second, DAY)
    copy = path.with_suffix(".copy")
    shutil.copyfile(path, copy)
    copy.replace(path)

    found = diff_runs(settings, "r1", "r2")

    assert str(DAY) not in table_of(found.summary, "History by date")


def test_a_history_in_one_file_is_compared_with_partitions(settings: Settings) -> None:
    first = night(settings, "r1", DAY, {"c1": "A"})
    files = str(first / HISTORY / "*" / "*.parquet")
    duckdb.read_parquet(files, hive_partitioning=False).write_parquet(
        str(first / f"{HISTORY}.parquet")
    )
    shutil.rmtree(first / HISTORY)
    night(settings, "r2", DAY, {"c1": "B"})

    found = diff_runs(settings, "r1", "r2")

    assert table_of(found.summary, "History by date") == {
        str(DAY): ["1", "1", "0", "0", "1", "abc_tier 1"]
    }


def test_tables_and_columns_of_one_side_are_named(settings: Settings) -> None:
    first = night(settings, "r1", DAY, {"c1": "A"})
    second = night(settings, "r2", DAY, {"c1": "A"})
    duckdb.sql("select 'o1' as owner_key").write_parquet(str(first / "dim_owner.parquet"))
    duckdb.sql(
        f"select date '{DAY}' as as_of_date, 'c1' as customer_key, '1' as recency_days, "
        "5 as f_score"
    ).write_parquet(str(second / "customer_rfm.parquet"))

    found = diff_runs(settings, "r1", "r2")

    tables = table_of(found.summary, "Tables")
    assert tables["dim_owner"] == ["1", "", "0", "0", "0", "only in A 仅 A 有"]
    # Another type, but the same value.
    assert tables["customer_rfm"][:5] == ["1", "1", "0", "0", "0"]
    assert tables["customer_rfm"][5] == (
        "columns only in A 仅 A 有的列: run_id; columns only in B 仅 B 有的列: f_score"
    )


def test_rows_without_a_key_are_compared_whole(settings: Settings) -> None:
    first = night(settings, "r1", DAY, {"c1": "A"})
    second = night(settings, "r2", DAY, {"c1": "A"})
    for folder, runs in ((first, "'r0', 'r1'"), (second, "'r1', 'r2', 'r2'")):
        duckdb.sql(f"select unnest([{runs}]) as run_id").write_parquet(
            str(folder / "quarantine_rows.parquet")
        )

    found = diff_runs(settings, "r1", "r2")

    assert found.differing_tables == ("quarantine_rows",)
    assert table_of(found.summary, "Tables")["quarantine_rows"] == ["2", "3", "1", "2", "0", ""]
    assert {row["a"] for row in rows_in(found.rows_file)} == {'{"run_id":"r0"}', ""}


def test_runs_are_told_apart_by_their_name(settings: Settings) -> None:
    first = night(settings, "r1", DAY, {"c1": "A"})
    second = night(settings, "r2", DAY, {"c1": "A"})
    for folder, runs in ((first, "'r0', 'r1'"), (second, "'r1', 'r2'")):
        duckdb.sql(f"select unnest([{runs}]) as run_id, 1 as rows").write_parquet(
            str(folder / "run_log.parquet")
        )

    found = diff_runs(settings, "r1", "r2")

    assert table_of(found.summary, "Tables")["run_log"] == ["2", "2", "1", "1", "0", ""]


def test_an_unknown_run_names_those_there_are(settings: Settings) -> None:
    for number in range(9):
        night(settings, f"r{number}", DAY, {"c1": "A"})
    (settings.published_dir / "runs" / ".publishing-r9").mkdir()

    # r0 and r1 are pruned.
    for wrong in ("r1", "", "../runs/r8", ".publishing-r9"):
        with pytest.raises(NoRunError) as caught:
            diff_runs(settings, "r8", wrong)
        assert f"no run is called {wrong!r}" in str(caught.value)
        assert "  r8\n  r7\n  r6\n  r5\n  r4\n  r3\n  r2\n" in str(caught.value)
    assert not list(settings.report_dir.glob("diff_*"))


def test_without_a_publication_there_is_no_run(settings: Settings) -> None:
    with pytest.raises(NoRunError, match="none"):
        diff_runs(settings, "current", "current")


def test_current_is_the_newest_publication(settings: Settings) -> None:
    night(settings, "r1", DAY, {"c1": "A"})
    night(settings, "r2", DAY, {"c1": "B"})

    found = diff_runs(settings, "r1", "current")

    assert found.rows_file.name == "diff_r1_r2.csv"
    assert len(found.differing_tables) == 2


def test_the_command_prints_the_summary_and_names_runs(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    night(settings, "r1", DAY, {"c1": "A"})
    night(settings, "r2", DAY, {"c1": "B"})
    monkeypatch.setattr(cli, "load_settings", lambda: settings)

    assert cli.main(["diff", "--a", "r1", "--b", "r2"]) == 0
    said = capsys.readouterr().out
    assert "Moves 变动" in said
    assert "tier A" in said
    assert cli.main(["diff", "--a", "r1", "--b", "r7"]) == 1


def test_nothing_is_left_of_the_comparison(settings: Settings) -> None:
    night(settings, "r1", DAY, {"c1": "A"})
    diff_runs(settings, "r1", "r1")

    assert not list(settings.work_dir.glob("diff_*"))
    assert sorted(path.name for path in settings.report_dir.iterdir()) == [
        "diff_r1_r1.csv", "diff_r1_r1.md", "diff_r1_r1_moves.csv",
    ]  # fmt: skip


def test_the_keys_are_those_that_the_models_test() -> None:
    models = published_models()

    # Its rows are compared whole: a row of a file may lack every value.
    assert [name for name, model in models.items() if not key_of(model)] == ["quarantine_rows"]
    assert key_of(models[HISTORY]) == ["as_of_date", "customer_key"]
    assert declared_seeds()["dq_rules"].expected.key == ["rule_id", "entity"]
