"""A real cluster on this machine, from the processes that the pyspark package brings."""

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyspark

SPARK_CLASS = Path(pyspark.__file__).parent / "bin" / "spark-class"
START_SECONDS = 90
# With so many tables of the intermediate schema written anew, the classes are being built.
TABLES_BEFORE_THE_KILL = 60


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


@contextmanager
def losing_a_worker(cluster: Cluster, warehouse: Path) -> Iterator[None]:
    """Kill the first worker while the models of a night run, however long they take.

    warehouse: the folder of the night's tables. Raises ClusterError if the night was over before,
    or if not exactly one worker is left of two.
    """
    started = time.time()
    killed, is_over = threading.Event(), threading.Event()

    def kill() -> None:
        while not is_over.wait(0.2):
            if _written_since(started, warehouse / "intermediate.db") >= TABLES_BEFORE_THE_KILL:
                kill_group(cluster.workers[0])
                killed.set()
                return

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    try:
        yield
    finally:
        is_over.set()
        killer.join()
    if not killed.is_set():
        raise ClusterError(f"fewer than {TABLES_BEFORE_THE_KILL} tables came into {warehouse}")
    alive = [worker.poll() is None for worker in cluster.workers]
    if alive != [False, True]:
        raise ClusterError(f"the first of two workers was to die; alive are {alive}")


def _written_since(started: float, schema: Path) -> int:
    if not schema.exists():
        return 0
    count = 0
    for table in schema.iterdir():
        try:
            count += table.stat().st_mtime >= started
        except FileNotFoundError:
            # Dropped since it was listed, to be written anew.
            continue
    return count


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
