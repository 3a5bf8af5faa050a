"""A real cluster on this machine, from the processes that the pyspark package brings."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyspark

SPARK_CLASS = Path(pyspark.__file__).parent / "bin" / "spark-class"
START_SECONDS = 90


@dataclass(frozen=True)
class Cluster:
    """A master and its workers; every process leads a group of its own."""

    master_url: str
    workers: list[subprocess.Popen[bytes]]


class ClusterError(Exception):
    """A process of the cluster did not come up; the message holds its log."""


@contextmanager
def running_cluster(folder: Path, *, workers: int) -> Iterator[Cluster]:
    """Start a master and workers of one core each on the loopback; end all that is left."""
    started: list[subprocess.Popen[bytes]] = []
    try:
        log = folder / "master.log"
        started.append(
            _start(
                log,
                *("org.apache.spark.deploy.master.Master", "--host", "127.0.0.1"),
                *("--port", "0", "--webui-port", "0"),
            )
        )
        url = _wait_for(log, r"Starting Spark master at (spark://\S+)")
        for number in range(workers):
            log = folder / f"worker{number}.log"
            started.append(
                _start(
                    log,
                    *("org.apache.spark.deploy.worker.Worker", "--host", "127.0.0.1"),
                    *("--cores", "1", "--memory", "1g", "--webui-port", "0"),
                    *("--work-dir", str(folder / f"worker{number}"), url),
                )
            )
        for number in range(workers):
            _wait_for(folder / f"worker{number}.log", r"(Successfully registered with master)")
        yield Cluster(master_url=url, workers=started[1:])
    finally:
        for process in reversed(started):
            kill_group(process)


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a process with its executors, as a machine that goes down does."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _start(log: Path, *arguments: str) -> subprocess.Popen[bytes]:
    small = {"SPARK_DAEMON_MEMORY": "256m", "SPARK_DAEMON_JAVA_OPTS": "-XX:TieredStopAtLevel=1"}
    environment = {k: v for k, v in os.environ.items() if k != "SPARK_CONF_DIR"} | small
    with log.open("wb") as stream:
        return subprocess.Popen(
            [str(SPARK_CLASS), *arguments],
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=log.parent,
            start_new_session=True,
        )


def _wait_for(log: Path, pattern: str) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        found = re.search(pattern, log.read_text(encoding="utf-8", errors="replace"))
        if found:
            return found[1]
        time.sleep(0.2)
    raise ClusterError(f"{log}: no {pattern!r} in {START_SECONDS} s:\n{log.read_text()[-2000:]}")
