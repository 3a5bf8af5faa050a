"""A reader in another process keeps its connection open while a night publishes."""

import subprocess
import sys
from collections.abc import Callable
from datetime import date

from dagster_project.settings import Settings
from tests.support import NOW, published, query, run_light_night

# Says the date it sees whenever it is asked, always on the connection it opened first.
READER = """
import sys
import duckdb

with duckdb.connect(sys.argv[1], read_only=True) as connection:
    for _ in iter(sys.stdin.readline, "stop\\n"):
        seen = connection.execute("select max(as_of_date) from customer_classification")
        print(seen.fetchone()[0], flush=True)
"""


def test_an_open_reader_and_a_night_do_not_disturb_each_other(
    second_evening: Callable[..., Settings],
) -> None:
    settings = second_evening()
    database = published(settings.home)
    with subprocess.Popen(
        [sys.executable, "-c", READER, str(database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as reader:
        assert reader.stdin
        assert reader.stdout

        def ask() -> date:
            print(file=reader.stdin, flush=True)
            return date.fromisoformat(reader.stdout.readline().strip())

        before = ask()
        run_light_night(settings, now=NOW)
        after = ask()
        print("stop", file=reader.stdin, flush=True)

    assert reader.returncode == 0
    assert after == before
    newest = query(published(settings.home), "select max(as_of_date) from customer_classification")
    assert newest[0][0] > before
