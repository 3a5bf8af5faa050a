"""kefen.yml: every fault is named by its key, none by a traceback."""

from pathlib import Path

import pytest

from dagster_project import cli
from dagster_project.settings import PROJECT_DIR, SettingsError, load_settings

SOURCES = "sources: {zoho: {format: zoho, path: exports/zoho}}\n"


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KEFEN_CONFIG", "KEFEN_HOME", "KEFEN_EXPORTS_ZOHO"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "kefen.yml"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (SOURCES + "colour: red", ["colour", "Extra inputs"]),
        (
            "sources: {zoho: {path: exports, expected_every: 7}}",
            ["sources.zoho.expected_every", "Extra inputs"],
        ),
        (
            SOURCES + "business_time_zone: Asia/Shangai",
            ["business_time_zone", "'Asia/Shangai'", "Asia/Shanghai"],
        ),
        (
            "sources: {zoho: {path: exports, time_zone: GMT+8:00}}",
            ["sources.zoho.time_zone", "'GMT+8:00'"],
        ),
        (SOURCES + "base_currency: RMB¥", ["base_currency", "'RMB¥'", "ISO 4217"]),
        ("sources: {zoho: {path: e, currency: usd}}", ["sources.zoho.currency", "'usd'"]),
        ("sources: {zoho: {format: hubspot, path: e}}", ["sources.zoho.format", "'zoho'"]),
        ("sources: {zoho: {format: zoho}}", ["sources.zoho.path", "Field required"]),
        ("sources: {Zoho CRM: {path: e}}", ["sources.Zoho CRM"]),
        ("sources: {}", ["at least one source"]),
        ("demo: true", ["sources", "Field required"]),
        (SOURCES + "rfm: {bins: 11}", ["rfm.bins", "less than or equal to 10"]),
        (SOURCES + "publish: {keep_runs: 0}", ["publish.keep_runs", "greater than or equal to 1"]),
        (SOURCES + "publish: {history_rows: 0}", ["publish.history_rows", "greater than or equal"]),
        (SOURCES + "history: {daily_days: 0}", ["history.daily_days", "greater than or equal"]),
        (SOURCES + "history: {days: 9}", ["history.days", "Extra inputs"]),
        (SOURCES + "window_days: 0", ["window_days"]),
        ("- just\n- a list", ["expected keys and values", "list"]),
        ("sources: {zoho: [", ["is not YAML"]),
    ],
)
def test_a_fault_names_the_file_and_the_key(config: Path, text: str, named: list[str]) -> None:
    config.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load_settings(config)
    for words in [str(config), *named]:
        assert words in str(caught.value)


def test_all_faults_are_named_at_once(config: Path) -> None:
    config.write_text(SOURCES + "colour: red\nbase_currency: yuan\nrfm: {bins: 2}", "utf-8")
    with pytest.raises(SettingsError) as caught:
        load_settings(config)
    assert all(key in str(caught.value) for key in ("colour", "base_currency", "rfm.bins"))


def test_a_file_that_is_not_there_is_named(config: Path) -> None:
    with pytest.raises(SettingsError, match=f"{config}: No such file.*KEFEN_CONFIG"):
        load_settings(config)


@pytest.mark.parametrize(
    "example",
    ["kefen.yml", "examples/cdnow.yml", "examples/maven.yml", "examples/zoho_analytics.yml"],
)
def test_shipped_settings_are_valid(example: str) -> None:
    settings = load_settings(PROJECT_DIR / example)
    assert settings.home.is_absolute()


def test_the_home_folder_comes_from_the_argument_the_environment_or_the_file(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text(SOURCES + "home: data/here", encoding="utf-8")
    assert load_settings(config).home == PROJECT_DIR / "data/here"
    monkeypatch.setenv("KEFEN_HOME", str(tmp_path / "environment"))
    assert load_settings(config).home == tmp_path / "environment"
    assert load_settings(config, home=tmp_path / "argument").home == tmp_path / "argument"


def test_exports_may_lie_elsewhere(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text(SOURCES, encoding="utf-8")
    settings = load_settings(config, home=tmp_path)
    assert settings.source_dir("zoho") == tmp_path / "exports" / "zoho"
    monkeypatch.setenv("KEFEN_EXPORTS_ZOHO", "/mnt/crm")
    assert settings.source_dir("zoho") == Path("/mnt/crm")


def test_the_command_line_says_what_is_wrong_and_fails(
    config: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    config.write_text(SOURCES + "colour: red", encoding="utf-8")
    monkeypatch.setenv("KEFEN_CONFIG", str(config))

    assert cli.main(["run"]) == 1

    assert "colour" in caplog.text
    assert "Traceback" not in caplog.text


def test_without_demo_an_empty_exports_folder_is_an_error_that_names_it(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    config.write_text(SOURCES + "demo: false", encoding="utf-8")
    (tmp_path / "exports" / "zoho").mkdir(parents=True)
    for name, value in {"CONFIG": str(config), "HOME": str(tmp_path)}.items():
        monkeypatch.setenv(f"KEFEN_{name}", value)
    # Set by the command line for the whole process.
    for name in ("DAGSTER_HOME", "DAGSTER_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, "")

    assert cli.main(["run"]) == 1

    assert "no export found" in caplog.text
    assert str(tmp_path / "exports" / "zoho") in caplog.text
    assert "Traceback" not in caplog.text
    assert not (tmp_path / "published").exists()
