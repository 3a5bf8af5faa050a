"""Nights one by one, in another order, a backfill in one run, killed ones, the same night twice.

The backfill and the repeated night are whole runs through Dagster; the others take the short way.
"""

import logging
import multiprocessing
import os
import re
import signal
from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest
from dagster import DagsterInstance, materialize  # noqa: TID251
from dagster._core.storage.tags import (  # noqa: TID251
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)

from dagster_project.backfill import RunDbt
from dagster_project.defs.history.assets import BY_DATE, build_backfill_assets
from dagster_project.defs.resources import SettingsFile
from dagster_project.demo import write_demo_exports
from dagster_project.settings import Settings
from dagster_project.transform.engines.duckdb import DuckDBEngine
from dagster_project.transform.history import partitions
from expectations.rules import rules_valid_on
from expectations.suites import page_of, table_of
from tests.support import (
    NOW,
    deliver,
    demo_settings,
    differences,
    published,
    query,
    run_dbt_here,
    run_light_night,
    run_night,
)

LAST = date(2026, 11, 20)
NIGHTS = 6
FIRST = LAST - timedelta(days=NIGHTS - 1)
HISTORY = {
    "customer_classification_history",
    "rfm_thresholds",
    "clv_parameters",
    "segment_kpis",
    "customer_class_changes",
    "class_migration",
}
# Tiers look back at two more days, those of a chunk too.
SETTINGS = {"abc": {"hysteresis_days": 3}}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("world")
    write_demo_exports(out, customers=60, days=500, nights=NIGHTS, dirt=0.02, last_date=LAST)
    return out


@pytest.fixture(scope="module")
def nightly_home(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("nightly")
    settings = demo_settings(home, **SETTINGS)
    for number in range(NIGHTS):
        deliver(world, settings, FIRST + timedelta(days=number))
        is_last = number == NIGHTS - 1
        run_light_night(settings, now=NOW + timedelta(seconds=number), data_tests=is_last)
    return home


@pytest.fixture
def backfill_settings(world: Path, nightly_home: Path, tmp_path: Path) -> Settings:
    """A home with all drops and no run, whose history is computed two dates at a time."""
    [(customers,)] = query(
        demo_settings(nightly_home).work_db,
        "select count(distinct customer_key) from intermediate.int_customers__source_map",
    )
    settings = demo_settings(tmp_path, backfill={"max_rows": customers * (2 + 2)}, **SETTINGS)
    for number in range(NIGHTS):
        deliver(world, settings, FIRST + timedelta(days=number))
    return settings


def test_nights_one_by_one_equal_a_range_of_partitions_in_one_run(
    backfill_settings: Settings, nightly_home: Path
) -> None:
    home = backfill_settings.home
    with DagsterInstance.ephemeral() as instance:
        done = materialize(
            build_backfill_assets(),
            instance=instance,
            resources={
                "settings_file": SettingsFile(settings_json=backfill_settings.model_dump_json())
            },
            tags={
                ASSET_PARTITION_RANGE_START_TAG: FIRST.isoformat(),
                ASSET_PARTITION_RANGE_END_TAG: LAST.isoformat(),
            },
        )
        assert [run.job_name for run in instance.get_runs()].count("backfill") == 1
        assert len(done.asset_materializations_for_node(BY_DATE.path[0])) == NIGHTS

    tables = HISTORY | {"customer_abc"}
    assert differences(published(nightly_home), published(home), tables=tables) == []
    assert query(
        published(home),
        "select count(distinct as_of_date) from customer_classification_history",
    ) == [(NIGHTS,)]
    assert query(published(home), "select kind, as_of_date from run_log") == [("backfill", LAST)]
    _assert_docs_and_fix_lists(backfill_settings)


def test_dates_in_any_order_and_without_the_working_database_equal_nights_one_by_one(
    backfill_settings: Settings,
    nightly_home: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What a run may not know of the date after its own is found by the next one that does.

    So is what a run would have found that ended with its history written and its changes not.
    """
    caplog.set_level(logging.INFO)
    days = [FIRST + timedelta(days=number) for number in range(NIGHTS)]

    def run(first: int, last: int, step: int) -> None:
        one = {"as_of": days[first], "known": days[first]} if first == last else {}
        run_light_night(
            backfill_settings,
            **(one or {"date_range": (days[first], days[last])}),
            now=NOW + timedelta(seconds=step),
            data_tests=False,
        )

    run(2, 2, step=1)
    backfill_settings.work_db.unlink()
    run(0, 0, step=2)
    run(3, 5, step=3)
    with monkeypatch.context() as patched:
        patched.setattr("tests.support.explain_changes", dies)
        with pytest.raises(RuntimeError, match="died"):
            run(1, 1, step=4)
    # The newest once more: it publishes what was computed after it.
    run(5, 5, step=5)

    home = backfill_settings.home
    assert differences(published(nightly_home), published(home), tables=HISTORY) == []
    left = [one for one in caplog.messages if "is left to the next run" in one]
    assert [re.findall(r"\d{4}-\d\d-\d\d", one) for one in left] == [[str(days[2]), str(days[0])]]


def dies(_: Settings) -> int:
    """Stand for the step that a run does not reach."""
    raise RuntimeError("died")


def test_a_killed_backfill_goes_on_where_it_was(
    backfill_settings: Settings,
    nightly_home: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    chunks = 0

    def run(dbt: RunDbt | None = None) -> None:
        run_light_night(backfill_settings, date_range=(FIRST, LAST), data_tests=False, dbt=dbt)

    def dies_inside_the_second_chunk(settings: Settings, arguments: Sequence[str]) -> None:
        nonlocal chunks
        chunks += 1
        left_out = ("--exclude", "segment_kpis") if chunks == 2 else ()
        run_dbt_here(settings, [*arguments, *left_out])
        if chunks == 2:
            os.kill(os.getpid(), signal.SIGKILL)

    _assert_killed(lambda: run(dbt=dies_inside_the_second_chunk))
    with monkeypatch.context() as patched:
        note_done = DuckDBEngine.note_done

        def dies_once_noted(engine: DuckDBEngine, mark: str, days: Iterable[date]) -> None:
            note_done(engine, mark, days)
            os.kill(os.getpid(), signal.SIGKILL)

        patched.setattr(DuckDBEngine, "note_done", dies_once_noted)
        _assert_killed(run)

    with caplog.at_level(logging.INFO, logger="dagster_project.backfill"):
        run()

    assert "4 of 5 dates (2026-11-15 … 2026-11-18) are skipped" in caplog.text
    assert "chunk 1 of 1, 2026-11-19 … 2026-11-19, 1 dates" in caplog.text
    home = backfill_settings.home
    assert differences(published(nightly_home), published(home), tables=HISTORY) == []
    # It came to its end: another one would compute all dates again.
    assert query(
        backfill_settings.work_db,
        "select count(*) from duckdb_tables() where schema_name = 'progress'",
    ) == [(0,)]


def _assert_killed(run: Callable[[], object]) -> None:
    """Run in a process of its own, in which the models are parsed already, until it is killed."""
    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    process.join(timeout=240)
    assert process.exitcode == -signal.SIGKILL


def _assert_docs_and_fix_lists(settings: Settings) -> None:
    """Every rule has its place in the docs, and every owner with violations a workbook."""
    docs = settings.published_dir / "data_docs"
    index = (docs / "index.html").read_text("utf-8")
    for rule in rules_valid_on(LAST):
        page = page_of(rule.stage, table_of(rule.entity).name)
        assert page.as_posix() in index
        assert f'id="{rule.rule_id}"' in (docs / page).read_text("utf-8")
    owners = query(
        published(settings.home),
        "select owner_key, count(*) from dq_violations where rule_id not like 'STR-%' group by all",
    )
    assert len(list((settings.published_dir / "fix_lists").glob("*.xlsx"))) == len(owners) > 1
    (summary,) = settings.report_dir.glob("*.md")
    for place in (docs / "index.html", settings.published_dir / "fix_lists"):
        assert f"`{place}`" in summary.read_text("utf-8")


def test_a_night_writes_the_history_of_its_own_date_only(nightly_home: Path) -> None:
    runs = sorted((nightly_home / "published" / "runs").iterdir())
    before, last = partitions(runs[-2]), partitions(runs[-1])

    assert set(last) == {FIRST + timedelta(days=number) for number in range(NIGHTS)}
    assert last.pop(LAST).stat().st_nlink == 1
    assert all(path.samefile(before[day]) for day, path in last.items())


def test_the_same_night_again_loads_nothing_and_publishes_the_same(
    nightly_home: Path, tmp_path: Path
) -> None:
    before = tmp_path / "before.duckdb"
    before.write_bytes(published(nightly_home).read_bytes())
    loaded = query(before, "select max(loaded_at) from load_manifest")

    run_night(demo_settings(nightly_home, **SETTINGS), now=NOW + timedelta(hours=1))

    assert differences(before, published(nightly_home)) == []
    assert query(published(nightly_home), "select max(loaded_at) from load_manifest") == loaded


def test_a_deleted_working_database_is_rebuilt(nightly_home: Path, tmp_path: Path) -> None:
    before = tmp_path / "before.duckdb"
    before.write_bytes(published(nightly_home).read_bytes())
    settings = demo_settings(nightly_home, **SETTINGS)
    settings.work_db.unlink()

    run_light_night(settings, now=NOW + timedelta(hours=2))

    assert differences(before, published(nightly_home)) == []


def test_an_older_date_leaves_the_newest_publication(nightly_home: Path, tmp_path: Path) -> None:
    before = published(nightly_home).read_bytes()
    settings = demo_settings(nightly_home, **SETTINGS)
    lists = (settings.published_dir / "fix_lists").resolve()

    done = run_light_night(settings, as_of=FIRST, known=FIRST, now=NOW + timedelta(hours=3))

    assert published(nightly_home).read_bytes() == before
    assert (settings.published_dir / "fix_lists").resolve() == lists
    assert not (done.publication.run_dir / "fix_lists").exists()
    runs = sorted((nightly_home / "published" / "runs").iterdir())
    assert (runs[-1] / "customer_rfm.parquet").exists()
    assert (nightly_home / "published" / "current").resolve() != runs[-1].resolve()
