"""The properties of a Spark session follow the settings; everything lies below the work folder."""

import sys
from pathlib import Path

from dagster_project.transform.dbt import dbt_environment
from dagster_project.transform.engines import engine_of
from dagster_project.transform.engines.duckdb import DuckDBEngine
from dagster_project.transform.spark_session import (
    spark_properties,
    warehouse_dir,
    write_spark_conf,
)
from tests.support import demo_settings


def test_metastore_and_warehouse_lie_below_the_work_folder(tmp_path: Path) -> None:
    settings = demo_settings(tmp_path, engine="spark")
    properties = spark_properties(settings)
    work = str(tmp_path / "work")
    assert properties["spark.sql.warehouse.dir"].startswith(work)
    metastore = properties["spark.hadoop.javax.jdo.option.ConnectionURL"]
    assert metastore == f"jdbc:derby:;databaseName={work}/spark/metastore;create=true"
    assert f"-Dderby.system.home={work}/spark" in properties["spark.driver.extraJavaOptions"]


def test_properties_of_the_settings_win_and_options_of_java_add_up(tmp_path: Path) -> None:
    settings = demo_settings(
        tmp_path,
        spark={
            "master": "spark://host:7077",
            "warehouse": "lake",
            "conf": {"spark.ui.enabled": "true", "spark.driver.extraJavaOptions": "-Xss4m"},
        },
    )
    properties = spark_properties(settings)
    assert properties["spark.master"] == "spark://host:7077"
    assert properties["spark.ui.enabled"] == "true"
    assert properties["spark.driver.extraJavaOptions"].startswith("-Duser.timezone=UTC")
    assert properties["spark.driver.extraJavaOptions"].endswith(" -Xss4m")
    assert warehouse_dir(settings) == tmp_path / "lake"


def test_dbt_reads_the_same_properties(tmp_path: Path) -> None:
    settings = demo_settings(tmp_path, engine="spark", spark={"method": "thrift", "host": "hive"})
    folder = write_spark_conf(settings)
    environment = dbt_environment(settings)
    assert environment["SPARK_CONF_DIR"] == str(folder)
    assert environment["KEFEN_ENGINE"] == "spark"
    assert (environment["KEFEN_SPARK_METHOD"], environment["KEFEN_SPARK_HOST"]) == (
        "thrift",
        "hive",
    )
    assert "spark.sql.session.timeZone UTC" in (folder / "spark-defaults.conf").read_text()


def test_the_embedded_engine_does_not_load_spark(tmp_path: Path) -> None:
    loaded = set(sys.modules)
    assert isinstance(engine_of(demo_settings(tmp_path)), DuckDBEngine)
    assert not any(name.startswith("pyspark") for name in set(sys.modules) - loaded)
