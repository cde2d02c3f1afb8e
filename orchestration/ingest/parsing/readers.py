"""From files to records of texts: the SQL that reads each kind of file.

Belongs here: reading each format, and the common shape of the records. Does not: the bytes of
a file (`file_bytes`), its columns (`layouts`), nor the types of the fields (`typing`).

Records are in the order of the files and of their content, with these columns:

- `_path`
- `_position`: 1, or more for further records of the same line
- `_raw`: the record as text, null for a blank line
- `_fields`: a struct with one text per declared field, null if the record cannot be read
- `_error` and `_remedy`: why it cannot be read, and what to do
"""

import json

from orchestration.common.sql import quoted
from orchestration.ingest.parsing.file_bytes import (
    FLAW,
    FLAW_REMEDIES,
    FOLDED_LINE_BREAK,
    MAX_RECORD,
    UNUSED_DELIMITER,
    csv_field,
)
from orchestration.ingest.parsing.layouts import Layout, declared_names, is_composite
from orchestration.ingest.parsing.typing import named
from orchestration.ingest.platforms.schema import Entity, Nested, Source

_BLANKS = rf"[\s\x{{A0}}{FOLDED_LINE_BREAK}]*"
MAX_LINE = MAX_RECORD + 2**10  # with its line end
PAGES = ("$.results", "$.payload", "$.data.payload")  # the records in a page of an API

_JSON_REMEDIES = {
    "lines": "write each record as one line of valid JSON in UTF-8",
    "array": "write each element as an object",
    "objects": "write each record as an object",
}


def records(paths: list[str], layout: Layout, source: Source) -> str:
    """Return the SELECT of the records of a source in these files of the same layout."""
    match layout.kind:
        case "csv":
            return _csv_records(_lines(_listed(paths)), layout, source.entity)
        case "parquet":
            return _parquet_records(_listed(paths), layout, source.entity)
    return _json_records(json_values(paths, layout), source, _JSON_REMEDIES[layout.kind])


def json_values(paths: list[str], layout: Layout, in_pages: bool = True) -> str:
    """Return the SELECT of path, line and flaw of the JSON values in these files of the same layout.

    - `in_pages`: whether to return the values in an API's page, instead of the page
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
    """Return the SELECT of _path and _fields of every line, read by the engine's JSON lines reader.

    It is more than twice as fast as transforming lines of text. But it skips blank lines and returns no text,
    and a line that is not a JSON object becomes a record without fields.
    """
    columns = ", ".join(
        f"{quoted(name)}: {quoted(_column_type(kind))}" for name, kind in _structure(entity).items()
    )
    fields = ", ".join(f"{quoted(name)}: {named(name)}" for name in _structure(entity))
    return f"""
        SELECT filename AS _path, {{{fields}}} AS _fields
        FROM read_json({_listed(paths)}, format = 'newline_delimited', columns = {{{columns}}},
            ignore_errors = true, maximum_object_size = {MAX_LINE})"""


def plain_file_counts(paths: list[str], source: Source) -> str:
    """Return the `file_counts` of JSON lines files, read by a faster reader that skips blank lines."""
    lines = f"""
        SELECT filename AS _path, 1 AS _position, json AS _raw
        FROM read_json_objects({_listed(paths)}, format = 'newline_delimited', ignore_errors = true,
            maximum_object_size = {MAX_LINE})"""
    return _file_counts(lines, source.entity, "json_keys(_raw)")


def file_counts(paths: list[str], layout: Layout, source: Source) -> str:
    """Return the SELECT of the number of lines and records, and of the keys, per file before typing.

    Columns: path, lines, records, unknown_fields, has_repeated_keys (whether a JSON object has a key twice).
    """
    # `try` is slow when it catches errors, so invalid JSON is excluded first.
    keys = "CASE WHEN json_valid(_raw) THEN try(json_keys(_raw)) END"
    keys = keys if layout.is_json else "CAST(NULL AS VARCHAR[])"
    return _file_counts(records(paths, layout, source), source.entity, keys)


def _file_counts(records: str, entity: Entity, keys: str) -> str:
    known = f"[{', '.join(map(quoted, sorted(declared_names(entity))))}]"
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


def _lines(files: str) -> str:
    """Return the SELECT of the physical lines, without the flaw that `file_bytes` put before them.

    With the new_line \\r\\n the engine accepts \\n too, even mixed in one file. With more than one column it
    would skip blank lines and number the others wrongly.
    """
    flaw = quoted(FLAW)
    flawed = f"starts_with(text, {flaw})"
    return f"""
        SELECT filename AS path, CASE WHEN {flawed} THEN split_part(text, {flaw}, 2) END AS flaw, CASE WHEN
        {flawed} THEN split_part(text, {flaw}, 3) ELSE text END AS line FROM read_csv({files}, columns =
        {{'text': 'VARCHAR'}}, header = false, auto_detect = false, delim = {quoted(UNUSED_DELIMITER)}, quote
        = '', escape = '', strict_mode = false, new_line = '\\r\\n',
            max_line_size = {2 * MAX_RECORD})"""


def _remedy(otherwise: str) -> str:
    """Return the SQL of the remedy for the flaw of a line. `otherwise` is the SQL for any other error."""
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
            WHEN json_valid(_raw) THEN 'it is not a JSON object' ELSE 'it is not valid JSON' END AS _error,
            {_remedy(quoted(remedy))} AS _remedy
        FROM (SELECT path AS _path, position AS _position, flaw,
            CASE WHEN trim(line, ' ' || chr(9) || chr(13)) <> '' THEN line END AS _raw,
            CASE WHEN flaw IS NULL AND starts_with(ltrim(line, ' ' || chr(9)), '{{') AND json_valid(line)
                THEN try(json_transform(line, {structure})) END AS _fields
            FROM ({positioned}))"""


def _structure(entity: Entity) -> dict:
    """Return the structure for json_transform: nested objects with texts as leaves."""
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
    """Return the SELECT of the records inside each line. A line without records keeps its position, as null.

    If `answers`, a line without parents or without the field that states its content is rejected.
    """
    found, is_without, messages = zip(*map(_found, places), strict=True)
    rejected = "[line]" if answers else "[NULL]"
    return f"""
        SELECT path, CASE WHEN {"true" if answers else "false"} THEN coalesce(flaw, missing) END AS flaw,
            unnest(found) AS line, generate_subscripts(found, 1) AS position
        FROM (SELECT path, flaw, missing, CASE WHEN elements IS NULL OR missing IS NOT NULL THEN {rejected}
                WHEN len(elements) = 0 THEN [NULL] ELSE CAST(elements AS VARCHAR[]) END AS found
            FROM (SELECT path, line, flaw,
                    CASE WHEN flaw IS NULL THEN try(flatten([{", ".join(found)}])) END AS elements,
                    CASE WHEN flaw IS NULL AND try({" AND ".join(is_without)}) THEN {quoted(messages[0])} END
                        AS missing
                FROM ({source})))"""


def _found(nested: Nested) -> tuple[str, str, str]:
    """Return, for one nesting, the SQL of its list of records, of whether it is missing, and a message."""
    parents = _parents(nested)
    outermost = nested if isinstance(nested.parents, str) else nested.parents
    is_without, chosen = f"len({_parents(outermost)}) = 0", parents
    missing = f"it has no {outermost.parents.removeprefix('$.')}"
    if nested.where:
        key, values = nested.where
        stated = f"json_extract_string(parent, {quoted('$.' + json.dumps(key))})"
        chosen = f"list_filter({parents}, lambda parent: {stated} IN ({', '.join(map(quoted, values))}))"
        is_without = f"len(list_filter({parents}, lambda parent: {stated} IS NOT NULL)) = 0"
        missing = f"{key} is missing"
    return _elements(nested, chosen), is_without, missing


def _parents(nested: Nested) -> str:
    """Return the SQL of the list of the objects in a line that contain the records."""
    if not isinstance(nested.parents, str):
        return _elements(nested.parents, _parents(nested.parents))
    parents = f"json_extract(line, {quoted(nested.parents)})"
    return parents if "[*]" in nested.parents else f"[{parents}]"


def _elements(nested: Nested, parents: str) -> str:
    """Return the SQL of the list of the records in these parents, each merged with its context."""
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
    """Return the SELECT of the fields of each line. A line is valid only if its joined fields equal the line.

    A line without any value counts as blank. Columns without a name at the end of the header can be omitted.
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
        "write as many columns as the header has; quote values that contain a delimiter, a line break or a"
        " quotation mark, and double the quotation marks inside"
    )
    return f"""
        SELECT path AS _path, 1 AS _position, replace(line, {quoted(FOLDED_LINE_BREAK)}, chr(10)) AS _raw,
            CASE WHEN {fits} THEN {{{fields}}} END AS _fields,
            CASE WHEN flaw IS NOT NULL THEN flaw WHEN NOT whole THEN 'a quotation mark is out of place'
                ELSE 'it has ' || len(parts) || ' columns, the header {width}' END AS _error,
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
        return f"CAST({f'to_json({named(name)})' if is_composite(layout, name) else named(name)} AS VARCHAR)"

    fields = ", ".join(f"{quoted(f.name)}: {text(f.name)}" for f in entity.fields)
    return f"""
        SELECT filename AS _path, 1 AS _position, CAST(to_json(row) AS VARCHAR) AS _raw,
            {{{fields}}} AS _fields,
            CAST(NULL AS VARCHAR) AS _error, CAST(NULL AS VARCHAR) AS _remedy
        FROM read_parquet({files}) AS row"""
