"""Whatever happens to export files: each is named, or every row of it is loaded or quarantined."""

import csv
import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from random import Random
from unittest import mock

import duckdb
import pytest

from dagster_project.demo import write_demo_exports
from dagster_project.ingest.completion import complete_manifest
from dagster_project.ingest.drops import is_readable
from dagster_project.ingest.header_maps import OTHER
from dagster_project.ingest.load import load_exports
from dagster_project.ingest.manifest import FileEntry, Manifest
from dagster_project.ingest.views import read_audits, register
from dagster_project.night import judge
from dagster_project.settings import Settings
from dagster_project.transform.dbt import dbt_environment
from expectations.rules import load_rules
from expectations.runner import gate
from tests.support import (
    NOW,
    SOURCES,
    _invoke,
    _no_dbt_connection,
    _parsed,
    demo_settings,
    run_light_night,
)

SECOND = date(2025, 3, 20)
FIRST = SECOND - timedelta(days=1)
# Each corrupts some 25 files.
EXAMPLES = 4
SOAK_EXAMPLES = 240

Corrupt = Callable[[Random, bytes], bytes]


# What can happen to the bytes of a file -----------------------------------------------------


def flipped(random: Random, content: bytes) -> bytes:
    """Change single bits: one, or a few all over the file."""
    changed = bytearray(content)
    for _ in range(random.choice((1, 1, 3, 20))):
        changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def cut(random: Random, content: bytes) -> bytes:
    return content[: random.randrange(len(content))]


def hollowed(random: Random, content: bytes) -> bytes:
    """Take bytes out of the middle, as a broken transfer does."""
    start = random.randrange(len(content))
    return content[:start] + content[start + random.randrange(1, 400) :]


def zeroed(random: Random, content: bytes) -> bytes:
    """Write zeros over a stretch, or strew them in."""
    start = random.randrange(len(content))
    length = random.choice((1, 7, 300))
    return content[:start] + bytes(length) + content[start + random.choice((0, length)) :]


def noisy(random: Random, content: bytes) -> bytes:
    start = random.randrange(len(content))
    return content[:start] + random.randbytes(random.randrange(1, 60)) + content[start:]


def emptied(random: Random, content: bytes) -> bytes:
    return random.choice((b"", b"\n", b"\xef\xbb\xbf", b"\r\n\r\n", b" ", b"\x00"))


# What can happen to a file of text ----------------------------------------------------------


def lines_of(content: bytes) -> list[bytes]:
    return content.splitlines(keepends=True)


def rows_cut(random: Random, content: bytes) -> bytes:
    header, *rows = lines_of(content)
    return b"".join([header, *(row for row in rows if random.random() < 0.7)])


def rows_doubled(random: Random, content: bytes) -> bytes:
    header, *rows = lines_of(content)
    share = random.choice((0.05, 0.5, 1))
    again = [row for row in rows if random.random() < share]
    return b"".join([header, *rows, *again]) if random.random() < 0.5 else content + content


def rows_joined(random: Random, content: bytes) -> bytes:
    """Lose a line end."""
    rows = lines_of(content)
    at = random.randrange(len(rows))
    return b"".join([*rows[:at], rows[at].rstrip(b"\r\n"), *rows[at + 1 :]])


def line_ends_mixed(random: Random, content: bytes) -> bytes:
    ends = (b"\n", b"\r\n", b"\r")
    return b"".join(row.rstrip(b"\r\n") + random.choice(ends) for row in lines_of(content))


def columns_swapped(random: Random, content: bytes) -> bytes:
    header, _, rest = content.partition(b"\n")
    names = header.split(b",")
    random.shuffle(names)
    return b",".join(names) + b"\n" + rest


def column_renamed(random: Random, content: bytes) -> bytes:
    header, _, rest = content.partition(b"\n")
    names = header.rstrip(b"\r").split(b",")
    new = (b"", b"X", b"_file", b"Record Id", b"id", b'"', "编号".encode(), names[0].upper())
    names[random.randrange(len(names))] = random.choice(new)
    return b",".join(names) + b"\n" + rest


def recoded(random: Random, content: bytes) -> bytes:
    """Write the second half in another encoding than the first."""
    text = content.decode("utf-8", "replace")
    half = random.randrange(len(text) + 1)
    first = random.choice(("utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le", "utf-16-be"))
    second = random.choice(("utf-8", "gb18030", "utf-16-le", "utf-16", "latin-1", first))
    return text[:half].encode(first) + text[half:].encode(second, "replace")


def foreign_bytes(random: Random, content: bytes) -> bytes:
    """Put GBK text into one row."""
    rows = lines_of(content)
    at = random.randrange(len(rows))
    place = random.randrange(len(rows[at]))
    text = random.choice(("公", "客户", "北京测试有限公司", "¥", "é")).encode("gb18030")
    rows[at] = rows[at][:place] + text + rows[at][place:]
    return b"".join(rows)


def quotes_dropped(random: Random, content: bytes) -> bytes:
    quotes = [i for i, byte in enumerate(content) if byte == ord('"')]
    if not quotes:
        return quote_added(random, content)
    gone = set(random.sample(quotes, random.choice((1, 1, max(1, len(quotes) // 2)))))
    return bytes(byte for i, byte in enumerate(content) if i not in gone)


def quote_added(random: Random, content: bytes) -> bytes:
    at = random.choice([i + 1 for i, byte in enumerate(content) if byte in b",:\n"] or [0])
    return content[:at] + b'"' + content[at:]


def delimiter_changed(random: Random, content: bytes) -> bytes:
    new = random.choice((b";", b"\t", b"|", b"^", b", ", "，".encode()))
    start = random.choice((0, len(content) // 2, content.find(b"\n") + 1))
    return content[:start] + content[start:].replace(b",", new)


def sep_line(random: Random, content: bytes) -> bytes:
    return b"sep=" + random.choice((b",", b";", b'"', b"a", b"\t", "，".encode())) + b"\n" + content


def values_spoilt(random: Random, content: bytes) -> bytes:
    """Put values into rows that no type and no parser likes."""
    new = (b"1e999999999999999999", b"NaN", b"9999-99-99", b"31/12/2025", b"1" * 5000, b"-0",
           b"\\", b"\\ud800", b"\\u0000", b"[" * 3000, b"{}", b"=1+1", b"'", b"%s", b"\x1f",
           b"01/02/2025", b"20250230", b"null", b"true")  # fmt: skip
    header, *rows = lines_of(content)
    spoilt = []
    for row in rows:
        cells = row.rstrip(b"\r\n").split(b",")
        if random.random() < 0.2:
            at = random.randrange(len(cells))
            key, colon, _ = cells[at].partition(b":")
            quote = random.choice((b'"', b""))
            value = random.choice(new)
            cells[at] = key + colon + quote + value + quote if colon else value
        spoilt.append(b",".join(cells) + b"\n")
    return b"".join([header, *spoilt])


BYTES: tuple[Corrupt, ...] = (flipped, cut, hollowed, zeroed, noisy, emptied)
TEXT: tuple[Corrupt, ...] = (
    flipped, cut, hollowed, zeroed, noisy, emptied, rows_cut, rows_doubled, rows_joined,
    line_ends_mixed, columns_swapped, column_renamed, recoded, foreign_bytes, quotes_dropped,
    quote_added, delimiter_changed, sep_line, values_spoilt,
)  # fmt: skip


# A drop, whole and corrupted ----------------------------------------------------------------


@dataclass(frozen=True)
class World:
    """A home in which a whole drop is loaded, and the same drop a day later."""

    home: Path
    second: dict[str, dict[str, bytes]]
    staging: dict[str, str]


@dataclass
class Drop:
    """The second drop as it arrived: per file of a source what happened to it and its bytes."""

    files: dict[tuple[str, str], bytes] = field(default_factory=dict)
    happened: dict[tuple[str, str], str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    home = tmp_path_factory.mktemp("whole") / "home"
    settings = demo_settings(home)
    write_demo_exports(
        home / "exports", customers=12, days=200, nights=2, dirt=0.0, last_date=SECOND
    )
    second: dict[str, dict[str, bytes]] = {}
    for source in SOURCES:
        first, folder = (home / "exports" / source / str(day) for day in (FIRST, SECOND))
        second[source] = {
            path.name: path.read_bytes()
            for path in (*sorted(first.iterdir()), *sorted(folder.iterdir()))
            if f"{FIRST:%Y%m%d}" not in path.name
        }
        shutil.rmtree(folder)
    load_exports(settings, now=NOW, progress=lambda _: None)
    return World(home, second, _staging_sql(settings))


def _staging_sql(settings: Settings) -> dict[str, str]:
    """Let dbt write the SQL of the staging models once; running it again needs no dbt."""
    manifest = _parsed()
    with mock.patch.dict(os.environ, dbt_environment(settings)), _no_dbt_connection():
        done = _invoke("compile", "--select", "path:models/staging", manifest=manifest)
    database = f'"{settings.work_db.stem}".'
    return {r.node.name: r.node.compiled_code.replace(database, "") for r in done.results}


def zip_of(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def corrupted(random: Random, files: dict[str, dict[str, bytes]], *, share: float = 0.65) -> Drop:
    """Corrupt about two of three files of a drop, and now and then a whole archive."""
    drop = Drop()

    def change(kinds: tuple[Corrupt, ...], key: tuple[str, str], content: bytes) -> bytes:
        if random.random() < 1 - share or not content:
            return content
        how = random.choice(kinds)
        drop.happened[key] = how.__name__
        return how(random, content)

    for source, contents in files.items():
        for name, content in contents.items():
            key = (source, name)
            if name.endswith(".zip"):
                with zipfile.ZipFile(io.BytesIO(content)) as archive:
                    members = {
                        member: change(TEXT, (source, f"{name}/{member}"), archive.read(member))
                        for member in archive.namelist()
                        if is_readable(member)
                    }
                drop.files |= {(source, f"{name}/{member}"): c for member, c in members.items()}
                whole = zip_of(members)
                drop.files[key] = change(BYTES, key, whole) if random.random() < 0.4 else whole
            elif name.endswith((".xlsx", ".parquet")):
                drop.files[key] = change(BYTES, key, content)
            else:
                drop.files[key] = change(TEXT, key, content)
    return drop


def deliver_into(world: World, home: Path, drop: Drop) -> Settings:
    """Make a home after the whole drop, with the corrupted one delivered."""
    shutil.copytree(world.home, home)
    for (source, name), content in drop.files.items():
        if name in world.second[source]:
            path = home / "exports" / source / str(SECOND) / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
    return demo_settings(home)


# The property -------------------------------------------------------------------------------


def load_and_stage(settings: Settings, staging: dict[str, str]) -> None:
    """Load, and count what staging makes of every accepted file."""
    load_exports(settings, now=NOW, progress=lambda _: None)
    with duckdb.connect() as con:
        register(con, settings, None)
        con.execute("create schema staging")
        for name, sql in staging.items():
            con.execute(f"create view staging.{name} as {sql}")
        complete_manifest(con, settings)


def records_in(entry: FileEntry, content: bytes) -> set[int]:
    """Count the records of a file without the loader; nothing where nobody can say.

    A quote behind a delimiter and a blank opens a field for some readers, for others not.
    """
    suffix = Path(entry.part).suffix
    if suffix == ".jsonl":
        return {sum(bool(line.strip()) for line in content.splitlines())}
    if suffix != ".csv" or entry.row_errors or not entry.encoding:
        return set()
    text = content.decode(entry.encoding)
    if text.lower().startswith("sep="):
        text = text.partition("\n")[2]
    readers = (
        csv.reader(io.StringIO(text, newline=""), delimiter=entry.delimiter or ",", **options)
        for options in ({}, {"skipinitialspace": True})
    )
    return {sum(any(row) for row in reader) - 1 for reader in readers}


def fault(entry: FileEntry, content: bytes, refusal: str | None) -> str | None:
    """Say what a file misses: to be named, or to have every row accounted for.

    refusal: why the drop of its kind was not accepted, if it was not.
    """
    said = None
    read, loaded, held = entry.rows_read, entry.rows_loaded, entry.rows_quarantined
    if entry.error:
        if entry.container not in entry.error or refusal is None:
            said = f"an error that stops nothing: {entry.error}"
    elif refusal is not None:
        pass
    elif loaded is None or held is None or read != loaded + held:
        said = f"{read} rows read, {loaded} loaded, {held} quarantined"
    elif (expected := records_in(entry, content)) and read not in expected:
        said = f"{expected} records in the file, {read} rows read"
    elif entry.kind.startswith(OTHER) and entry.part != "Data_001.zip/Tags_001.csv":
        said = f"became {entry.kind} without a word"
    return said


def faults(settings: Settings, drop: Drop) -> list[str]:
    """Say which files were neither named nor accounted for."""
    refusals = {
        (audit.crm_source, audit.kind): audit.message
        for audit in read_audits(settings, None)
        if audit.export_date == SECOND
    }
    entries: dict[tuple[str, str], list[FileEntry]] = {}
    for found in Manifest(settings.raw_dir).drops():
        for entry in found.newest() if found.export_date == SECOND else ():
            entries.setdefault((entry.crm_source, entry.part), []).append(entry)
    said = []
    for (source, name), content in drop.files.items():
        archive = (source, name.split("/")[0])
        is_told = any(entry.error for entry in entries.get(archive, ()))
        if not is_readable(name) or name.endswith(".zip") or (is_told and "/" in name):
            continue
        its = entries.get((source, name), []) or [
            # A member renamed by a changed byte: the error gives both names.
            entry
            for (of, _), others in entries.items()
            for entry in others
            if of == source and "/" in name and name.split("/")[1] in (entry.error or "")
        ]
        found_faults = [fault(e, content, refusals.get((source, e.kind))) for e in its]
        said += [
            f"{source}/{name} ({drop.happened.get((source, name), 'untouched')}): {text}"
            for text in (found_faults if its else ["not in the manifest"])
            if text
        ]
    return said


def check(world: World, home: Path, seed: int) -> None:
    drop = corrupted(Random(seed), world.second)
    settings = deliver_into(world, home, drop)
    try:
        load_and_stage(settings, world.staging)
    except Exception as error:
        told = json.dumps({"/".join(k): v for k, v in drop.happened.items()}, ensure_ascii=False)
        error.add_note(f"seed {seed}: {told}")
        raise
    assert faults(settings, drop) == [], f"seed {seed}"
    shutil.rmtree(home)


@pytest.mark.parametrize("seed", range(EXAMPLES))
def test_corrupted_files_are_named_or_every_row_is_accounted_for(world, tmp_path, seed):
    check(world, tmp_path / "home", seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1000, 1000 + SOAK_EXAMPLES))
def test_more_corrupted_files(world, tmp_path, seed):
    check(world, tmp_path / "home", seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_whole_night_over_corrupted_files(world, tmp_path, seed):
    drop = corrupted(Random(seed), world.second, share=0.15)
    settings = deliver_into(world, tmp_path / "home", drop)

    run_light_night(settings, data_tests=False)

    assert faults(settings, drop) == []
    refused = [
        audit.message
        for audit in read_audits(settings, None)
        if audit.export_date == SECOND and audit.message
    ]
    decision = gate(judge(settings, stage="raw", rules=load_rules()))
    assert decision.is_blocked == bool(refused)
    broken = [e.part for e in Manifest(settings.raw_dir).entries() if e.error]
    assert [name for name in broken if name not in decision.message] == []
