"""Drops that are late, repeated, doubled, out of order or of another rhythm."""

import os
from datetime import UTC, date, datetime

from dagster_project.ingest.load import LateDrop, RepeatedDrop
from dagster_project.report.run_notes import notes_of, read_notes, write_notes

HEADER = "Record Id,Account Name\n"
ONE, TWO, THREE, FOUR = (date(2026, 3, day) for day in (1, 2, 3, 4))


def accounts(*ids):
    return HEADER + "".join(f"{n},公司{n}\n" for n in ids)


def put_day(exports, day, *ids, source="zoho"):
    exports.put(f"{source}/2026-03-{day:02d}/Accounts.csv", accounts(*ids))


def test_three_days_down_are_loaded_at_once(exports):
    put_day(exports, 1, 1, 2)
    exports.load()
    for day in (2, 3, 4):
        put_day(exports, day, *range(1, day + 2))
    report = exports.load()
    assert {entry.export_date for entry in report.landed} == {TWO, THREE, FOUR}
    assert report.newest_export_date == FOUR
    assert report.late == ()
    assert exports.rows(
        "select strftime(_export_date, '%d'), _record_id from raw.accounts order by all"
    ) == [("01", "1"), ("01", "2"), ("02", "3"), ("03", "4"), ("04", "5")]


def test_an_older_date_after_a_newer_one_is_loaded_in_its_place_and_named(exports):
    put_day(exports, 1, 1)
    put_day(exports, 3, 1, 2, 3)
    exports.load()
    put_day(exports, 2, 1, 2)
    report = exports.load()
    assert report.late == (LateDrop("zoho", TWO, THREE, is_correction=False),)
    assert exports.rows(
        "select strftime(_export_date, '%d'), _record_id from raw.accounts order by all"
    ) == [("01", "1"), ("02", "2"), ("03", "3")]
    assert exports.load().late == ()


def test_a_correction_of_an_older_date_is_named_as_one(exports):
    for day in (1, 2, 3):
        put_day(exports, day, *range(day + 1))
    exports.load()
    put_day(exports, 2, 1, 2, 7)
    assert exports.load().late == (LateDrop("zoho", TWO, THREE, is_correction=True),)


def test_a_correction_of_the_newest_date_is_not_late(exports):
    put_day(exports, 1, 1)
    exports.load()
    put_day(exports, 1, 1, 2)
    assert exports.load().late == ()


def test_sources_have_dates_of_their_own(exports):
    exports.sources = {"zoho": {"format": "zoho"}, "branch": {"format": "zoho"}}
    put_day(exports, 3, 1)
    exports.load()
    put_day(exports, 2, 1, source="branch")
    assert exports.load().late == ()


def test_yesterdays_content_under_todays_date_is_named_and_changes_nothing(exports, zipped):
    put_day(exports, 1, 1, 2)
    put_day(exports, 2, 1, 2, 3)
    exports.load()
    exports.put("zoho/Backup_2026-03-03.zip", zipped({"Data/Accounts_001.csv": accounts(1, 2, 3)}))
    report = exports.load()
    assert report.repeated == (RepeatedDrop("zoho", THREE, same_as=TWO),)
    audit = exports.audit("accounts")
    assert audit.is_accepted
    assert (audit.rows_read, audit.rows_changed, audit.rows_deleted) == (3, 0, 0)
    assert exports.load().repeated == ()


def test_drops_that_came_together_and_are_equal_are_named_but_the_first(exports):
    for day in (1, 2, 3):
        put_day(exports, day, 1)
    assert exports.load().repeated == (
        RepeatedDrop("zoho", TWO, same_as=ONE),
        RepeatedDrop("zoho", THREE, same_as=ONE),
    )


def test_the_same_file_twice_in_one_drop_is_loaded_once(exports, zipped):
    put_day(exports, 1, 1, 2)
    exports.put("zoho/Backup_2026-03-01.zip", zipped({"Data/Accounts.csv": accounts(1, 2)}))
    report = exports.load()
    assert len(report.copies) == 1
    assert report.copies[0].startswith("zoho 2026-03-01 ")
    audit = exports.audit("accounts")
    assert (audit.rows_read, audit.duplicate_rows, audit.str_003) == (2, 0, False)
    assert exports.rows("select count(*) from raw.accounts") == [(2,)]
    assert exports.load().landed == ()


def test_rows_without_an_id_do_not_count_twice(exports):
    exports.sources = {
        "till": {
            "header_maps": [{
                "kind": "orders", "id": "row", "stems": ["sales"],
                "columns": {"account_id": ["who"], "order_date": ["day"], "grand_total": ["paid"]},
            }],
        }
    }  # fmt: skip
    text = "who,day,paid\n7,2026-01-01,5\n7,2026-01-01,5\n"
    exports.put("till/2026-03-01/sales.csv", text)
    exports.put("till/2026-03-01/sales copy.csv", text)
    exports.load()
    assert exports.rows("select count(*) from raw.orders") == [(2,)]


def test_a_copy_whose_original_was_corrected_counts_again(exports):
    put_day(exports, 1, 1, 2)
    exports.put("zoho/2026-03-01/Accounts_copy.csv", accounts(1, 2))
    exports.load()
    assert exports.rows("select count(*) from raw.accounts") == [(2,)]

    put_day(exports, 1, 1, 2, 3)
    exports.load()
    # Both are read now, and the rule on unique ids says what is the matter.
    assert exports.audit("accounts").rows_read == 5
    assert exports.audit("accounts").duplicate_rows == 2

    (exports.home / "exports/zoho/2026-03-01/Accounts.csv").unlink()
    exports.load()
    assert exports.rows("select count(*) from raw.accounts") == [(2,)]


def test_a_weekly_source_beside_a_nightly_one_is_stale_only_when_it_is(exports):
    exports.sources = {
        "zoho": {"format": "zoho"},
        "shop": {"format": "zoho", "expected_every_days": 7},
    }
    put_day(exports, 1, 1, source="shop")
    facts = "crm_source, age_days, str_005, blocks"
    stale = f"select {facts} from raw.drop_audit where is_newest order by crm_source"
    put_day(exports, 8, 1)
    exports.load()
    assert exports.rows(stale) == [("shop", 7, False, False), ("zoho", 0, False, False)]
    put_day(exports, 9, 1, 2)
    exports.load()
    assert exports.rows(stale) == [("shop", 8, True, False), ("zoho", 0, False, False)]


def test_a_source_without_any_drop_is_named_and_the_others_run(exports):
    exports.sources = {"zoho": {"format": "zoho"}, "shop": {"format": "zoho"}}
    put_day(exports, 1, 1)
    report = exports.load()
    assert report.missing_sources == ("shop",)
    assert exports.rows("select count(*) from raw.accounts") == [(1,)]


def notes(exports, today, **options):
    return notes_of(
        exports.load(), exports.settings, run_id="r", today=today, is_newest_asked=True, **options
    )


def test_no_new_drop_is_overdue_by_the_clock_of_the_business(exports):
    put_day(exports, 1, 1)
    assert notes(exports, TWO).overdue_since is None
    assert notes(exports, THREE).overdue_since == ONE
    exports.sources = {"zoho": {"format": "zoho", "expected_every_days": 7}}
    assert notes(exports, date(2026, 3, 8)).overdue_since is None
    assert notes(exports, date(2026, 3, 9)).overdue_since == ONE
    past = notes_of(exports.report, exports.settings, run_id="r", today=FOUR, is_newest_asked=False)
    assert past.overdue_since is None


def test_notes_are_of_one_run(exports):
    put_day(exports, 1, 1)
    put_day(exports, 3, 1)
    exports.load()
    put_day(exports, 2, 1)
    path = exports.put("zoho/2026-03-05/Accounts.csv", accounts(1))
    now = datetime(2026, 3, 4, 2, tzinfo=UTC)
    os.utime(path, (now.timestamp() - 10, now.timestamp() - 10))
    written = notes_of(
        exports.load(now=now), exports.settings, run_id="r1", today=FOUR, is_newest_asked=True
    )
    assert written.waiting == ("zoho 2026-03-05",)
    assert read_notes(exports.settings, "r1").waiting == ()
    write_notes(exports.settings, written)
    assert read_notes(exports.settings, "r1") == written
    assert read_notes(exports.settings, "r2").waiting == ()
    (exports.settings.work_dir / "run_notes.json").write_text("{", encoding="utf-8")
    assert read_notes(exports.settings, "r1").late == ()
