"""Which dates a run computes, how they are cut into chunks, and what of a killed run stays done."""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from dagster_project import backfill, night
from dagster_project.backfill import compute_history, fingerprint
from dagster_project.settings import PROJECT_DIR, Settings
from dagster_project.transform.context import Exports, RunDay, run_dates, write_run_days
from dagster_project.transform.dbt import DbtError, run_dbt
from dagster_project.transform.engines.duckdb import DuckDBEngine, open_work_db

NEWEST = date(2026, 6, 30)
CUSTOMERS = 10


def day(before: int) -> date:
    return NEWEST - timedelta(days=before)


def settings_of(home: Path, **changes: object) -> Settings:
    sources = {"shop": {"path": "exports/shop", "currency": "CNY"}}
    return Settings.model_validate({"home": home, "sources": sources, **changes})


# Dates of a run ---------------------------------------------------------------------------------


class History:
    def __init__(self, *dates: date) -> None:
        self._dates = set(dates)

    def history_dates(self) -> set[date]:
        return self._dates


def test_a_range_older_than_the_history_publishes_what_is_known_of_the_newest_date() -> None:
    published, history = night._days_of_range(History(NEWEST), [day(9), day(8)], known=day(7))

    assert published == RunDay(NEWEST, "published", None)
    assert history == [RunDay(day(9), "asked", day(7)), RunDay(day(8), "asked", day(7))]


@pytest.mark.parametrize("newest", [[], [day(8)], [day(20)]])
def test_a_range_up_to_the_newest_date_publishes_its_last(newest: list[date]) -> None:
    published, history = night._days_of_range(History(*newest), [day(9), day(8)], known=day(7))

    assert published == RunDay(day(8), "published", day(7))
    assert history == [RunDay(day(9), "asked", day(7))]


def test_a_night_without_lookback_computes_its_date_alone() -> None:
    assert night._days_of_night(History(day(1), day(2)), NEWEST, known=None, lookback_days=0) == (
        RunDay(NEWEST, "published"),
        [],
    )


@pytest.mark.parametrize(
    ("history", "looked_at"),
    [([], []), ([day(2)], [2, 1]), ([day(9), day(1)], [3, 2, 1]), ([NEWEST], [])],
)
def test_a_night_looks_back_no_further_than_history_goes(
    history: list[date], looked_at: list[int]
) -> None:
    published, others = night._days_of_night(
        History(*history), NEWEST, known=NEWEST, lookback_days=3
    )

    assert published == RunDay(NEWEST, "published", NEWEST)
    # What is known of them is their own, whatever was asked of the night.
    assert others == [RunDay(day(before), "lookback") for before in looked_at]


@pytest.mark.parametrize("known", [None, day(0), day(1)])
def test_the_days_that_tiers_look_back_at_keep_what_was_known_of_them(
    tmp_path: Path, known: date | None
) -> None:
    settings = settings_of(tmp_path, abc={"hysteresis_days": 3})
    exports = Exports(first=day(90), newest=NEWEST)

    dates = run_dates([day(1)], exports=exports, settings=settings, known=known)

    assert [(one.as_of_date, one.knowledge_date) for one in dates] == [
        (day(3), day(3)),
        (day(2), day(2)),
        (day(1), known or day(1)),
    ]


def test_a_day_looked_back_at_knows_no_more_than_was_asked_for(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, abc={"hysteresis_days": 3}, lookback_days=2)
    exports = Exports(first=day(90), newest=NEWEST)

    dates = run_dates([day(1)], exports=exports, settings=settings, known=day(1))

    assert [one.knowledge_date for one in dates] == [day(1), day(1), day(1)]


# Chunks -----------------------------------------------------------------------------------------


class Chunks(list[tuple[list[date], tuple[str, ...]]]):
    """Stands for dbt: notes the dates that the models would compute, and the command."""

    fails_at = 0

    def __call__(self, settings: Settings, arguments: Sequence[str]) -> None:
        if self.fails_at == len(self) + 1:
            raise DbtError("no room")
        dates = DuckDBEngine(settings).fetch(
            "select as_of_date from raw.run_context where is_requested order by 1"
        )
        self.append((dates["as_of_date"].to_pylist(), tuple(arguments)))


@pytest.fixture
def chunks(monkeypatch: pytest.MonkeyPatch) -> Chunks:
    monkeypatch.setattr(backfill, "predict", lambda _: None)
    monkeypatch.setattr(backfill, "explain_changes", lambda _: None)
    return Chunks()


def prepared(home: Path, days: Sequence[RunDay], **changes: Any) -> Settings:
    settings = settings_of(home, **changes)
    with open_work_db(settings) as connection:
        connection.execute(
            "create schema raw; create schema intermediate;"
            "create table raw.drop_audit as select date '2026-01-01' as export_date, "
            "false as is_future union all select date '2026-06-30', false "
            "union all select date '2062-06-30', true;"
            "create table intermediate.int_customers__source_map as "
            f"select 'c' || n as customer_key from range({CUSTOMERS}) as numbers(n)"
        )
        write_run_days(connection, days)
    return settings


def asked(*before: int, known: date | None = None) -> list[RunDay]:
    return [*(RunDay(day(n), "asked", known) for n in before), RunDay(NEWEST, "published")]


@pytest.mark.parametrize(
    ("max_rows", "hysteresis", "sizes"),
    [
        (10**7, 1, [5]),
        (2 * CUSTOMERS, 1, [2, 2, 1]),
        (3 * CUSTOMERS - 1, 1, [2, 2, 1]),
        # Not four and a last one alone.
        (4 * CUSTOMERS, 1, [3, 2]),
        # The two days that the tiers of a chunk look back at count too.
        (4 * CUSTOMERS, 3, [2, 2, 1]),
        # One date is the least, however many customers there are.
        (1, 1, [1] * 5),
        (1, 9, [1] * 5),
    ],
)
def test_chunks_hold_no_more_customers_and_dates_than_the_setting_says(
    tmp_path: Path,
    chunks: Chunks,
    max_rows: int,
    hysteresis: int,
    sizes: list[int],
) -> None:
    settings = prepared(
        tmp_path,
        asked(5, 4, 3, 2, 1),
        backfill={"max_rows": max_rows},
        abc={"hysteresis_days": hysteresis},
    )

    done = compute_history(settings, dbt=chunks)

    *computed, (published, restored) = chunks
    assert [len(dates) for dates, _ in computed] == sizes
    assert [one for dates, _ in computed for one in dates] == [day(n) for n in (5, 4, 3, 2, 1)]
    # Only the first also makes what no date changes.
    assert [any("tag:classes" in word for word in command) for _, command in computed] == [
        True, *[False] * (len(sizes) - 1)
    ]  # fmt: skip
    # The models of the published date are left to it, its records made again.
    assert published == [NEWEST]
    assert all("tag:records" in word for word in restored[2:])
    assert (done.dates, done.skipped, done.chunks) == (5, 0, len(sizes))


def test_a_night_computes_no_history_and_forgets_what_a_stopped_run_had_done(
    tmp_path: Path, chunks: Chunks
) -> None:
    settings = prepared(tmp_path, asked())
    engine = DuckDBEngine(settings)
    engine.days_done("mark")
    engine.note_done("mark", [day(1)])

    assert compute_history(settings, dbt=chunks).dates == 0

    assert chunks == []
    assert engine.days_done("mark") == set()


def test_what_failed_stays_undone_and_what_was_done_is_skipped(
    tmp_path: Path, chunks: Chunks
) -> None:
    settings = prepared(tmp_path, asked(3, 2, 1), backfill={"max_rows": CUSTOMERS})

    chunks.fails_at = 2
    with pytest.raises(DbtError, match="no room"):
        compute_history(settings, dbt=chunks)
    assert [dates for dates, _ in chunks] == [[day(3)]]
    chunks.clear()
    chunks.fails_at = 0

    done = compute_history(settings, dbt=chunks)

    assert (done.dates, done.skipped) == (2, 1)
    assert [dates for dates, _ in chunks] == [[day(2)], [day(1)], [NEWEST]]


# What makes a row of history --------------------------------------------------------------------


def test_other_facts_rules_or_knowledge_start_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(tmp_path)
    marks = [
        fingerprint(settings, known=None),
        fingerprint(settings, known=NEWEST),
        fingerprint(settings_of(tmp_path, lookback_days=1), known=None),
        fingerprint(settings_of(tmp_path, rfm={"bins": 4}), known=None),
    ]
    with monkeypatch.context() as changed:
        changed.setattr(backfill, "_hash", lambda path: path.name)
        marks.append(fingerprint(settings, known=None))
    audit = tmp_path / "an_audit"

    class Landed:
        def model_dump(self, *, mode: str) -> dict[str, str]:
            return {"drop": audit.name, "mode": mode}

    monkeypatch.setattr(backfill.views, "read_audits", lambda *_: [Landed()])
    marks.append(fingerprint(settings, known=None))

    assert len(set(marks)) == len(marks)


def test_settings_that_change_no_row_do_not_start_over(tmp_path: Path) -> None:
    other = settings_of(
        tmp_path,
        backfill={"max_rows": 1},
        duckdb={"memory_limit": "1GB"},
        # What a backfill that was too long is told to raise.
        limits={"max_runtime_minutes": 720},
        schedule={"nightly": "0 3 * * *"},
        history={"daily_days": None},
        publish={"keep_runs": 2},
        notices=[{"kind": "webhook", "url_env": "KEFEN_WEBHOOK"}],
        dagster={"postgres_url_env": "KEFEN_DAGSTER_POSTGRES"},
    )

    assert fingerprint(other, known=None) == fingerprint(settings_of(tmp_path), known=None)


def test_the_mark_covers_models_macros_and_seeds() -> None:
    assert all((PROJECT_DIR / folder).is_dir() for folder in backfill.CODE)


def test_dates_done_under_another_mark_are_forgotten(tmp_path: Path) -> None:
    engine = DuckDBEngine(settings_of(tmp_path))
    assert engine.days_done("one") == set()
    engine.note_done("one", [day(2), day(1)])

    assert engine.days_done("one") == {day(2), day(1)}
    assert engine.days_done("other") == set()
    assert engine.days_done("one") == set()


def test_dates_done_are_lost_with_the_history(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    engine = DuckDBEngine(settings)
    engine.days_done("one")
    engine.note_done("one", [day(1)])
    settings.work_db.unlink()

    assert engine.days_done("one") == set()


def test_what_dbt_says_of_a_failure_is_told(tmp_path: Path) -> None:
    with pytest.raises(DbtError, match=r"(?s)dbt nonsense failed; it said:.*nonsense"):
        run_dbt(settings_of(tmp_path), ("nonsense",))
