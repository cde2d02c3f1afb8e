"""The layout of a file: its columns and how to read them.

Belongs here: the layout of each kind of file, and rejecting files whose columns do not fit. Does not:
the bytes of a file (`file_bytes`), nor the SQL that reads it (`readers`).
"""

import csv
from collections import Counter
from dataclasses import dataclass
from typing import Literal

from orchestration.ingest.parsing.file_bytes import MAX_RECORD, BadFileError, Content
from orchestration.ingest.platforms.schema import Entity

MAX_PAGE = 4 * MAX_RECORD


@dataclass(frozen=True)
class Layout:
    """How to read a file. Files with the same layout are read together.

    - `columns`: column names of a CSV or Parquet file as declared, without trailing empty names
    - `types`: column types of a Parquet file
    - `width`: number of columns of a CSV
    - `header_lines`: number of lines before the first record of a CSV
    - `object_bytes`: maximum size of a JSON value, a power of two, for which the engine reserves memory
    """

    kind: Literal["lines", "csv", "array", "objects", "parquet"]
    columns: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    delimiter: str = ""
    width: int = 0
    header_lines: int = 0
    object_bytes: int = MAX_RECORD

    @property
    def is_json(self) -> bool:
        """Whether the text of a record is JSON."""
        return self.kind in ("lines", "array", "objects")


def csv_layout(content: Content, entity: Entity) -> Layout:
    """Return the layout of a CSV. Raises `BadFileError` if its header does not fit the entity."""
    names = [name.strip() for name in next(csv.reader([content.header], delimiter=content.delimiter), [])]
    width = len(names)
    while names and not names[-1]:
        names.pop()
    if not names:
        raise BadFileError(
            "its first line has no column names", "begin the file with the line of column names"
        )
    columns = _as_declared(names, entity)
    layout = Layout(
        "csv", columns, delimiter=content.delimiter, width=width, header_lines=content.header_lines
    )
    twice = sorted(name for name, times in Counter(columns).items() if name and times > 1)
    if twice:
        raise BadFileError(
            "its header names a column twice", "give each column its own name", ", ".join(twice)
        )
    _check_required(layout, entity)
    return layout


def objects_layout(size: int) -> Layout:
    """Return the layout of a JSON file of this size in bytes. Each page in it is one JSON value."""
    return Layout("objects", object_bytes=min(max(MAX_RECORD, 1 << size.bit_length()), MAX_PAGE))


def parquet_layout(columns: list[tuple[str, str]], entity: Entity) -> Layout:
    """Return the layout of a Parquet file. Raises `BadFileError` if its columns do not fit the entity."""
    names, types = [name for name, _ in columns], tuple(kind for _, kind in columns)
    layout = Layout("parquet", _as_declared(names, entity), types)
    _check_required(layout, entity)
    for field in entity.fields:
        if field.kind == "id" and dict(zip(layout.columns, types, strict=True)).get(field.name) == "FLOAT":
            raise BadFileError(
                f"its column {field.name} is of type FLOAT, in which long ids lose digits",
                f"write {field.name} as a text or a whole number",
            )
        if field.kind in ("text", "id") and is_composite(layout, field.name):
            raise BadFileError(
                f"its column {field.name} is not a text", f"write {field.name} as a text or a number"
            )
    return layout


def unknown_columns(layout: Layout, entity: Entity) -> list[str]:
    """Return the columns of a CSV or Parquet file that are not declared."""
    return sorted(set(layout.columns) - declared_names(entity) - {""})


def declared_names(entity: Entity) -> set[str]:
    """Return the names of the fields and keys that the entity declares."""
    fields = {key for field in entity.fields for key in (field.name, field.steps[0])}
    context = {key for nested in entity.nested for key in nested.own_keys}
    return fields | context | set(entity.ignored)


def _as_declared(names: list[str], entity: Entity) -> tuple[str, ...]:
    """Return the names. A name that differs from a declared one only in letter case gets its spelling."""
    declared = declared_names(entity)
    others = {name.lower(): name for name in declared - set(names)}
    return tuple(name if name in declared else others.get(name.lower(), name) for name in names)


def _check_required(layout: Layout, entity: Entity) -> None:
    missing = [f.name for f in entity.fields if f.required and f.name not in layout.columns]
    if missing:
        raise BadFileError(
            f"required columns are missing: {', '.join(missing)}",
            f"add {', '.join(missing)}, named as in the platform's API",
        )


def is_composite(layout: Layout, column: str) -> bool:
    """Return whether a column of a Parquet file is a list, struct, map or union."""
    if column not in layout.columns:
        return False
    kind = layout.types[layout.columns.index(column)]
    return kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION"))
