"""Unit files, the cron line and the Dockerfile: linted, and saying what the settings say."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from dagster_project import cli
from dagster_project.settings import PROJECT_DIR, Schedule, Settings

DEPLOY = PROJECT_DIR / "deploy"
UNITS = ("kefen.service", "kefen.timer", "kefen-dagster.service")
DOCKERFILE = PROJECT_DIR / "Dockerfile"


def entries(unit: str) -> dict[str, list[str]]:
    """Read a unit file: key -> values, in order."""
    found: dict[str, list[str]] = {}
    for line in (DEPLOY / unit).read_text("utf-8").splitlines():
        if line and not line.startswith(("#", "[")):
            key, value = line.split("=", 1)
            found.setdefault(key, []).append(value)
    return found


def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    """Where there is no systemd, their sections and keys are compared with those it accepted."""
    if not shutil.which("systemd-analyze"):
        for unit in UNITS:
            text = (DEPLOY / unit).read_text("utf-8")
            sections = re.findall(r"^\[(\w+)\]$", text, re.MULTILINE)
            assert sections[0] == "Unit"
            assert set(sections) <= {"Unit", "Service", "Timer", "Install"}
            assert all(re.fullmatch(r"[A-Z][A-Za-z]+", key) for key in entries(unit))
        return
    for unit in UNITS:
        # It looks for the program, which is where the installation is.
        text = (DEPLOY / unit).read_text("utf-8")
        text = text.replace("/opt/kefen/.venv/bin/python", sys.executable)
        (tmp_path / unit).write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", *(str(tmp_path / unit) for unit in UNITS)],
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in done.stderr.splitlines() if "kefen" in line]
    assert (done.returncode, ours) == (0, [])


@pytest.mark.parametrize("unit", ["kefen.service", "kefen-dagster.service"])
def test_services_run_a_command_there_is_and_stop_it_as_ctrl_c_does(unit: str) -> None:
    found = entries(unit)
    _, module, command = re.fullmatch(
        r"(\S+/python) -m (\w+) (\w+)", found["ExecStart"][0]
    ).groups()  # type: ignore[union-attr]
    assert module == "dagster_project"
    assert cli._parser().parse_args([command]).command == command
    assert found["User"] == ["kefen"]
    assert found["KillSignal"] == ["SIGINT"]
    # What a night writes to lies below its home alone.
    assert found["ReadWritePaths"] == ["/srv/kefen"]


def test_the_timer_and_the_cron_line_start_nights_when_the_schedule_does() -> None:
    zone = Settings.model_fields["business_time_zone"].default
    minute, hour, *days = Schedule().nightly.split()
    assert days == ["*"] * 3
    clock = f"{int(hour):02d}:{int(minute):02d}:00"
    assert entries("kefen.timer")["OnCalendar"] == [f"*-*-* {clock} {zone}"]
    assert entries("kefen.timer")["Persistent"] == ["true"]
    crontab = (DEPLOY / "crontab").read_text("utf-8")
    assert f"CRON_TZ={zone}" in crontab
    (line,) = [line for line in crontab.splitlines() if "dagster_project" in line]
    assert line.startswith(Schedule().nightly)
    # A per cent sign is a new line to cron.
    assert "%" not in line


def test_the_longest_start_is_longer_than_the_time_limit() -> None:
    (limit,) = entries("kefen.service")["TimeoutStartSec"]
    minutes = Settings.model_fields["limits"].default.max_runtime_minutes
    assert int(limit.removesuffix("h")) * 60 > minutes


def test_the_dockerfile_passes_the_linter() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "hadolint"), "--no-color", str(DOCKERFILE)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_runs_as_nobody_special_and_has_what_it_copies() -> None:
    text = DOCKERFILE.read_text("utf-8")
    instructions = re.findall(r"^([A-Z]+) (.+)$", text, re.MULTILINE)
    users = [value for name, value in instructions if name == "USER"]
    assert users == ["10001:10001"]
    ignored = (PROJECT_DIR / ".dockerignore").read_text("utf-8").split()
    for copied in [value for name, value in instructions if name == "COPY"]:
        for source in copied.split()[1:-1]:
            assert (PROJECT_DIR / source).exists()
            assert source not in ignored
    # The Makefile's own rule, so that the image has what a checkout has.
    assert 'RUN make install SYNC="${SYNC}"' in text
    assert ".venv/.installed:" in (PROJECT_DIR / "Makefile").read_text("utf-8")


def test_the_examples_in_the_documentation_are_settings() -> None:
    """Each yaml block of OPERATIONS.md is what kefen.yml accepts."""
    text = (PROJECT_DIR / "OPERATIONS.md").read_text("utf-8")
    blocks = re.findall(r"```yaml\n(.+?)```", text, re.DOTALL)
    assert len(blocks) >= 4
    for block in blocks:
        content = yaml.safe_load(block)
        Settings.model_validate({"sources": {"zoho": {"path": "z"}}, **content})
