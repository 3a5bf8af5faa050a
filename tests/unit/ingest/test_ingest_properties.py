"""Whatever a CSV holds: every record of the file is a row of raw, in order, with its content."""

import csv
import io
import tempfile
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagster_project.ingest.read_csv import read_csv

TEXT = st.text(alphabet=st.sampled_from(list("ab1 ,;\"\n\r\t'\\#-é公　")), max_size=6)
TABLES = st.integers(2, 4).flatmap(
    lambda width: st.lists(
        st.lists(TEXT, min_size=width, max_size=width).filter(any), min_size=0, max_size=8
    ).map(lambda rows: [[f"h{n}" for n in range(width)], *rows])
)


def quoted(value: str, *, always: bool) -> str:
    """RFC 4180: a field with a delimiter, a quote or a line end is quoted."""
    if always or any(letter in value for letter in ',;"\n\r\t'):
        return '"' + value.replace('"', '""') + '"'
    return value


@settings(max_examples=150, deadline=None)
@given(
    table=TABLES,
    ending=st.sampled_from(["\n", "\r\n"]),
    always=st.booleans(),
    final=st.booleans(),
)
def test_rows_read_are_rows_in_parquet(table, ending, always, final):
    lines = [",".join(quoted(value, always=always) for value in row) for row in table]
    text = ending.join(lines) + (ending if final else "")
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as con:
        path = Path(folder, "x.csv")
        path.write_bytes(text.encode())
        cells = read_csv(path, name="x.csv", temp=Path(folder), con=con)
        width = len(table[0])
        rows = con.execute(
            f"select {cells.row_number}, {', '.join(f'c{i}' for i in range(width))} "
            f"from {cells.relation} order by 1"
        ).fetchall()
    assert [list(row[1:]) for row in rows] == [
        [value or None for value in row] for row in table[1:]
    ]
    assert [row[0] for row in rows] == list(range(2, len(rows) + 2))
    assert not cells.is_truncated


@settings(max_examples=100, deadline=None)
@given(body=st.text(alphabet=st.sampled_from(list('a1,"\n\r')), max_size=40))
def test_broken_files_lose_no_record_without_a_word(body):
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as con:
        path = Path(folder, "x.csv")
        path.write_bytes(f"p,q,r\n{body}".encode())
        cells = read_csv(path, name="x.csv", temp=Path(folder), con=con)
        table = pq.read_table(cells.path)
    kept = table.num_rows - cells.leading
    if not cells.has_row_columns:
        # Only a file every record of which fits is read the fast way.
        assert kept == len([row for row in csv.reader(io.StringIO(body, newline="")) if row])
    letters = sum(body.count(letter) for letter in "a1")
    held = "".join(
        str(value)
        for name in table.column_names
        if name != "_n"
        for value in table[name][cells.leading :].to_pylist()
        if value
    )
    held = (
        held
        if not cells.has_row_columns
        else "".join(
            str(value)
            for name in table.column_names
            if name not in {"_n", "_row_error"}
            for value in table[name].to_pylist()
            if value
        )
    )
    assert sum(held.count(letter) for letter in "a1") == letters


@pytest.mark.parametrize("with_newlines", [False, True])
def test_a_file_of_many_buffers_keeps_its_order(tmp_path, with_newlines):
    rows = 200_000
    filler = "x" * 400
    gap = "\n" if with_newlines else " "
    path = tmp_path / "big.csv"
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "text"])
        writer.writerows((n, f"{filler}{gap}{n}") for n in range(rows))
    with duckdb.connect() as con:
        cells = read_csv(path, name="big.csv", temp=tmp_path, con=con)
        wrong = con.execute(
            f"select count(*) filter (c0::bigint <> {cells.row_number} - 2), count(*) "
            f"from {cells.relation}"
        ).fetchone()
    assert wrong == (0, rows)
    assert not cells.has_row_columns
