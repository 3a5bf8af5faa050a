"""One Spark session for this process, and the one place where its properties are written.

The properties go to a file below the work folder, so that dbt's own process and ours run with the
same ones. The embedded metastore admits one Java process at a time, and starting one takes seconds:
the session stays open from step to step, and dbt's process joins it.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from dagster_project.settings import Settings
from dagster_project.spark_check import check_java
from dagster_project.transform.dbt import spark_conf_dir

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

QUIET_LOG = """\
rootLogger.level = error
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{HH:mm:ss} %p %c{1}: %m%n
logger.hive.name = org.apache.hadoop.hive
logger.hive.level = off
logger.datanucleus.name = DataNucleus
logger.datanucleus.level = off
# Code that would grow beyond 64 KB is interpreted instead; it is no error, and has 350 lines.
logger.codegen.name = org.apache.spark.sql.catalyst.expressions.codegen.CodeGenerator
logger.codegen.level = off
"""

JAVA_OPTIONS = ("spark.driver.extraJavaOptions", "spark.executor.extraJavaOptions")

# The environment variable by which a child finds the Java process of the session: port and secret.
GATEWAY = "KEFEN_SPARK_GATEWAY"

# The session of this process and the folder of its properties, while it is open.
_open: dict[Path, "SparkSession"] = {}


def spark_dir(settings: Settings) -> Path:
    """Give the folder of what Spark keeps: metastore, properties, small tables."""
    return settings.work_dir / "spark"


def warehouse_dir(settings: Settings) -> Path:
    """Give the folder (below home unless set) in which the tables' Parquet files lie."""
    chosen = settings.spark.warehouse
    if chosen is None:
        return spark_dir(settings) / "warehouse"
    return chosen if chosen.is_absolute() else settings.home / chosen


def spark_properties(settings: Settings) -> dict[str, str]:
    """Give all properties of a session; those of the settings win, Java's options add up."""
    folder = spark_dir(settings)
    ours = {
        "spark.master": settings.spark.master,
        "spark.app.name": "kefen",
        "spark.sql.catalogImplementation": "hive",
        "spark.sql.warehouse.dir": str(warehouse_dir(settings)),
        "spark.hadoop.javax.jdo.option.ConnectionURL": (
            f"jdbc:derby:;databaseName={folder / 'metastore'};create=true"
        ),
        "spark.hadoop.datanucleus.schema.autoCreateAll": "true",
        "spark.hadoop.hive.metastore.schema.verification": "false",
        "spark.driver.extraJavaOptions": f"-Duser.timezone=UTC -Dderby.system.home={folder}",
        "spark.executor.extraJavaOptions": "-Duser.timezone=UTC",
        # A cast that fails and a sum that overflows are errors, as on DuckDB; times bear no zone.
        "spark.sql.ansi.enabled": "true",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.timestampType": "TIMESTAMP_NTZ",
        # A history table is replaced by date; a killed run leaves files that the next overwrites.
        "spark.sql.sources.partitionOverwriteMode": "dynamic",
        "spark.sql.legacy.allowNonEmptyLocationInCTAS": "true",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    added = {
        name: f"{ours[name]} {value}" if name in ours and name in JAVA_OPTIONS else value
        for name, value in settings.spark.conf.items()
    }
    return ours | added


def write_spark_conf(settings: Settings) -> Path:
    """Write the properties and the log settings; give their folder."""
    folder = spark_conf_dir(settings)
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"{name} {value}" for name, value in spark_properties(settings).items()]
    (folder / "spark-defaults.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "log4j2.properties").write_text(QUIET_LOG, encoding="utf-8")
    return folder


def spark_session(settings: Settings) -> "SparkSession":
    """Give the session of this home, opened if need be.

    Raises JavaError if no fitting Java is there.
    """
    folder = spark_conf_dir(settings)
    if folder in _open:
        return _open[folder]
    close_spark_session()
    check_java()
    from pyspark import SparkContext  # noqa: PLC0415 - an extra
    from pyspark.sql import SparkSession  # noqa: PLC0415 - an extra

    os.environ["SPARK_CONF_DIR"] = str(write_spark_conf(settings))
    _open[folder] = SparkSession.builder.enableHiveSupport().getOrCreate()
    gateway = SparkContext._gateway  # noqa: SLF001 - the only way to the process
    if gateway is not None:
        parameters = gateway.gateway_parameters
        os.environ[GATEWAY] = f"{parameters.port}:{parameters.auth_token}"
    return _open[folder]


def join_session() -> None:
    """Make the session of the parent process that of this one, if the parent has one open.

    Its Java process serves both, and ends with the parent.
    """
    if GATEWAY not in os.environ:
        return
    from pyspark import SparkContext  # noqa: PLC0415 - an extra
    from pyspark.java_gateway import launch_gateway  # noqa: PLC0415 - an extra
    from pyspark.sql import SparkSession  # noqa: PLC0415 - an extra

    port, _, secret = os.environ[GATEWAY].partition(":")
    os.environ |= {"PYSPARK_GATEWAY_PORT": port, "PYSPARK_GATEWAY_SECRET": secret}
    gateway = launch_gateway()
    running = gateway.jvm.org.apache.spark.SparkContext.getOrCreate()
    context = SparkContext(gateway=gateway, jsc=gateway.jvm.JavaSparkContext(running))
    # What a builder gives from now on.
    SparkSession(context)


def close_spark_session() -> None:
    """Stop the session, if any, and wait for its Java process, which holds the metastore."""
    if not _open:
        return
    os.environ.pop(GATEWAY, None)
    from pyspark import SparkContext  # noqa: PLC0415 - an extra

    _, session = _open.popitem()
    gateway = SparkContext._gateway  # noqa: SLF001 - the only way to the process
    session.stop()
    if gateway is None:
        return
    gateway.shutdown()
    # The Java side ends when its standard input does.
    gateway.proc.stdin.close()
    gateway.proc.wait(timeout=60)
    SparkContext._gateway = None  # noqa: SLF001
    SparkContext._jvm = None  # noqa: SLF001
