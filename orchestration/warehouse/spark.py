"""Builds on a Spark cluster: requirements, and loading the result into the candidate.

Belongs here: what a build on Spark needs, and loading its tables into DuckDB, so that the gate and publishing
read the same candidate as with DuckDB. Does not: the SQL of models (`models/`, `dbt_project/macros/`), nor
starting a cluster (`deploy/spark.sh`).
"""

import json
import socket
from importlib.util import find_spec

import duckdb

from orchestration.common.sql import quoted
from orchestration.settings import PREFIX, Settings

ANSWER_SECONDS = 10
HALF_KEYS = {"owner_key", "own_key"}  # columns of the macro `half_key` in tables without a contract
STORAGE = "v1.5.0"  # the oldest DuckDB that can open a release


class SparkError(Exception):
    """Spark cannot be used. The message has the reason and the remedy."""


def require_spark(settings: Settings) -> None:
    """Raise `SparkError` if dbt cannot reach a thrift server."""
    if find_spec("pyhive") is None:
        raise SparkError("The Spark packages are missing: .venv/bin/pip install -r requirements-spark.txt")
    try:
        socket.create_connection((settings.spark_host, settings.spark_port), ANSWER_SECONDS).close()
    except OSError as error:
        raise SparkError(
            f"No Spark answers at {settings.spark_host}:{settings.spark_port} ({error}). Start a local one"
            f" with `make spark-up`, or set {PREFIX}SPARK_HOST and {PREFIX}SPARK_PORT."
        ) from None


def load_tables(settings: Settings) -> list[str]:
    """Load the tables that Spark built: the marts into a new candidate, the others as views of the warehouse.

    Return the names of the tables. A table without files has no rows and is left out.
    """
    manifest = json.loads((settings.dbt_target_path / "manifest.json").read_bytes())
    tables = [
        node
        for node in manifest["nodes"].values()
        if node["resource_type"] in ("model", "seed") and node["config"]["materialized"] != "view"
    ]
    for path in (settings.warehouse_path, settings.candidate_path):
        path.unlink(missing_ok=True)
    limits = {"memory_limit": settings.memory_limit, "threads": settings.threads}
    with duckdb.connect(settings.warehouse_path, config=limits) as connection:
        connection.execute(
            f"attach {quoted(settings.candidate_path)} as candidate (storage_version {quoted(STORAGE)})"
        )
        return [table["name"] for table in tables if _load(connection, settings, table)]


def _load(connection: duckdb.DuckDBPyConnection, settings: Settings, table: dict) -> bool:
    is_mart = table["database"] == "candidate"
    layer = "marts" if table["schema"] == "main" else table["schema"]
    folder = settings.spark_tables_path / layer / table["alias"]
    if not any(folder.glob("*.parquet")):
        return False
    files = f"read_parquet({quoted(folder / '*.parquet')}, hive_partitioning = false)"
    kinds = {name: kind for name, kind, *_ in connection.execute(f"describe from {files}").fetchall()}
    declared = [name for name in table["columns"] if name in kinds]
    others = [name for name in kinds if name not in declared]
    columns = [_column(name, _type(table, name, kinds[name])) for name in [*declared, *others]]
    relation = f"{'candidate.' if is_mart else ''}{table['schema']}.{table['alias']}"
    connection.execute(f"create schema if not exists {relation.rpartition('.')[0]}")
    kind = "table" if is_mart else "view"
    connection.execute(f"create {kind} {relation} as select {', '.join(columns)} from {files}")
    if table["config"].get("persist_docs"):
        connection.execute(f"comment on {kind} {relation} is {quoted(table['description'])}")
        for name in declared:
            connection.execute(
                f'comment on column {relation}."{name}" is {quoted(table["columns"][name]["description"])}'
            )
    return True


def _type(table: dict, name: str, found: str) -> str:
    """Return the DuckDB type of a column whose type does not exist in Spark, else the type found."""
    is_uuid = name in HALF_KEYS or table["columns"].get(name, {}).get("data_type") == "uuid"
    return "UUID" if is_uuid else found


def _column(name: str, kind: str) -> str:
    if kind == "TIMESTAMP WITH TIME ZONE":  # Spark writes every instant with this type
        return f"""timezone('UTC', "{name}") as "{name}\""""
    return f"""cast("{name}" as uuid) as "{name}\"""" if kind == "UUID" else f'"{name}"'
