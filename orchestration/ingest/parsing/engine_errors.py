"""Which errors of the engine are the fault of a file, and how they are reported.

Belongs here: the classes of errors, and their texts without paths of the workspace. Does not: what becomes of
the file (`batch`).
"""

import re

import duckdb

from orchestration.ingest.parsing.file_bytes import BadFileError

# What the engine raises for the content of a file; every other error (memory, disk) is no fault of a file.
UNREADABLE = (
    duckdb.InvalidInputException,
    duckdb.InvalidTypeException,
    duckdb.SerializationException,
    duckdb.ConversionException,
)


def is_fault_of_file(error: Exception) -> bool:
    """Return whether an error lies in the content of a file, and in nothing of this program or machine.

    An error of no class of its own comes from the engine's Parquet reader; one that cannot be decoded quotes
    the file.
    """
    return isinstance(error, (*UNREADABLE, UnicodeDecodeError)) or type(error) is duckdb.Error


def out_of_memory(file: str, error: duckdb.OutOfMemoryException) -> str:
    """Return the message for a file that takes more memory than the limit allows."""
    return (
        f"{file}: it takes more memory than there is ({str(error).splitlines()[0]}); split it or raise"
        " CONVERSATIONS_MEMORY_LIMIT; it is left for the next run"
    )


def bad_file(error: Exception) -> BadFileError:
    """Return the engine's complaint, without the path in the workspace and a position that misleads."""
    if isinstance(error, UnicodeDecodeError):
        return BadFileError("it cannot be read: it is not UTF-8", "save it as UTF-8")
    complaint = re.sub(
        r"^[\w ]+ Error: | (in|while reading) file \S+| '\S+'|,? at byte .*?(?=:)", "", str(error)
    )
    if "maximum_object_size" in complaint:
        return BadFileError("a record of it is too long to be read", "export it again, a record a line")
    complaint = re.sub(r"[\x00-\x1f]+", " ", complaint.splitlines()[0]).strip()
    return BadFileError("it cannot be read", "export or copy it again", complaint)
