"""A home folder with exports that a test writes, loads and looks at."""

import io
import os
import zipfile
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dagster_project.ingest.audit import Audit
from dagster_project.ingest.load import LoadReport, load_exports
from dagster_project.ingest.manifest import FileEntry, Manifest
from dagster_project.ingest.views import register
from dagster_project.settings import Settings

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
LONG_AGO = 1_600_000_000


@dataclass
class Exports:
    """Exports of one installation."""

    home: Path
    sources: dict[str, dict[str, Any]] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    report: LoadReport | None = None
    _clock: int = LONG_AGO

    @property
    def settings(self) -> Settings:
        sources = self.sources or {"zoho": {"format": "zoho"}}
        filled = {name: {"path": f"exports/{name}", **body} for name, body in sources.items()}
        return Settings.model_validate({"home": self.home, "sources": filled, **self.options})

    def put(self, path: str, content: str | bytes) -> Path:
        """Write a file below exports/, settled long ago."""
        target = self.home / "exports" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
        self._clock += 1
        os.utime(target, (self._clock, self._clock))
        return target

    def load(self, known: date | None = None, now: datetime = NOW) -> LoadReport:
        self.report = load_exports(self.settings, now=now, known=known, progress=lambda _: None)
        return self.report

    def database(self, known: date | None = None) -> duckdb.DuckDBPyConnection:
        con = duckdb.connect()
        register(con, self.settings, known)
        return con

    def rows(self, query: str, known: date | None = None) -> list[tuple[Any, ...]]:
        with self.database(known) as con:
            return con.execute(query).fetchall()

    def audit(self, kind: str, source: str | None = None) -> Audit:
        """The verdict on the newest drop of a kind."""
        assert self.report
        found = [a for a in self.report.audits if a.kind == kind and source in {None, a.crm_source}]
        return found[-1]

    def entries(self) -> list[FileEntry]:
        return Manifest(self.settings.raw_dir).entries()

    def entry(self, kind: str) -> FileEntry:
        return [entry for entry in self.entries() if entry.kind == kind][-1]


@pytest.fixture
def exports(tmp_path: Path) -> Exports:
    # A folder as users have them: a blank and Chinese in the path.
    return Exports(tmp_path / "数据 home")


def zipped(members: dict[str, str | bytes]) -> bytes:
    """A zip archive in memory."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture(name="zipped")
def zipped_fixture() -> Any:
    return zipped
