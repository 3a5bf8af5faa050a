"""dagster.yaml: SQLite by default, PostgreSQL by a setting, and never over what somebody wrote."""

from pathlib import Path
from typing import Any

import pgserver
import pytest
import yaml
from dagster import DagsterInstance, job, op  # noqa: TID251
from dagster._core.instance.config import dagster_instance_config  # noqa: TID251

from dagster_project import cli
from dagster_project.instance import (
    EARLIER,
    HEADER,
    instance_settings,
    prepare_instance,
    storage_url,
)
from dagster_project.settings import Settings, SettingsError

SOURCES = {"zoho": {"path": "z"}}


def make(home: Path, **options: object) -> Settings:
    return Settings.model_validate({"home": home, "sources": SOURCES, **options})


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    # What prepare_instance sets is taken back after each test.
    monkeypatch.setenv("DAGSTER_HOME", "")
    monkeypatch.setenv("DAGSTER_DISABLE_TELEMETRY", "")
    monkeypatch.setenv("KEFEN_DAGSTER_STORAGE", "")


def written(folder: Path) -> Any:
    return yaml.safe_load((folder / "dagster.yaml").read_text(encoding="utf-8"))


def test_runs_are_kept_in_sqlite_below_the_home(tmp_path: Path) -> None:
    folder = prepare_instance(make(tmp_path))
    assert written(folder) == {
        "telemetry": {"enabled": False},
        "freshness": {"enabled": True},
        # Six hours of work, and six of waiting for another run.
        "run_monitoring": {"enabled": True, "max_runtime_seconds": 43_200},
    }
    with DagsterInstance.from_config(str(folder)) as instance:
        assert run_a_job(instance)
        assert instance.run_monitoring_enabled
        assert instance.run_monitoring_max_runtime_seconds == 43_200
    assert list((folder / "history").rglob("*.db"))


def run_a_job(instance: DagsterInstance) -> bool:
    @op
    def nothing() -> None:
        pass

    @job
    def night() -> None:
        nothing()

    result = night.execute_in_process(instance=instance)
    return result.success and instance.get_run_by_id(result.run_id) is not None


def test_dagster_accepts_what_is_written(tmp_path: Path) -> None:
    folder = prepare_instance(make(tmp_path, limits={"max_runtime_minutes": None}))
    config, _ = dagster_instance_config(str(folder))
    assert config["telemetry"] == {"enabled": False}
    assert "run_monitoring" not in config


def test_a_changed_setting_changes_the_file_and_an_own_file_stays(tmp_path: Path) -> None:
    folder = prepare_instance(make(tmp_path))
    prepare_instance(make(tmp_path, limits={"max_runtime_minutes": 10}))
    assert written(folder)["run_monitoring"]["max_runtime_seconds"] == 600 + 21_600

    file = folder / "dagster.yaml"
    file.write_text(EARLIER, encoding="utf-8")
    prepare_instance(make(tmp_path))
    assert file.read_text("utf-8").startswith(HEADER)

    own = "telemetry:\n  enabled: false\nrun_queue:\n  max_concurrent_runs: 1\n"
    file.write_text(own, encoding="utf-8")
    prepare_instance(make(tmp_path))
    assert file.read_text("utf-8") == own


def test_the_address_of_postgresql_is_not_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = make(tmp_path, dagster={"postgres_url_env": "KEFEN_TEST_PG"})
    assert instance_settings(settings)["storage"] == {
        "postgres": {"postgres_url": {"env": "KEFEN_DAGSTER_STORAGE"}}
    }
    monkeypatch.delenv("KEFEN_TEST_PG", raising=False)
    with pytest.raises(SettingsError, match="KEFEN_TEST_PG is not set"):
        prepare_instance(settings)
    monkeypatch.setenv("KEFEN_TEST_PG", "mysql://u:s3cret@h/d")
    with pytest.raises(SettingsError, match="no such address") as caught:
        prepare_instance(settings)
    assert "s3cret" not in str(caught.value)
    for url in ("postgresql://u:p@h/d", "postgres://u:p@h/d", "postgresql+psycopg2://u:p@h/d"):
        assert storage_url("X", url) == "postgresql+psycopg2://u:p@h/d"
    monkeypatch.delenv("KEFEN_TEST_PG")
    config = tmp_path / "kefen.yml"
    config.write_text(
        "sources: {zoho: {path: z}}\ndagster: {postgres_url_env: KEFEN_TEST_PG}\n", "utf-8"
    )
    monkeypatch.setenv("KEFEN_CONFIG", str(config))
    monkeypatch.setenv("KEFEN_HOME", str(tmp_path))
    assert cli.main(["run"]) == 1


def test_runs_are_kept_in_postgresql(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pgserver.get_server(tmp_path / "pg", cleanup_mode="delete") as server:
        monkeypatch.setenv("KEFEN_TEST_PG", server.get_uri())
        settings = make(tmp_path / "home", dagster={"postgres_url_env": "KEFEN_TEST_PG"})
        folder = prepare_instance(settings)
        assert "postgresql://" not in (folder / "dagster.yaml").read_text("utf-8")
        with DagsterInstance.from_config(str(folder)) as instance:
            assert type(instance.run_storage).__name__ == "PostgresRunStorage"
            assert run_a_job(instance)
        assert "1" in server.psql("select count(*) from runs;")
    assert not list(folder.rglob("*.db"))
