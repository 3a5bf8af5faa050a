"""dbt does not outlive the run that started it: it would hold the database of the next one."""

import os
import subprocess
import sys
import time

import psutil

from dagster_project.settings import PROJECT_DIR
from dagster_project.transform import dbt_child

PATIENCE_SECONDS = 30
# A child that works for minutes; its parent starts it, says its number and waits.
CHILD = (
    "import os, time; from dagster_project.transform.dbt_child import PARENT, end_with; "
    "end_with(int(os.environ[PARENT])); print('tied', flush=True); time.sleep(600)"
)
PARENT = (
    "import os, subprocess, sys\n"
    f"env = os.environ | {{{dbt_child.PARENT!r}: str(os.getpid())}}\n"
    f"child = subprocess.Popen([sys.executable, '-c', {CHILD!r}], env=env, "
    "stdout=subprocess.PIPE, text=True)\n"
    "child.stdout.readline()\n"
    "print(child.pid, flush=True)\n"
    "child.wait()\n"
)


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_the_child_of_a_killed_run_ends() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], cwd=PROJECT_DIR, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        assert not is_gone(child)
        parent.kill()
    until = time.monotonic() + PATIENCE_SECONDS
    while not is_gone(child):
        assert time.monotonic() < until, "it works on"
        time.sleep(0.05)


def test_a_child_that_starts_as_an_orphan_ends_at_once() -> None:
    done = subprocess.run(
        [sys.executable, "-m", dbt_child.__name__, "debug"],
        cwd=PROJECT_DIR,
        env=os.environ | {dbt_child.PARENT: "-1"},
        capture_output=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )

    assert done.returncode == dbt_child.ORPHANED


def test_it_is_dbt() -> None:
    said = subprocess.run(
        [sys.executable, "-m", dbt_child.__name__, "--version"],
        cwd=PROJECT_DIR,
        env=os.environ | {dbt_child.PARENT: str(os.getpid())},
        capture_output=True,
        text=True,
        check=True,
    )

    assert "Core:" in said.stdout
