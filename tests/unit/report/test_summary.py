"""What the summary says of the history."""

from datetime import date, timedelta
from pathlib import Path

from dagster_project.publish.history import PublishedHistory, Restated
from dagster_project.publish.publication import Publication
from dagster_project.report.summary import _history

DAYS = [date(2026, 6, 1) + timedelta(days=n) for n in range(3)]


def publication(history: PublishedHistory | None, *, database: Path | None) -> Publication:
    return Publication(
        run_id="r2", tables={}, run_dir=Path("runs/r2"), database=database, history=history
    )


def history(**values: object) -> PublishedHistory:
    made = {"rows": dict.fromkeys(DAYS, 1000), "written": (DAYS[-1],), "in_database": tuple(DAYS)}
    return PublishedHistory(**(made | values))  # type: ignore[arg-type]


def test_a_night_says_how_much_history_there_is() -> None:
    text = "\n".join(_history(publication(history(), database=Path("kefen.duckdb")), []))

    assert "dates 日期: 3 (2026-06-01 – 2026-06-03), rows 行: 3,000" in text
    assert "written now 本次写入: 1" in text
    for absent in ("holds only", "retention", "compare"):
        assert absent not in text


def test_a_cut_database_and_deleted_dates_are_said() -> None:
    cut = history(in_database=(DAYS[-1],))
    text = "\n".join(
        _history(publication(cut, database=Path("kefen.duckdb")), [date(2026, 3, 1), DAYS[0]])
    )

    assert "`kefen.duckdb` holds only 1 dates, the last 7 days and month ends" in text
    assert "`runs/r2/customer_classification_history`" in text
    assert "deleted by the retention 按保留期删除: 2 (2026-03-01 – 2026-06-01)" in text


def test_restated_dates_are_listed_with_the_command_that_compares() -> None:
    kept = Path("restated/2026-06-01/r1/customer_classification_history.parquet")
    restated = (
        Restated(as_of_date=DAYS[0], published_by="r1", customers=1200, kept=kept),
        Restated(as_of_date=DAYS[1], published_by="r1", customers=0, kept=None),
    )
    text = "\n".join(_history(publication(history(restated=restated), database=None), []))

    assert f"| 2026-06-01 | 1,200 | `{kept}` | `make diff A=r1 B=r2` |" in text
    assert "| 2026-06-02 | 0 | (still published 仍在发布) | `make diff A=r1 B=r2` |" in text
    # An older date replaces no database: it holds what it held.
    assert "holds only" not in text


def test_without_a_history_nothing_is_said() -> None:
    assert _history(publication(None, database=None), []) == []
    assert _history(publication(history(rows={}), database=None), []) == []
