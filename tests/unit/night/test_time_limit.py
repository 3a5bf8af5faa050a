"""A run that takes too long is interrupted, and ended if it does not obey; errors worth a retry."""

import errno
import logging
import threading

import duckdb
import pytest
from dagster import DagsterInstance, DagsterRunStatus, Definitions, job, op  # noqa: TID251

from dagster_project.defs.code_location import build_defs
from dagster_project.defs.outcome import outcome_of
from dagster_project.defs.resources import Night
from dagster_project.report.run_log import run_records
from dagster_project.settings import Settings
from dagster_project.transient import attempts, is_transient
from dagster_project.watchdog import time_limit

SOON = 0.05 / 60


def make(tmp_path, minutes) -> Settings:
    return Settings.model_validate(
        {
            "home": tmp_path,
            "sources": {"zoho": {"path": "z"}},
            "limits": {"max_runtime_minutes": minutes},
        }
    )


def test_a_run_within_the_limit_is_left_alone(tmp_path):
    called = []
    with time_limit(make(tmp_path, 60), on_stuck=called.append, interrupt=lambda: None) as limit:
        pass
    assert not limit.is_over
    assert called == []
    assert "interrupted" in limit.reason
    with time_limit(make(tmp_path, None), on_stuck=called.append) as limit:
        assert limit.minutes is None


def test_a_run_that_takes_too_long_is_interrupted_once(tmp_path, caplog):
    caplog.set_level(logging.ERROR)
    interrupted, stuck = threading.Event(), []
    with time_limit(
        make(tmp_path, SOON), on_stuck=stuck.append, interrupt=interrupted.set
    ) as limit:
        assert interrupted.wait(10)
    assert limit.is_over
    assert "limits.max_runtime_minutes" in limit.reason
    assert "超过最长运行时间" in caplog.text
    assert stuck == []


def test_a_run_that_does_not_obey_is_told_of_and_ended(tmp_path):
    ended, stuck = threading.Event(), []
    with time_limit(
        make(tmp_path, SOON),
        on_stuck=stuck.append,
        interrupt=lambda: None,
        end=ended.set,
        grace_seconds=0.01,
    ):
        assert ended.wait(10)
    assert "limits.max_runtime_minutes" in stuck[0]


def test_a_run_of_dagster_that_takes_too_long_fails_and_is_logged(tmp_path):
    """The interrupt ends the step, the lock is given back, and the run log says failed."""
    settings = make(tmp_path, SOON)

    @op(required_resource_keys={"night"})
    def sleeps():
        threading.Event().wait(10)

    @job(name="nightly")
    def nightly():
        sleeps()

    night = Night(settings_json=settings.model_dump_json(), started_at="2026-06-30T02:00:00+00:00")
    defs = Definitions(jobs=[nightly], resources={"night": night})
    with DagsterInstance.ephemeral() as instance:
        result = defs.resolve_job_def("nightly").execute_in_process(
            instance=instance, raise_on_error=False
        )
        run = instance.get_run_by_id(result.run_id)
        assert run
        assert run.status is DagsterRunStatus.FAILURE
    (step,) = outcome_of(result.all_events, settings, interruption="too long").steps
    assert (step.step, step.reason) == ("sleeps", "too long")
    (record,) = run_records(settings)
    assert (record.run_id, record.kind, record.status) == (
        "20260630T020000000000Z",
        "night",
        "failed",
    )
    assert not (settings.work_dir / "kefen.lock.owner.json").exists()


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (duckdb.IOException('IO Error: Could not set lock on file "x": Conflicting lock'), True),
        (BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), True),
        (OSError(errno.EIO, "Input/output error"), True),
        (OSError(errno.ESTALE, "Stale file handle"), True),
        (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), True),
        (TimeoutError("timed out"), True),
        (OSError(errno.ENOSPC, "No space left on device"), False),
        (FileNotFoundError(errno.ENOENT, "No such file"), False),
        (duckdb.IOException("IO Error: Could not write file: No space left on device"), False),
        (duckdb.OutOfMemoryException("Out of Memory Error: could not allocate"), False),
        (duckdb.BinderException("Binder Error: no column x"), False),
        (ValueError("wrong"), False),
    ],
)
def test_only_what_may_pass_in_a_moment_is_repeated(error, again, monkeypatch):
    pauses, tries = [], []
    monkeypatch.setattr("tenacity.nap.time.sleep", pauses.append)

    def fails():
        tries.append(1)
        raise error

    assert is_transient(error) is again
    with pytest.raises(type(error)):
        attempts()(fails)
    assert len(tries) == (4 if again else 1)
    assert [low <= pause <= low + 3 for low, pause in zip((5, 10, 20), pauses, strict=False)] == [
        True
    ] * len(pauses)


def test_a_step_that_passes_the_second_time_has_passed(monkeypatch, caplog):
    caplog.set_level(logging.WARNING)
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)
    answers = iter([OSError(errno.EBUSY, "Device or resource busy"), "done"])

    def passes():
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return answer

    assert attempts()(passes) == "done"
    assert "Device or resource busy" in caplog.text


def test_an_interrupt_is_not_repeated(tmp_path):
    """With a retry policy of its own Dagster would repeat a step that was interrupted."""
    for definition in build_defs().assets or []:
        assert definition.op.retry_policy is None
