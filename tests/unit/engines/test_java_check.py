"""Without a fitting Java, Spark's tests fail with a hint; they never skip."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dagster_project.settings import PROJECT_DIR
from dagster_project.spark_check import JavaError, check_java, java_version

SAID = {
    'openjdk version "17.0.15" 2025-04-15': 17,
    'java version "1.8.0_401"': 8,
    'openjdk version "21" 2023-09-19': 21,
    "No Java runtime present": None,
}


@pytest.mark.parametrize(("said", "version"), SAID.items())
def test_the_version_is_read(said: str, version: int | None) -> None:
    assert java_version(said) == version


def fake_java(folder: Path, said: str) -> Path:
    binary = folder / "bin" / "java"
    binary.parent.mkdir()
    binary.write_text(f"#!/bin/sh\necho '{said}' >&2\n", encoding="utf-8")
    binary.chmod(0o755)
    return folder


def test_an_old_java_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(fake_java(tmp_path, 'java version "1.8.0_401"')))
    with pytest.raises(JavaError, match=r'says java version "1\.8\.0_401".*Java 17.*install'):
        check_java()


def test_a_fitting_java_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(fake_java(tmp_path, 'openjdk version "17.0.1"')))
    assert check_java() == str(tmp_path / "bin" / "java")


def test_the_command_fails_with_a_hint_when_there_is_no_java(tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if name != "JAVA_HOME"}
    done = subprocess.run(
        [sys.executable, "-m", "dagster_project.spark_check"],
        cwd=PROJECT_DIR,
        env=kept | {"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "no java was found" in done.stderr
    assert "openjdk-17" in done.stderr
    assert "Traceback" not in done.stderr
