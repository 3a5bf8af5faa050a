"""Revisions, the file rules, the change log: what a night adds, and what it must not."""

import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
from datetime import UTC, date, datetime

import pytest

from dagster_project.ingest import land
from dagster_project.ingest.changes import changes_dir
from dagster_project.ingest.errors import NoDropsError

HEADER = "Record Id,Account Name,Modified Time\n"


def accounts(rows) -> str:
    """rows: id -> name or (name, modified time)."""
    lines = []
    for key, value in rows.items():
        name, modified = value if isinstance(value, tuple) else (value, "")
        lines.append(f"{key},{name},{modified}")
    return HEADER + "".join(f"{line}\n" for line in lines)


def put_day(exports, day, rows):
    exports.put(f"zoho/2026-03-{day:02d}/Accounts.csv", accounts(rows))


LOG = """
    select strftime(_export_date, '%d'), _record_id, name, _is_deleted
    from raw.accounts order by all
"""


def test_only_changes_enter_the_log(exports):
    many = {str(n): f"n{n}" for n in range(1, 101)}
    put_day(exports, 1, many)
    put_day(exports, 2, many | {"5": "new", "200": "more"})
    gone = {key: name for key, name in many.items() if key != "7"} | {"5": "new", "200": "more"}
    put_day(exports, 3, gone)
    exports.load()
    assert [row for row in exports.rows(LOG) if row[0] != "01"] == [
        ("02", "200", "more", False), ("02", "5", "new", False), ("03", "7", None, True),
    ]  # fmt: skip
    audit = exports.audit("accounts")
    assert (audit.rows_changed, audit.rows_deleted, audit.gone_ids, audit.active_ids) == (
        0, 1, 1, 101,
    )  # fmt: skip


def test_a_delta_drop_deletes_nothing(exports):
    exports.sources = {"zoho": {"format": "zoho", "mode": "delta"}}
    put_day(exports, 1, {"1": "a", "2": "b"})
    put_day(exports, 2, {"2": "c"})
    put_day(exports, 3, {"1": "a"})
    exports.load()
    assert exports.rows(LOG) == [
        ("01", "1", "a", False), ("01", "2", "b", False), ("02", "2", "c", False),
    ]  # fmt: skip


def test_the_same_files_again_are_no_news(exports):
    put_day(exports, 1, {"1": "a"})
    assert len(exports.load().landed) == 1
    again = exports.load()
    assert (again.landed, again.unchanged_drops) == ((), 1)
    path = exports.home / "exports/zoho/2026-03-01/Accounts.csv"
    os.utime(path, (1_700_000_000, 1_700_000_000))
    assert exports.load().landed == ()
    assert len(exports.entries()) == 1


def test_a_corrected_file_is_a_new_revision_and_the_sibling_is_linked(exports):
    first, second = (f"zoho/2026-03-01/Accounts_{n:03d}.csv" for n in (1, 2))
    exports.put(first, accounts({"1": "a"}))
    exports.put(second, accounts({"2": "b"}))
    exports.load()
    exports.put(second, accounts({"2": "B"}))
    exports.load()
    assert sorted(exports.rows("select name from raw.accounts")) == [("B",), ("a",)]
    newest = [entry for entry in exports.entries() if entry.revision == 2]
    assert [entry.file for entry in newest] == ["Accounts_001.csv", "Accounts_002.csv"]
    links = [(exports.settings.raw_dir / e.raw_path).stat().st_nlink for e in newest]
    assert links[0] > links[1]
    rows = exports.rows(
        "select file, revision, is_newest_revision from raw.load_manifest order by all"
    )
    assert rows == [
        ("Accounts_001.csv", 1, False), ("Accounts_001.csv", 2, True),
        ("Accounts_002.csv", 1, False), ("Accounts_002.csv", 2, True),
    ]  # fmt: skip


def test_a_changed_mapping_reads_the_drop_again(exports):
    put_day(exports, 1, {"1": ("a", "x")})
    exports.load()
    exports.sources = {
        "zoho": {
            "format": "zoho",
            "header_maps": [{"kind": "accounts", "columns": {"industry": ["Modified Time"]}}],
        }
    }
    exports.load()
    assert exports.rows("select industry, name, _revision from raw.accounts") == [("x", "a", 2)]


def test_half_the_rows_fail_one_more_passes(exports):
    rows = {str(n): "x" for n in range(1, 11)}
    put_day(exports, 1, rows)
    put_day(exports, 2, dict(list(rows.items())[:5]))
    exports.load()
    audit = exports.audit("accounts")
    assert audit.str_004
    assert audit.row_ratio == 0.5
    assert "accept_deletions" in audit.message
    assert exports.rows("select blocks from raw.drop_audit order by export_date") == [
        (False,), (True,),
    ]  # fmt: skip
    put_day(exports, 3, rows | {"11": "y"})
    exports.load()
    assert exports.audit("accounts").row_ratio == 1.1
    assert exports.rows("select count(*) from raw.drop_audit where blocks") == [(0,)]
    assert [row[:2] for row in exports.rows(LOG) if row[0] != "01"] == [("03", "11")]


def test_use_last_good_sets_the_drop_aside(exports):
    exports.sources = {"zoho": {"format": "zoho", "on_critical": "use_last_good"}}
    put_day(exports, 1, {"1": "a", "2": "b"})
    put_day(exports, 2, {"1": "z"})
    exports.load()
    assert exports.rows("select blocks, is_set_aside from raw.drop_audit order by export_date") == [
        (False, False),
        (False, True),
    ]
    assert sorted(exports.rows("select name from raw.accounts")) == [("a",), ("b",)]


def test_many_deletions_wait_for_the_next_drop(exports):
    rows = {str(n): "x" for n in range(1, 21)}
    fewer = dict(list(rows.items())[2:])
    put_day(exports, 1, rows)
    put_day(exports, 2, fewer)
    exports.load()
    audit = exports.audit("accounts")
    assert audit.is_accepted
    assert audit.deletions_held == 2
    assert audit.deleted_share == 0.1
    assert not [row for row in exports.rows(LOG) if row[3]]
    put_day(exports, 3, {**fewer, "2": "x"})
    exports.load()
    assert [row[:2] for row in exports.rows(LOG) if row[3]] == [("03", "1")]


def test_accepted_deletions_are_applied_at_once(exports):
    exports.sources = {"zoho": {"format": "zoho", "accept_deletions": ["2026-03-02"]}}
    put_day(exports, 1, {str(n): "x" for n in range(1, 21)})
    put_day(exports, 2, {"1": "x"})
    exports.load()
    audit = exports.audit("accounts")
    assert audit.is_accepted
    assert audit.deletions_held == 0
    assert len([row for row in exports.rows(LOG) if row[3]]) == 19


def test_duplicates_keep_the_newest_and_name_it(exports):
    good = "".join(f"{n},x,\n" for n in range(1000, 1400))
    exports.put(
        "zoho/2026-03-01/Accounts.csv",
        HEADER + "1,old,2026-01-01 00:00:00\n1,new,2026-01-02 00:00:00\n1,none,\n"
        "2,same,\n2,same,\n" + good,
    )
    exports.load()
    audit = exports.audit("accounts")
    assert audit.duplicate_rows == 3
    assert audit.is_accepted
    assert not audit.str_003
    query = """
        select _record_id, name, _row_number, _duplicate_of_row from raw.accounts
        where _record_id in ('1', '2') order by _row_number
    """
    assert exports.rows(query) == [
        ("1", "old", 2, 3), ("1", "new", 3, None), ("1", "none", 4, 3),
        ("2", "same", 5, 6), ("2", "same", 6, None),
    ]  # fmt: skip
    shutil.copytree(
        exports.home / "exports/zoho/2026-03-01", exports.home / "exports/zoho/2026-03-02"
    )
    exports.load()
    assert exports.audit("accounts").rows_changed == 0
    exports.put(
        "zoho/2026-03-03/Accounts.csv", HEADER + "1,new,2026-01-02 00:00:00\n2,same,\n" + good
    )
    exports.load()
    released = (
        "select _record_id, _duplicate_of_row from raw.accounts where _export_date = "
        "'2026-03-03' order by all"
    )
    assert exports.rows(released) == [("1", None), ("2", None)]


def test_too_many_rows_without_an_id_are_critical(exports):
    exports.put("zoho/2026-03-01/Accounts.csv", HEADER + ",nobody,\n" + "1,a,\n")
    exports.load()
    assert exports.audit("accounts").str_003


def test_a_kind_without_ids_counts_equal_rows(exports):
    exports.sources = {
        "till": {
            "header_maps": [{
                "kind": "orders", "id": "row", "stems": ["sales"],
                "columns": {"account_id": ["who"], "order_date": ["day"], "grand_total": ["paid"]},
            }],
        }
    }  # fmt: skip
    header, row = "who,day,paid\n", "7,2026-01-01,5\n"
    exports.put("till/2026-03-01/sales_001.csv", header + row + row)
    exports.put("till/2026-03-01/sales_002.csv", header + row + "8,2026-01-01,5\n")
    exports.load()
    ids = [r[0] for r in exports.rows("select _record_id from raw.orders order by all")]
    assert len(set(ids)) == 4
    assert sorted(i.split("#")[1] for i in ids) == ["1", "1", "2", "3"]
    exports.put("till/2026-03-01/sales_001.csv", header + row)
    exports.load()
    assert exports.rows("select count(distinct _record_id), count(*) from raw.orders") == [(3, 3)]


def test_composite_ids(exports):
    header = "Potential ID,Stage,Last Modified Time\n"
    exports.put(
        "zoho/2026-03-01/PotStageHistory_001.csv",
        header + "zcrm_9,Qualification,2026-01-01 00:00:00\n",
    )
    exports.load()
    assert exports.rows("select _record_id from raw.stage_events") == [
        ("9|Qualification|2026-01-01 00:00:00",)
    ]


def test_exports_dated_later_than_known_do_not_exist(exports):
    put_day(exports, 1, {"1": "a"})
    put_day(exports, 2, {"1": "b"})
    exports.load()
    assert exports.rows("select name from raw.accounts", date(2026, 3, 1)) == [("a",)]
    assert len(exports.rows("from raw.load_manifest", date(2026, 3, 1))) == 1


def test_a_drop_from_the_future_is_refused(exports):
    put_day(exports, 1, {"1": "a"})
    put_day(exports, 2, {"1": "b"})
    exports.load(now=datetime(2026, 3, 1, 20, tzinfo=UTC))
    assert not exports.audit("accounts").str_006, "it is 2 March in Shanghai"
    exports.load(now=datetime(2026, 3, 1, 12, tzinfo=UTC))
    assert exports.audit("accounts").str_006


def test_a_drop_that_is_still_written_waits(exports):
    put_day(exports, 1, {"1": "a"})
    path = exports.put("zoho/2026-03-02/Accounts.csv", accounts({"1": "b"}))
    now = datetime(2026, 3, 5, tzinfo=UTC)
    os.utime(path, (now.timestamp() - 59, now.timestamp() - 59))
    assert exports.load(now=now).waiting == ("zoho 2026-03-02",)
    (path.parent / "_SUCCESS").touch()
    assert exports.load(now=now).waiting == ()
    assert exports.audit("accounts").export_date == date(2026, 3, 2)


def test_dates_in_file_names_and_shifted(exports):
    exports.sources = {"zoho": {"format": "zoho", "export_date_shift_days": -1}}
    exports.put("zoho/Accounts_2026_03_17.csv", accounts({"1": "a"}))
    exports.put("zoho/Accounts_20260318010203.csv", accounts({"1": "a"}))
    exports.put("zoho/Accounts.csv", accounts({"1": "a"}))
    report = exports.load()
    assert [a.export_date for a in report.audits] == [date(2026, 3, 16), date(2026, 3, 17)]
    assert len(report.undated) == 1


def test_nothing_anywhere_names_the_folder(exports):
    with pytest.raises(NoDropsError, match="exports/zoho"):
        exports.load()


def random_nights(rng):
    """Twelve full drops with edits, merges, duplicates, a half-size drop and mass deletions."""
    rows = {str(n): f"n{n}" for n in range(1, 61)}
    nights = []
    for night in range(12):
        for key in rng.sample(sorted(rows), 5):
            rows[key] = f"{rows[key]}*"
        for key in rng.sample(sorted(rows), 5 if night in {4, 8} else 1):
            del rows[key]
        rows[str(100 + night)] = "fresh"
        text = accounts(rows)
        if night == 6:
            text = HEADER + "".join(text.splitlines(keepends=True)[1:10])
        nights.append(text)
    return nights


def log_of(exports):
    root = changes_dir(exports.settings)
    names = sorted(p.relative_to(root).as_posix() for p in root.rglob("*.parquet"))
    dates = [name.split("/")[2] for name in names]
    return dates, exports.rows("select * exclude (_revision) from raw.accounts order by all")


@pytest.mark.parametrize("seed", range(4))
def test_night_by_night_at_once_and_out_of_order_give_the_same_log(exports, seed, tmp_path):
    nights = random_nights(random.Random(seed))
    logs = []
    orders = [[range(12)], [[n] for n in range(12)], [[3, 7, 8], [0], [11, 1, 2], range(12)]]
    for number, batches in enumerate(orders):
        exports.home = tmp_path / f"home {number}"
        done = set()
        for batch in batches:
            for night in set(batch) - done:
                exports.put(f"zoho/2026-03-{night + 1:02d}/Accounts.csv", nights[night])
                done.add(night)
            exports.load()
        logs.append(log_of(exports))
    assert logs[0] == logs[1] == logs[2]
    dates, rows = logs[0]
    assert "2026-03-07" not in dates, "the half-size drop is not accepted"
    assert "2026-03-12" in dates
    assert {True, False} == {row[-6] for row in rows}


def test_a_late_correction_rebuilds_what_follows(exports, tmp_path):
    nights = random_nights(random.Random(9))
    for night, text in enumerate(nights):
        exports.put(f"zoho/2026-03-{night + 1:02d}/Accounts.csv", text)
    exports.load()
    corrected = nights[2].replace("n1,", "N1,").replace("n3", "N3")
    exports.put("zoho/2026-03-03/Accounts.csv", corrected)
    exports.load()
    late = log_of(exports)
    exports.home = tmp_path / "fresh"
    for night, text in enumerate(nights):
        exports.put(f"zoho/2026-03-{night + 1:02d}/Accounts.csv", corrected if night == 2 else text)
    exports.load()
    assert late == log_of(exports)


KILLED = """
    import os, signal, sys
    from datetime import UTC, datetime
    from pathlib import Path
    from dagster_project.ingest import land, changes, manifest
    from dagster_project.ingest.load import load_exports
    from dagster_project.settings import Settings

    home, moment = Path(sys.argv[1]), int(sys.argv[2])
    count = 0

    def dying(real):
        def step(*args, **kwargs):
            global count
            count += 1
            if count == moment:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **kwargs)
        return step

    land.publish = dying(land.publish)
    changes.publish = dying(changes.publish)
    changes.write_atomically = dying(changes.write_atomically)
    manifest.write_atomically = dying(manifest.write_atomically)
    settings = Settings.model_validate(
        {"home": home, "sources": {"zoho": {"format": "zoho", "path": "exports/zoho"}}}
    )
    load_exports(settings, now=datetime(2026, 6, 30, tzinfo=UTC), progress=lambda text: None)
"""


@pytest.mark.parametrize("moment", range(1, 10))
def test_killed_at_any_moment_the_next_load_gives_the_same(exports, moment, tmp_path):
    nights = random_nights(random.Random(1))[:3]
    for night, text in enumerate(nights):
        exports.put(f"zoho/2026-03-{night + 1:02d}/Accounts.csv", text)
    killed = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), str(exports.home), str(moment)],
        check=False, capture_output=True, env=os.environ | {"PYTHONPATH": os.getcwd()},  # noqa: PTH109
    )  # fmt: skip
    assert killed.returncode in {0, -signal.SIGKILL}, killed.stderr.decode()
    assert killed.returncode == -signal.SIGKILL or moment > 8
    exports.load()
    after = log_of(exports)
    assert list((exports.settings.raw_dir / "_tmp").iterdir()) == []
    exports.home = tmp_path / "calm"
    for night, text in enumerate(nights):
        exports.put(f"zoho/2026-03-{night + 1:02d}/Accounts.csv", text)
    exports.load()
    assert after == log_of(exports)
    assert [e.file for e in exports.entries()] == ["Accounts.csv"] * 3


def test_a_repaired_archive_and_a_newly_known_kind_leave_nothing_behind(exports, zipped):
    leads = zipped({"Leads_001.csv": "Record Id,Last Name\n1,L\n"})
    exports.put("zoho/2026-03-01/Data_001.zip", leads[:60])
    exports.put("zoho/2026-03-01/Recipes.csv", "Dish,Minutes\nSoup,20\n")
    exports.load()
    assert exports.rows("select kind, blocks from raw.drop_audit") == [("other:data", True)]
    exports.put("zoho/2026-03-01/Data_001.zip", leads)
    exports.sources = {
        "zoho": {
            "format": "zoho",
            "header_maps": [{
                "kind": "products", "stems": ["Recipes"], "required": ["name"], "id": ["name"],
                "columns": {"name": ["Dish"], "unit_cost": ["Minutes"]},
            }],
        }
    }  # fmt: skip
    exports.load()
    assert exports.rows("select kind, blocks from raw.drop_audit order by kind") == [
        ("leads", False), ("products", False),
    ]  # fmt: skip
    assert exports.rows("from raw.other_files") == []
    assert exports.rows("select name, unit_cost from raw.products") == [("Soup", "20")]
    assert exports.load().landed == ()


def test_the_mode_of_the_settings_rules_old_drops_too(exports):
    put_day(exports, 1, {str(n): "x" for n in range(1, 41)})
    put_day(exports, 2, {str(n): "x" for n in range(2, 41)})
    exports.load()
    assert exports.audit("accounts").rows_deleted == 1
    exports.sources = {"zoho": {"format": "zoho", "mode": "delta"}}
    exports.load()
    assert exports.audit("accounts").rows_deleted == 0


def test_a_changed_mapping_of_one_member_reads_the_archive_again(exports, zipped, monkeypatch):
    members = {
        "Leads_001.csv": "Record Id,Last Name\n1,L\n",
        "Accounts_001.csv": "Record Id,Account Name\n2,A\n",
    }
    exports.put("zoho/2026-03-01/Data_001.zip", zipped(members))
    exports.load()
    before = land.fingerprint

    def changed_for_leads(source, kind, **options):
        return before(source, kind, **options) + ("2" if kind == "leads" else "")

    monkeypatch.setattr(land, "fingerprint", changed_for_leads)
    exports.load()

    assert exports.rows("select _record_id from raw.leads") == [("1",)]
    assert exports.rows("select _record_id from raw.accounts") == [("2",)]
    assert exports.report.unchanged_drops == 0
    exports.load()
    assert exports.report.unchanged_drops == 1
