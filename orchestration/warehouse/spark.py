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
HALF_KEYS = {"owner_key", "own_key"}  # of the macro `half_key`, in tables that have no contract
STORAGE = "v1.5.0"  # the oldest DuckDB that can open a release


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


def load_tables(settings: Settings) -> list[str]:
    """Load the tables that Spark built: the marts into a new candidate, the others as views beside it.

    Return the names of the tables. One without a file is not among them: it has no rows.
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
    """Return the type of a column on DuckDB, where Spark has no such type."""
    is_uuid = name in HALF_KEYS or table["columns"].get(name, {}).get("data_type") == "uuid"
    return "UUID" if is_uuid else found


def _column(name: str, kind: str) -> str:
    if kind == "TIMESTAMP WITH TIME ZONE":  # as Spark writes every instant
        return f"""timezone('UTC', "{name}") as "{name}\""""
    return f"""cast("{name}" as uuid) as "{name}\"""" if kind == "UUID" else f'"{name}"'
