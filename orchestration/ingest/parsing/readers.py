"""From files to records of texts: the SQL that reads each kind of file.

Belongs here: how lines, CSV, JSON and Parquet files are laid out, and the one shape in which all are read.
Does not: the bytes of a file (`content`), nor the types of the fields (`records`).

Records have, in the order of the files and of what they hold, the columns `_path`, `_position` (1 but for the
second and further records of one line), `_raw` (the record as text, null for a blank line), `_fields` (a
struct of one text for each declared field, null where the record cannot be read) and then, why it cannot,
`_trouble` and `_remedy`.
"""

import csv
import json
from dataclasses import dataclass
from typing import Literal

from orchestration.common.sql import quoted
from orchestration.ingest.parsing.file_bytes import (
    FLAW,
    FLAW_REMEDIES,
    FOLDED_LINE_BREAK,
    MAX_RECORD,
    NEVER,
    BadFileError,
    Content,
    csv_field,
)
from orchestration.ingest.parsing.typing import named
from orchestration.ingest.platforms.schema import Entity, Nested, Source

_BLANKS = rf"[\s\x{{A0}}{FOLDED_LINE_BREAK}]*"
MAX_PAGE = 4 * MAX_RECORD
MAX_LINE = MAX_RECORD + 2**10  # with its end
PAGES = ("$.results", "$.payload", "$.data.payload")  # where the records of an API's page stand

_JSON_REMEDIES = {
    "lines": "write each record as one line of valid JSON in UTF-8",
    "array": "write each element as an object",
    "objects": "write each record as an object",
}


@dataclass(frozen=True)
class Layout:
    """How a file is to be read; files of one layout are read together.

    - `columns`: the column names of a CSV or Parquet file, spelled as they are declared; without the empty
      ones at the end of a CSV
    - `types`: the types of the columns of a Parquet file
    - `width`: the number of columns of a CSV; `header_lines`: how many lines it has before the first record
    - `object_bytes`: the longest JSON value to expect, a power of two; the engine sets memory aside for it
    """

    kind: Literal["lines", "csv", "array", "objects", "parquet"]
    columns: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    delimiter: str = ""
    width: int = 0
    header_lines: int = 0
    object_bytes: int = MAX_RECORD

    @property
    def is_lines(self) -> bool:
        """Whether the file is read line by line, so that its lines can be counted beforehand."""
        return self.kind in ("lines", "csv")

    @property
    def is_json(self) -> bool:
        """Whether a record is JSON as it stands."""
        return self.kind in ("lines", "array", "objects")


def csv_layout(content: Content, entity: Entity) -> Layout:
    """Return the layout of a CSV with this header. Raises `BadFileError` where it does not fit the entity."""
    names = [name.strip() for name in next(csv.reader([content.header], delimiter=content.delimiter), [])]
    width = len(names)
    while names and not names[-1]:
        names.pop()
    columns = _as_declared(names, entity)
    layout = Layout(
        "csv", columns, delimiter=content.delimiter, width=width, header_lines=content.header_lines
    )
    twice = sorted({name for name in columns if name and columns.count(name) > 1})
    if twice:
        raise BadFileError(
            "its header names a column twice", "give each column a name of its own", ", ".join(twice)
        )
    _check_required(layout, entity)
    return layout


def objects_layout(size: int) -> Layout:
    """Return the layout of a JSON file of this many bytes; it may hold pages, each of them one JSON value."""
    return Layout("objects", object_bytes=min(max(MAX_RECORD, 1 << size.bit_length()), MAX_PAGE))


def parquet_layout(columns: list[tuple[str, str]], entity: Entity) -> Layout:
    """Return the layout of a Parquet file with these columns. Raises `BadFileError` where it does not fit."""
    names, types = [name for name, _ in columns], tuple(kind for _, kind in columns)
    layout = Layout("parquet", _as_declared(names, entity), types)
    _check_required(layout, entity)
    for field in entity.fields:
        if field.kind == "id" and dict(zip(layout.columns, types, strict=True)).get(field.name) == "FLOAT":
            raise BadFileError(
                f"its column {field.name} is of type FLOAT, in which long ids lose digits",
                f"write {field.name} as a text or a whole number",
            )
        if field.kind in ("text", "id") and _is_composite(layout, field.name):
            raise BadFileError(
                f"its column {field.name} is not a text", f"write {field.name} as a text or a number"
            )
    return layout


def unknown_columns(layout: Layout, entity: Entity) -> list[str]:
    """Return the columns of a CSV or Parquet file that are not declared."""
    return sorted(set(layout.columns) - _declared(entity) - {""})


def records(paths: list[str], layout: Layout, source: Source) -> str:
    """Return the SELECT of the records of a source in these files, which all have this layout."""
    match layout.kind:
        case "csv":
            return _csv_records(_lines(_listed(paths)), layout, source.entity)
        case "parquet":
            return _parquet_records(_listed(paths), layout, source.entity)
    return _json_records(json_values(paths, layout), source, _JSON_REMEDIES[layout.kind])


def json_values(paths: list[str], layout: Layout, in_pages: bool = True) -> str:
    """Return the SELECT of path, line and flaw of the JSON values in these files, which all have this layout.

    - `in_pages`: of an API's page, the values in it; else the page itself
    """
    files = _listed(paths)
    if layout.kind == "lines":
        return _lines(files)
    if layout.kind == "array":
        values = f"SELECT filename AS path, json AS value FROM {_json(files, 'array', MAX_RECORD)}"
    else:
        pages = " ".join(
            f"WHEN json_type(json, '{page}') = 'ARRAY' THEN json_extract(json, '{page}[*]')" for page in PAGES
        )
        value = f"unnest(CASE {pages} ELSE [json] END)" if in_pages else "json"
        values = f"""SELECT filename AS path, {value} AS value
            FROM {_json(files, "unstructured", layout.object_bytes)}"""
    return f"SELECT path, CAST(value AS VARCHAR) AS line, CAST(NULL AS VARCHAR) AS flaw FROM ({values})"


def plain_records(paths: list[str], entity: Entity) -> str:
    """Return the SELECT of _path and _fields of every line, as the engine's own reader of JSON lines sees it.

    It is more than twice as fast as to transform lines of text. But it leaves out blank lines, and gives no
    text: of what is no JSON object it gives a record without any field.
    """
    columns = ", ".join(
        f"{quoted(name)}: {quoted(_column_type(kind))}" for name, kind in _structure(entity).items()
    )
    fields = ", ".join(f"{quoted(name)}: {named(name)}" for name in _structure(entity))
    return f"""
        SELECT filename AS _path, {{{fields}}} AS _fields
        FROM read_json({_listed(paths)}, format = 'newline_delimited', columns = {{{columns}}},
            ignore_errors = true, maximum_object_size = {MAX_LINE})"""


def plain_census(paths: list[str], source: Source) -> str:
    """Return the `census` of files of JSON lines, quickly: but of its lines it leaves out the blank ones."""
    lines = f"""
        SELECT filename AS _path, 1 AS _position, json AS _raw
        FROM read_json_objects({_listed(paths)}, format = 'newline_delimited', ignore_errors = true,
            maximum_object_size = {MAX_LINE})"""
    return _census(lines, source.entity, "json_keys(_raw)")


def census(paths: list[str], layout: Layout, source: Source) -> str:
    """Return the SELECT of what the files hold before any typing.

    Its columns: path, lines, records, unknown_fields, and has_repeated_keys (a JSON object names one twice).
    """
    # Where `try` has to catch something it goes row by row, which is slow: so it is asked first.
    keys = "CASE WHEN json_valid(_raw) THEN try(json_keys(_raw)) END"
    keys = keys if layout.is_json else "CAST(NULL AS VARCHAR[])"
    return _census(records(paths, layout, source), source.entity, keys)


def _census(records: str, entity: Entity, keys: str) -> str:
    known = f"[{', '.join(map(quoted, sorted(_declared(entity))))}]"
    return f"""
        SELECT path, sum(n) FILTER (is_line) AS lines, coalesce(sum(n) FILTER (has_record), 0) AS records,
            list_sort(list_distinct(list_filter(flatten(list(keys)),
                lambda key: NOT list_contains({known}, key)))) AS unknown_fields,
            coalesce(bool_or(len(keys) <> list_unique(keys)), false) AS has_repeated_keys
        FROM (SELECT path, is_line, has_record, any_value(keys) AS keys, count(*) AS n
            FROM (SELECT _path AS path, _position = 1 AS is_line, _raw IS NOT NULL AS has_record,
                    {keys} AS keys
                FROM ({records}))
            GROUP BY path, is_line, has_record, CAST(keys AS VARCHAR))
        GROUP BY path"""


def _declared(entity: Entity) -> set[str]:
    fields = {key for field in entity.fields for key in (field.name, field.steps[0])}
    context = {key for nested in entity.nested for key in nested.own_keys}
    return fields | context | set(entity.ignored)


def _as_declared(names: list[str], entity: Entity) -> tuple[str, ...]:
    """Return the names; one that differs from a declared name only in letter case becomes that."""
    declared = {name.lower(): name for name in _declared(entity) if name not in names}
    return tuple(name if name in _declared(entity) else declared.get(name.lower(), name) for name in names)


def _check_required(layout: Layout, entity: Entity) -> None:
    missing = [f.name for f in entity.fields if f.required and f.name not in layout.columns]
    if missing:
        raise BadFileError(
            f"its header lacks the required {', '.join(missing)}",
            f"name the columns as the platform's API does, {', '.join(missing)} among them",
        )


def _is_composite(layout: Layout, column: str) -> bool:
    if column not in layout.columns:
        return False
    kind = layout.types[layout.columns.index(column)]
    return kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION"))


def _lines(files: str) -> str:
    """Read the physical lines, apart from the flaw that `content` found in one.

    Told that lines end in \\r\\n, the engine takes \\n as well, even mixed in one file. There is one column,
    since with more it leaves out blank lines, and so their numbers.
    """
    flaw = quoted(FLAW)
    flawed = f"starts_with(text, {flaw})"
    return f"""
        SELECT filename AS path, CASE WHEN {flawed} THEN split_part(text, {flaw}, 2) END AS flaw,
            CASE WHEN {flawed} THEN split_part(text, {flaw}, 3) ELSE text END AS line
        FROM read_csv({files}, columns = {{'text': 'VARCHAR'}}, header = false, auto_detect = false,
            delim = {quoted(NEVER)}, quote = '', escape = '', strict_mode = false, new_line = '\\r\\n',
            max_line_size = {2 * MAX_RECORD})"""


def _remedy(otherwise: str) -> str:
    """Return the SQL of the remedy for the flaw of a line; `otherwise`, as SQL, for any other trouble."""
    remedies = " ".join(
        f"WHEN {quoted(flaw)} THEN {quoted(remedy)}" for flaw, remedy in FLAW_REMEDIES.items()
    )
    return f"CASE flaw {remedies} ELSE {otherwise} END"


def _listed(paths: list[str]) -> str:
    return f"[{', '.join(map(quoted, paths))}]"


def _json(files: str, layout: str, size: int) -> str:
    return f"read_json_objects({files}, format = '{layout}', maximum_object_size = {size})"


def _json_records(source: str, wanted: Source, remedy: str) -> str:
    structure = quoted(json.dumps(_structure(wanted.entity)))
    positioned = f"SELECT *, 1 AS position FROM ({source})"
    if wanted.nested:
        positioned = _nested(source, wanted.nested, wanted.answers)
    return f"""
        SELECT *, CASE WHEN _fields IS NOT NULL THEN NULL WHEN flaw IS NOT NULL THEN flaw
            WHEN json_valid(_raw) THEN 'it is not a JSON object' ELSE 'it is not valid JSON' END AS _trouble,
            {_remedy(quoted(remedy))} AS _remedy
        FROM (SELECT path AS _path, position AS _position, flaw,
            CASE WHEN trim(line) <> '' THEN line END AS _raw,
            CASE WHEN flaw IS NULL AND starts_with(ltrim(line, ' ' || chr(9)), '{{') AND json_valid(line)
                THEN try(json_transform(line, {structure})) END AS _fields
            FROM ({positioned}))"""


def _structure(entity: Entity) -> dict:
    """Return the fields as json_transform wants them: objects within objects, and at their ends texts."""
    structure: dict = {}
    for field in entity.fields:
        place = structure
        for step in field.steps[:-1]:
            place = place.setdefault(step, {})
        place[field.steps[-1]] = "VARCHAR"
    return structure


def _column_type(kind: str | dict) -> str:
    if isinstance(kind, str):
        return kind
    return f"STRUCT({', '.join(f'{named(name)} {_column_type(inner)}' for name, inner in kind.items())})"


def _nested(source: str, places: tuple[Nested, ...], answers: bool) -> str:
    """Take the records out of each line; the first keeps the line's place, and stands there even if none is.

    A line that has no parents, or not the field that tells what it holds, is refused where `answers`.
    """
    found, is_without, missing = zip(*map(_found, places), strict=True)
    refused = "[line]" if answers else "[NULL]"
    return f"""
        SELECT path, CASE WHEN {"true" if answers else "false"} THEN coalesce(flaw, lack) END AS flaw,
            unnest(found) AS line, generate_subscripts(found, 1) AS position
        FROM (SELECT path, flaw, lack, CASE WHEN elements IS NULL OR lack IS NOT NULL THEN {refused}
                WHEN len(elements) = 0 THEN [NULL] ELSE CAST(elements AS VARCHAR[]) END AS found
            FROM (SELECT path, line, flaw,
                    CASE WHEN flaw IS NULL THEN try(flatten([{", ".join(found)}])) END AS elements,
                    CASE WHEN flaw IS NULL AND try({" AND ".join(is_without)}) THEN {quoted(missing[0])} END
                        AS lack
                FROM ({source})))"""


def _found(nested: Nested) -> tuple[str, str, str]:
    """Return of a place the SQL of the list of its records, the SQL of whether it is missing, and words."""
    parents = _parents(nested)
    outermost = nested if isinstance(nested.parents, str) else nested.parents
    is_without, chosen = f"len({_parents(outermost)}) = 0", parents
    missing = f"it holds no {outermost.parents.removeprefix('$.')}"
    if nested.where:
        key, values = nested.where
        told = f"json_extract_string(parent, {quoted('$.' + json.dumps(key))})"
        chosen = f"list_filter({parents}, lambda parent: {told} IN ({', '.join(map(quoted, values))}))"
        is_without = f"len(list_filter({parents}, lambda parent: {told} IS NOT NULL)) = 0"
        missing = f"{key} is missing"
    return _elements(nested, chosen), is_without, missing


def _parents(nested: Nested) -> str:
    """Return the SQL of the list of the objects in a line that hold the records of a place."""
    if not isinstance(nested.parents, str):
        return _elements(nested.parents, _parents(nested.parents))
    parents = f"json_extract(line, {quoted(nested.parents)})"
    return parents if "[*]" in nested.parents else f"[{parents}]"


def _elements(nested: Nested, parents: str) -> str:
    """Return the SQL of the list of the records in these parents, each with its context."""
    inside = f"json_extract(parent, {quoted(nested.elements)})"
    if "[*]" not in nested.elements:
        inside = f"list_filter([{inside}], lambda element: element IS NOT NULL)"
    if nested.context:
        places = {
            name: ".".join(["$", *map(json.dumps, path.split("."))]) for name, path in nested.context.items()
        }
        context = ", ".join(
            f"{quoted(name)}, json_extract(parent, {quoted(place)})" for name, place in places.items()
        )
        inside = (
            f"list_transform({inside}, lambda element: json_merge_patch(json_object({context}), element))"
        )
    return f"flatten(list_transform({parents}, lambda parent: {inside}))"


def _csv_records(source: str, layout: Layout, entity: Entity) -> str:
    """Split each line into fields; they are the line's only if, put together again, they give the line.

    A line without any value counts as blank. Columns without a name at the end of the header may be left out.
    """
    delimiter, width = quoted(layout.delimiter), layout.width
    field = quoted(f"[{layout.delimiter}]({csv_field(layout.delimiter)})")
    empty = rf'{_BLANKS}(?:"{_BLANKS}")?{_BLANKS}'
    blank = quoted(f"{empty}(?:[{layout.delimiter}]{empty})*")
    position = {name: number for number, name in enumerate(layout.columns, start=1)}
    fields = ", ".join(
        f"{quoted(f.name)}: {_csv_value(position[f.name]) if f.name in position else 'NULL'}"
        for f in entity.fields
    )
    fits = f"flaw IS NULL AND whole AND len(parts) BETWEEN {len(layout.columns)} AND {width}"
    remedy = (
        "write as many columns as the header has; put a value with a delimiter, a line break or a quotation"
        " mark in it between quotation marks, and double those within"
    )
    return f"""
        SELECT path AS _path, 1 AS _position, replace(line, {quoted(FOLDED_LINE_BREAK)}, chr(10)) AS _raw,
            CASE WHEN {fits} THEN {{{fields}}} END AS _fields,
            CASE WHEN flaw IS NOT NULL THEN flaw WHEN NOT whole THEN 'a quotation mark is out of place'
                ELSE 'it has ' || len(parts) || ' columns, the header {width}' END AS _trouble,
            {_remedy(quoted(remedy))} AS _remedy
        FROM (SELECT *, array_to_string(parts, {delimiter}) = line AS whole
            FROM (SELECT path, flaw, CASE WHEN NOT regexp_full_match(line, {blank}) THEN line END AS line,
                CASE WHEN contains(line, '"') THEN regexp_extract_all({delimiter} || line, {field}, 1)
                    ELSE string_split(line, {delimiter}) END AS parts
                FROM ({source})))"""


def _csv_value(position: int) -> str:
    part = f"parts[{position}]"
    plain = f"""replace(replace({part}[2:-2], '""', '"'), {quoted(FOLDED_LINE_BREAK)}, chr(10))"""
    return f"""CASE WHEN starts_with({part}, '"') THEN {plain} ELSE {part} END"""


def _parquet_records(files: str, layout: Layout, entity: Entity) -> str:
    def text(name: str) -> str:
        if name not in layout.columns:
            return "NULL"
        return f"CAST({f'to_json({named(name)})' if _is_composite(layout, name) else named(name)} AS VARCHAR)"

    fields = ", ".join(f"{quoted(f.name)}: {text(f.name)}" for f in entity.fields)
    return f"""
        SELECT filename AS _path, 1 AS _position, CAST(to_json(row) AS VARCHAR) AS _raw,
            {{{fields}}} AS _fields,
            CAST(NULL AS VARCHAR) AS _trouble, CAST(NULL AS VARCHAR) AS _remedy
        FROM read_parquet({files}) AS row"""
