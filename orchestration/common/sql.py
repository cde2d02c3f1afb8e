"""Quoting: values as SQL literals, files as tables, and text that is safe to print on a terminal.

Belongs here: escaping, so that no file name, seed or export is executed. Does not: any statement.
"""

import re

# Control characters, Unicode line separators, bidirectional overrides and noncharacters.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufffe\uffff]")


def quoted(value: object) -> str:
    """Return a value as an SQL string literal, `null` for None."""
    return "null" if value is None else "'" + str(value).replace("'", "''") + "'"


def parquet(files: object) -> str:
    """Return the Parquet files of a path or glob as an SQL table. All files must have the same columns."""
    return f"read_parquet({quoted(files)})"


def printable(text: str) -> str:
    """Return the text as one line of valid UTF-8, with U+FFFD for each character that is not printable."""
    return _CONTROLS.sub("\ufffd", text.encode(errors="replace").decode())
