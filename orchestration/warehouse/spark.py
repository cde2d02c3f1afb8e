"""The same models on a Spark cluster, and its tables in the candidate.

Belongs here: what a build on Spark needs before dbt begins, and showing to DuckDB what it made, so that the
gate and publishing read the same candidate whatever made it. Does not: any model's SQL (see `models/` and
`dbt_project/macros/`), nor starting a cluster (`deploy/spark.sh`).
"""

import json
import socket
from importlib.util import find_spec

import duckdb

from orchestration.common.sql import quoted
from orchestration.settings import PREFIX, Settings

ANSWER_SECONDS = 10


class SparkError(Exception):
    """Spark cannot be used; the message says why and what to do."""


def require_spark(settings: Settings) -> None:
    """Raise `SparkError` where dbt could not reach a thrift server."""
    if find_spec("pyhive") is None:
        raise SparkError("dbt cannot speak to Spark yet: .venv/bin/pip install -r requirements-spark.txt")
    try:
        socket.create_connection((settings.spark_host, settings.spark_port), ANSWER_SECONDS).close()
    except OSError as error:
        raise SparkError(
            f"No Spark answers at {settings.spark_host}:{settings.spark_port} ({error}). `make spark-up`"
            f" starts one on this machine; {PREFIX}SPARK_HOST and {PREFIX}SPARK_PORT name another."
        ) from None


def show_tables(settings: Settings) -> list[str]:
    """Make the candidate anew: a view, described as in dbt, on the Parquet of each table that Spark made.

    Return the tables' names. One without a file is not among them: it has no rows.
    """
    manifest = json.loads((settings.dbt_target_path / "manifest.json").read_bytes())
    tables = [
        node
        for node in manifest["nodes"].values()
        if node["resource_type"] in ("model", "seed") and node["config"]["materialized"] != "view"
    ]
    settings.warehouse_path.unlink(missing_ok=True)
    with duckdb.connect(settings.warehouse_path) as connection:
        return [table["name"] for table in tables if _show(connection, settings, table)]


def _show(connection: duckdb.DuckDBPyConnection, settings: Settings, table: dict) -> bool:
    folder = settings.spark_tables_path / table["schema"] / table["alias"]
    if not any(folder.rglob("*.parquet")):
        return False
    files = f"read_parquet({quoted(folder / '**' / '*.parquet')}, {_division(table)})"
    kinds = {name: kind for name, kind, *_ in connection.execute(f"describe from {files}").fetchall()}
    # Spark puts the column by which files are divided last, and calls its instants zoned.
    declared = [name for name in table["columns"] if name in kinds]
    others = [name for name in kinds if name not in declared]
    columns = [_column(name, kinds[name]) for name in [*declared, *others]]
    view = f"{table['schema']}.{table['alias']}"
    connection.execute(f"create schema if not exists {table['schema']}")
    connection.execute(f"create view {view} as select {', '.join(columns)} from {files}")
    if table["config"].get("persist_docs"):
        connection.execute(f"comment on view {view} is {quoted(table['description'])}")
        for name in declared:
            connection.execute(
                f'comment on column {view}."{name}" is {quoted(table["columns"][name]["description"])}'
            )
    return True


def _division(table: dict) -> str:
    day = table["config"].get("partition_by")
    return f"hive_partitioning = true, hive_types = {{'{day}': date}}" if day else "hive_partitioning = false"


def _column(name: str, kind: str) -> str:
    return (
        f"""timezone('UTC', "{name}") as "{name}\"""" if kind == "TIMESTAMP WITH TIME ZONE" else f'"{name}"'
    )
