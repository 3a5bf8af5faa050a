"""A reader in a process of its own: looks at a publication again and again, then says what it saw.

`python -m tests.reader_process FOLDER again|held|parquet FLOOR SECONDS` looks every SECONDS until
its input ends.
again: connects for every look. held: keeps its first connection. parquet: reads the files of the
run that `current` points to. FLOOR is a file with the id of a run that is published for sure:
whoever connects after reading it must not see an older one.
"""

import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import duckdb

# Tables that keep earlier dates, and those of a run.
HISTORY = {
    "class_migration",
    "clv_parameters",
    "customer_class_changes",
    "customer_classification_history",
    "dq_results",
    "dq_scorecard",
    "dq_violation_changes",
    "load_manifest",
    "rfm_thresholds",
    "run_log",
    "segment_kpis",
}


@dataclass(frozen=True)
class State:
    """What a look found: the newest run, its size, and every date of the tables of one date."""

    run_id: str
    tables: int
    rows: int
    dates: tuple[str, ...]


@dataclass(frozen=True)
class Seen:
    """What a reader saw: states with the number of looks, and what was not as it should be."""

    states: dict[State, int]
    faults: list[str]

    @property
    def looks(self) -> int:
        return sum(self.states.values())


def look(connection: duckdb.DuckDBPyConnection, relations: dict[str, str]) -> State:
    """Read the state of all tables in one statement.

    relations: how each table is called in SQL.
    """
    parts = [
        f"select count(*) as n, {_dates(connection, table, relation)} as dates from {relation}"
        for table, relation in sorted(relations.items())
    ]
    row = connection.execute(
        f"select (select max(run_id) from {relations['run_log']}), count(*), sum(n), "
        f"list_sort(list_distinct(flatten(list(dates)))) from ({' union all '.join(parts)})"
    ).fetchone()
    assert row
    return State(row[0], row[1], int(row[2]), tuple(str(day) for day in row[3]))


def _dates(connection: duckdb.DuckDBPyConnection, table: str, relation: str) -> str:
    if table in HISTORY:
        return "cast([] as date[])"
    columns = {row[0] for row in connection.execute(f"describe from {relation}").fetchall()}
    if "as_of_date" not in columns:
        return "cast([] as date[])"
    return "coalesce(list(distinct as_of_date), [])"


def _open(database: str) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(database, read_only=database != ":memory:", config={"threads": 1})


def _look_at_tables(connection: duckdb.DuckDBPyConnection) -> State:
    tables = connection.execute(
        "select table_name from duckdb_tables() where schema_name = 'main'"
    ).fetchall()
    return look(connection, {name: f'main."{name}"' for (name,) in tables})


def look_at_database(folder: Path) -> State:
    """Connect, look, and leave."""
    with _open(str(folder / "kefen.duckdb")) as connection:
        return _look_at_tables(connection)


def _look_at_parquet(folder: Path) -> State:
    # The run is looked up once: the link may point to the next one before the second file.
    run = (folder / "current").resolve()
    relations = {path.stem: f"read_parquet('{path}')" for path in run.glob("*.parquet")}
    for part in run.glob("*/**/*.parquet"):
        name = part.relative_to(run).parts[0]
        relations[name] = f"read_parquet('{run / name}/**/*.parquet')"
    with _open(":memory:") as connection:
        return look(connection, relations)


def _looker(folder: Path, mode: str) -> Callable[[], State]:
    if mode == "held":
        connection = _open(str(folder / "kefen.duckdb"))
        return lambda: _look_at_tables(connection)
    return partial(_look_at_parquet if mode == "parquet" else look_at_database, folder)


def _fault(state: State, *, mode: str, first: State, oldest: str) -> str | None:
    if len(state.dates) > 1:
        return f"tables of several nights: {state}"
    if mode == "held" and state != first:
        return f"the open connection saw {first}, then {state}"
    if mode != "held" and state.run_id < oldest:
        return f"saw {state.run_id} when {oldest} was published"
    return None


def watch(folder: Path, mode: str, floor: Path, seconds: float) -> Seen:
    """Look until the input ends; say `ready` after the first look."""
    is_over = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), is_over.set()), daemon=True).start()
    way = _looker(folder, mode)
    states: Counter[State] = Counter()
    faults = []
    first: State | None = None
    while True:
        oldest = floor.read_text("utf-8") if floor.exists() else ""
        try:
            state = way()
        except Exception as error:  # noqa: BLE001 - whatever a reader meets is a fault
            faults.append(repr(error))
        else:
            if first is None:
                first = state
                sys.stdout.write("ready\n")
                sys.stdout.flush()
            states[state] += 1
            if fault := _fault(state, mode=mode, first=first, oldest=oldest):
                faults.append(fault)
        if is_over.wait(seconds):
            return Seen(dict(states), faults)


class ReaderProcess:
    """A reader as seen from the test that starts it."""

    def __init__(self, folder: Path, mode: str, floor: Path, *, seconds: float = 0.2) -> None:
        arguments = [str(folder), mode, str(floor), str(seconds)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.reader_process", *arguments],
            cwd=Path(__file__).parent.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def wait_until_ready(self) -> None:
        assert self._process.stdout
        assert self._process.stdout.readline() == "ready\n"

    def finish(self) -> Seen:
        said, _ = self._process.communicate(timeout=60)
        found = json.loads(said)
        states = {
            State(**{**state, "dates": tuple(state["dates"])}): looks
            for state, looks in found["states"]
        }
        return Seen(states, found["faults"])


if __name__ == "__main__":
    seen = watch(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), float(sys.argv[4]))
    states = [[asdict(state), looks] for state, looks in seen.states.items()]
    json.dump({"states": states, "faults": seen.faults}, sys.stdout)
