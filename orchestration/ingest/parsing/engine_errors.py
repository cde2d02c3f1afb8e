"""Errors of DuckDB that an input file causes, and their messages.

Belongs here: the classes of errors, and their messages without workspace paths. Does not: the outcome of the
file (`batch`).
"""

import re

import duckdb

from orchestration.ingest.parsing.file_bytes import BadFileError

# Raised for the content of a file. Other errors (memory, disk) are not caused by a file.
UNREADABLE = (
    duckdb.InvalidInputException,
    duckdb.InvalidTypeException,
    duckdb.SerializationException,
    duckdb.ConversionException,
)


def is_fault_of_file(error: Exception) -> bool:
    """Return whether the content of a file caused this error, not the program or the machine.

    DuckDB's Parquet reader raises the base class `duckdb.Error`. A `UnicodeDecodeError` means that an error
    message quotes a file that is not UTF-8.
    """
    return isinstance(error, (*UNREADABLE, UnicodeDecodeError)) or type(error) is duckdb.Error


def out_of_memory(file: str, error: duckdb.OutOfMemoryException) -> str:
    """Return the message for a file that needs more memory than the limit."""
    return (
        f"{file}: it needs more memory than is available ({str(error).splitlines()[0]}); split it or raise"
        " CONVERSATIONS_MEMORY_LIMIT; it is left for the next run"
    )


def bad_file(error: Exception) -> BadFileError:
    """Return the engine's error as a `BadFileError`, without the workspace path and a misleading position."""
    if isinstance(error, UnicodeDecodeError):
        return BadFileError("it cannot be read: it is not UTF-8", "save it as UTF-8")
    complaint = re.sub(
        r"^[\w ]+ Error: | (in|while reading) file \S+| '\S+'|,? at byte .*?(?=:)", "", str(error)
    )
    if "maximum_object_size" in complaint:
        return BadFileError("a record is too long", "export it again with one record per line")
    complaint = re.sub(r"[\x00-\x1f]+", " ", complaint.splitlines()[0]).strip()
    return BadFileError("it cannot be read", "export or copy it again", complaint)
