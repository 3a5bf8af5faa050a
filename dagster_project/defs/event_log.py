"""Dagster's SQLite event log with connections that stay open, for runs of the command line.

Dagster opens and closes a connection for every event, and closing syncs the file to the disk: of
the thousand events of a night that is 5 s. The files are the same, and the UI reads them as ever.
"""

import os
import sqlite3
import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import yaml
from dagster import DagsterInstance
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy.pool import QueuePool


class OpenEventLog(SqliteEventLogStorage):
    """The event log of one process, which keeps a connection to each of its files."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: dict[str, sa.Engine] = {}
        self._opening = threading.Lock()
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(
        cls,
        inst_data: ConfigurableClassData | None,
        config_value: Mapping[str, Any],
    ) -> "OpenEventLog":
        """Build the log as Dagster builds its own."""
        return cls(inst_data=inst_data, **config_value)

    def run_connection(self, run_id: str | None = None) -> AbstractContextManager[sa.Connection]:
        """Begin a transaction on the events of a run."""
        shard = str(run_id)
        if shard not in self._engines:
            with super().run_connection(run_id):  # Dagster makes the file and its tables.
                pass
        return self._begin(shard)

    def index_connection(self) -> AbstractContextManager[sa.Connection]:
        """Begin a transaction on what is kept across runs."""
        if INDEX_SHARD_NAME not in self._engines:
            with super().index_connection():
                pass
        return self._begin(INDEX_SHARD_NAME)

    def dispose(self) -> None:
        """Close the files."""
        super().dispose()
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()

    def _begin(self, shard: str) -> AbstractContextManager[sa.Connection]:
        with self._opening:
            if shard not in self._engines:
                engine = sa.create_engine(
                    self.conn_string_for_shard(shard),
                    poolclass=QueuePool,
                    connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS},
                )
                sa.event.listen(engine, "connect", _set_up)
                self._engines[shard] = engine
        return self._engines[shard].begin()


def _set_up(connection: sqlite3.Connection, _record: object) -> None:
    # A power cut may lose the last events, never the file. The UI looks at the file itself, which
    # changes when so many pages of the write-ahead log have been copied into it.
    connection.execute("pragma synchronous = normal")
    connection.execute("pragma wal_autocheckpoint = 100")


def open_instance() -> DagsterInstance:
    """Open the instance of DAGSTER_HOME with its event log kept open.

    An instance whose dagster.yaml names a storage of its own is opened as it is.
    """
    home = Path(os.environ["DAGSTER_HOME"])
    file = home / "dagster.yaml"
    named = yaml.safe_load(file.read_text(encoding="utf-8")) if file.exists() else None
    log = InstanceRef.config_defaults(str(home))["event_log_storage"]
    if log is None or {"storage", "event_log_storage"} & set(named or {}):
        return DagsterInstance.get()
    kept = {
        "module": OpenEventLog.__module__,
        "class": OpenEventLog.__name__,
        "config": log.config_dict,
    }
    return DagsterInstance.from_ref(
        InstanceRef.from_dir(str(home), overrides={"event_log_storage": kept})
    )
