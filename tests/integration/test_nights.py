"""Nights one by one, a backfill in one run, and the same night twice.

The backfill and the repeated night are whole runs through Dagster; the others take the short way.
"""

from datetime import date, timedelta
from pathlib import Path

import pytest

from dagster_project.demo import write_demo_exports
from dagster_project.settings import Settings
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
    run_light_night,
    run_night,
)

LAST = date(2026, 11, 20)
NIGHTS = 10
FIRST = LAST - timedelta(days=NIGHTS - 1)
HISTORY = {
    "customer_classification_history",
    "rfm_thresholds",
    "clv_parameters",
    "segment_kpis",
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("world")
    write_demo_exports(out, customers=60, days=500, nights=NIGHTS, dirt=0.02, last_date=LAST)
    return out


@pytest.fixture(scope="module")
def nightly_home(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("nightly")
    settings = demo_settings(home)
    for number in range(NIGHTS):
        deliver(world, settings, FIRST + timedelta(days=number))
        is_last = number == NIGHTS - 1
        run_light_night(settings, now=NOW + timedelta(seconds=number), data_tests=is_last)
    return home


def test_ten_nights_equal_one_backfill(world: Path, nightly_home: Path, tmp_path: Path) -> None:
    settings = demo_settings(tmp_path)
    for number in range(NIGHTS):
        deliver(world, settings, FIRST + timedelta(days=number))
    run_night(settings, date_range=(FIRST, LAST))

    assert differences(published(nightly_home), published(tmp_path), tables=HISTORY) == []
    assert query(
        published(tmp_path),
        "select count(distinct as_of_date) from customer_classification_history",
    ) == [(NIGHTS,)]
    _assert_docs_and_fix_lists(settings)


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

    run_night(demo_settings(nightly_home), now=NOW + timedelta(hours=1))

    assert differences(before, published(nightly_home)) == []
    assert query(published(nightly_home), "select max(loaded_at) from load_manifest") == loaded


def test_a_deleted_working_database_is_rebuilt(nightly_home: Path, tmp_path: Path) -> None:
    before = tmp_path / "before.duckdb"
    before.write_bytes(published(nightly_home).read_bytes())
    settings = demo_settings(nightly_home)
    settings.work_db.unlink()

    run_light_night(settings, now=NOW + timedelta(hours=2))

    assert differences(before, published(nightly_home)) == []


def test_an_older_date_leaves_the_newest_publication(nightly_home: Path, tmp_path: Path) -> None:
    before = published(nightly_home).read_bytes()
    settings = demo_settings(nightly_home)
    lists = (settings.published_dir / "fix_lists").resolve()

    done = run_light_night(settings, as_of=FIRST, known=FIRST, now=NOW + timedelta(hours=3))

    assert published(nightly_home).read_bytes() == before
    assert (settings.published_dir / "fix_lists").resolve() == lists
    assert not (done.publication.run_dir / "fix_lists").exists()
    runs = sorted((nightly_home / "published" / "runs").iterdir())
    assert (runs[-1] / "customer_rfm.parquet").exists()
    assert (nightly_home / "published" / "current").resolve() != runs[-1].resolve()
