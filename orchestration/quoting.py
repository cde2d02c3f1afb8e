"""A value as an SQL literal, and files as a table, for statements that take no parameters.

Belongs here: quoting, so that no file name or seed can become SQL. Does not: any statement.
"""


def quoted(value: object) -> str:
    """Return the value's text as an SQL literal, `null` for None."""
    return "null" if value is None else "'" + str(value).replace("'", "''") + "'"


def parquet(files: object) -> str:
    """Return the Parquet files of a path or glob as an SQL table, which must all have the same columns."""
    return f"read_parquet({quoted(files)})"
