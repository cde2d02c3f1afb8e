"""The contracts of a release for its consumers: a JSON Schema of the rows of each table.

Belongs here: converting columns of DuckDB to JSON Schema. Does not: the contracts themselves, which the dbt
models declare; the release has their types, constraints and descriptions.
"""

from typing import Any

import duckdb

SCHEMA = "schema.json"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
FORMATS = {"DATE": "date", "TIMESTAMP": "date-time", "TIMESTAMP WITH TIME ZONE": "date-time", "UUID": "uuid"}
NUMBERS = ("FLOAT", "DOUBLE", "DECIMAL")


def contracts(connection: duckdb.DuckDBPyConnection, release_id: str) -> dict[str, Any]:
    """Return a JSON Schema with the rows of each published table in `$defs`, by table name.

    Every column is required. A column without a `not null` constraint can be null. Times are in UTC.
    """
    tables = connection.execute(
        "select table_name, comment from duckdb_tables() where schema_name = 'main' order by table_name"
    ).fetchall()
    columns = connection.execute(
        "select table_name, column_name, data_type, is_nullable, comment from duckdb_columns()"
        " where schema_name = 'main' and not internal order by table_name, column_index"
    ).fetchall()
    definitions: dict[str, Any] = {}
    for table, description in tables:
        properties = {
            name: _type(kind, is_nullable) | ({"description": about.strip()} if about else {})
            for owner, name, kind, is_nullable, about in columns
            if owner == table
        }
        definitions[table] = {
            "description": (description or "").strip(),
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }
    return {
        "$schema": DIALECT,
        "title": "Rows of the published tables",
        "$comment": f"Release {release_id}.",
        "$defs": definitions,
    }


def _type(kind: str, is_nullable: bool) -> dict[str, Any]:
    described = _not_null(kind)
    if is_nullable:
        described["type"] = [described["type"], "null"]
    return described


def _not_null(kind: str) -> dict[str, Any]:
    if kind.endswith("[]"):
        return {"type": "array", "items": _type(kind[:-2], is_nullable=False)}
    if kind in FORMATS:
        return {"type": "string", "format": FORMATS[kind]}
    if kind.startswith(NUMBERS):
        return {"type": "number"}
    if kind == "BOOLEAN":
        return {"type": "boolean"}
    return {"type": "integer" if "INT" in kind else "string"}
