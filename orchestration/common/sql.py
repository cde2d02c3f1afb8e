"""A value as an SQL literal, files as a table, and a text that a terminal shows and does not obey.

Belongs here: quoting, so that no file name, seed or export can become SQL or a command. Does not: any
statement.
"""

import re

# Controls, line ends of Unicode, what turns the direction of a text round, and what is no character.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufffe\uffff]")


def quoted(value: object) -> str:
    """Return the value's text as an SQL literal, `null` for None."""
    return "null" if value is None else "'" + str(value).replace("'", "''") + "'"


def parquet(files: object) -> str:
    """Return the Parquet files of a path or glob as an SQL table, which must all have the same columns."""
    return f"read_parquet({quoted(files)})"


def printable(text: str) -> str:
    """Return the text as one line of UTF-8, with a mark for each character that is none to be seen."""
    return _CONTROLS.sub("\ufffd", text.encode(errors="replace").decode())
