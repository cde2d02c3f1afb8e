"""From texts to typed columns: the SQL that converts and validates a record.

Belongs here: the types of the raw columns, the rules of each kind of field, and the rejection reasons, with
the macros in `typing.sql`. Does not: reading the texts (`readers`), nor the outcome of a rejection.
"""

import json
from collections.abc import Collection
from pathlib import Path

from orchestration.common.sql import quoted
from orchestration.ingest.platforms.schema import Entity, Field

MACROS = Path(__file__).with_suffix(".sql")

LINEAGE = {
    "_account_id": "VARCHAR",
    "_file_id": "VARCHAR",
    "_file": "VARCHAR",
    "_line": "BIGINT",
    "_position": "BIGINT",
    "_batch_id": "VARCHAR",
}

_TYPES = {
    "text": "VARCHAR",
    "id": "VARCHAR",
    "texts": "VARCHAR[]",
    "number": "BIGINT",
    "rating": "BIGINT",
    "boolean": "BOOLEAN",
    "instant": "TIMESTAMP",
}
_NOT_NUMBERS = "('NaN', 'Infinity', '-Infinity')"
_WRITE_INSTANT = "write ISO 8601 with an offset, as 2026-08-31T07:44:00+02:00, or unix seconds"


def named(text: str) -> str:
    """Return the text as a quoted SQL identifier."""
    return '"' + text.replace('"', '""') + '"'


def field_type(field: Field) -> str:
    """Return the SQL type of a field's raw column."""
    if not field.members:
        return _TYPES[field.kind]
    struct = f"STRUCT({', '.join(f'{named(member)} VARCHAR' for member in field.members)})"
    return struct + "[]" * (field.kind == "objects")


def raw_columns(entity: Entity) -> dict[str, str]:
    """Return the columns of an entity's raw files with their SQL types: fields, then lineage."""
    return {field.name: field_type(field) for field in entity.fields} | LINEAGE


def typed(
    source: str,
    entity: Entity,
    zone: str,
    scale: tuple[int, int],
    nested: bool,
    repeating: Collection[str] = (),
    month_first: Collection[str] = (),
) -> str:
    """Return the SELECT that types and validates the records of `source`.

    - `source`: a SELECT in the shape of `readers.records`
    - `zone`: time zone of times without an offset
    - `scale`: lowest and highest rating
    - `nested`: whether _raw is JSON, in which a text field can contain a list or an object
    - `repeating`: paths of files with a repeated field in a record; such records are rejected
    - `month_first`: paths of files with a month-first date; their ambiguous dates are rejected

    Columns: _path, _position, _raw, the typed fields, and _problem: null, or a struct of field, value, reason
    and remedy of the first error in the order of the fields. Only `value` quotes the record.
    """
    texts, values = _texts(entity, nested), _values(entity, zone)
    problems = "\n".join(
        f"WHEN {condition} THEN {_problem(quoted(f.name), reason, remedy, _text(f))}"
        for f in entity.fields
        for condition, reason, remedy in _rules(f, scale, nested, month_first)
    )
    if repeating:
        names = f"[{', '.join(quoted(f.name) for f in entity.fields)}]"
        twice = f"repeated_key(_raw, {names})"
        problem = _problem(twice, f"{twice} || ' occurs twice'", quoted("name each field once"))
        problems = f"WHEN {_among(repeating)} AND {twice} IS NOT NULL THEN {problem}\n{problems}"
    return f"""
        SELECT *, CASE WHEN _fields IS NULL THEN {_problem("NULL", "_error", "_remedy")}
            {problems} END AS _problem
        FROM (SELECT *, {values}
            FROM (SELECT _path, _position, _raw, _error, _remedy, _fields, {texts} FROM ({source})))"""


def certain(source: str, entity: Entity, zone: str, scale: tuple[int, int]) -> str:
    """Return the SELECT that types the records of `source` as `typed` does, and states which are valid.

    - `source`: a SELECT in the shape of `readers.plain_records`

    Columns: _path, the typed fields, and _is_certain: true if `typed` would find no error. The other records
    must be validated by `typed`, which needs their text.
    """
    doubts = " ".join(
        f"WHEN {doubt} THEN false"
        for field in entity.fields
        for doubt in [condition for condition, _, _ in _rules(field, scale, False, ())] + _doubts(field)
    )
    return f"""
        SELECT *, CASE {doubts} ELSE true END AS _is_certain
        FROM (SELECT *, {_values(entity, zone)}
            FROM (SELECT _path, {_texts(entity, True)} FROM ({source})))"""


def is_too_late(entity: Entity, latest: str) -> str:
    """Return the SQL of whether a time in a record of `typed` or `certain` is after the instant `latest`."""
    late = [f"{named(field.name)} > {latest}" for field in entity.fields if field.is_past]
    return f"coalesce({' OR '.join(late) or 'false'}, false)"


def too_late_problem(entity: Entity, latest: str) -> str:
    """Return the SQL of the _problem of a record of `typed` with a time after `latest`, or null."""
    reason = "is more than 24 hours after its file was first ingested"
    remedy = quoted("correct the time in the export and drop the file again")
    branches = " ".join(
        f"""WHEN {named(field.name)} > {latest}
            THEN {_problem(quoted(field.name), quoted(f"{field.name} {reason}"), remedy, _text(field))}"""
        for field in entity.fields
        if field.is_past
    )
    return f"CASE {branches} END" if branches else "NULL"


def _doubts(field: Field) -> list[str]:
    """Return conditions under which a JSON value may not be a text, which needs the line to decide."""
    if field.kind not in ("text", "id") or field.values:
        return []
    text = _text(field)
    return [f"starts_with({text}, '{{')", f"starts_with({text}, '[')", f"{text} IN {_NOT_NUMBERS}"]


def _texts(entity: Entity, nested: bool) -> str:
    fields = {field.name: field for field in entity.fields}
    texts = []
    for field in entity.fields:
        written = _written(field, nested)
        if field.only_if:
            name, values = field.only_if
            condition = f"lower(trim({_written(fields[name], nested)}))"
            branches = " ".join(f"WHEN {quoted(value)} THEN {written}" for value in values)
            written = f"CASE {condition} {branches} END"
        texts.append(f"{written} AS {_text(field)}")
    return ", ".join(texts)


def _values(entity: Entity, zone: str) -> str:
    return ", ".join(f"{_value(field, zone)} AS {named(field.name)}" for field in entity.fields)


def _place(field: Field, nested: bool) -> str:
    return ".".join(map(named, field.steps)) if nested else named(field.name)


def month_first_dates(source: str, entity: Entity, nested: bool) -> str:
    """Return the SELECT of the _path of each file with a date that is certainly month first."""
    instants = [field for field in entity.fields if field.kind == "instant"]
    dates = [f"is_month_first(trim(_fields.{_place(field, nested)}))" for field in instants]
    return f"SELECT DISTINCT _path FROM ({source}) WHERE {' OR '.join(dates) or 'false'}"


def _among(paths: Collection[str]) -> str:
    # CASE instead of IN, as in `_value`.
    return f"CASE _path {' '.join(f'WHEN {quoted(path)} THEN true' for path in paths)} ELSE false END"


def _written(field: Field, nested: bool) -> str:
    """Return the SQL of the text of a field as exported, null if it is empty."""
    text = f"_fields.{_place(field, nested)}"
    return f"id_of({text})" if field.kind == "id" else f"nullif({text}, '')"


def _text(field: Field) -> str:
    return named(f"text of {field.name}")


def _problem(field: str, reason: str, remedy: str, value: str = "NULL") -> str:
    columns = f"'field': CAST({field} AS VARCHAR), 'value': left(CAST({value} AS VARCHAR), 80)"
    return f"{{{columns}, 'reason': {reason}, 'remedy': {remedy}}}"


def _value(field: Field, zone: str) -> str:
    text = _text(field)
    match field.kind:
        case "number" | "rating":
            return f"whole_of({text})"
        case "boolean":
            return f"boolean_of({text})"
        case "instant":
            return f"instant_of({text}, {quoted(zone)})"
        case "object":
            return _object(field, text)
        case "objects":
            return _unless_empty(
                f"list_transform(elements_of({text}), lambda element: {_object(field, 'element')})"
            )
        case "texts":
            return _unless_empty(f"elements_of({text})")
    if field.values:
        branches = " ".join(f"WHEN {quoted(value.lower())} THEN {quoted(value)}" for value in field.values)
        # CASE instead of IN: DuckDB turns a long IN list into a join, which does not keep the order of lines.
        written = " ".join(f"WHEN {quoted(value)} THEN {quoted(value)}" for value in field.values)
        return f"CASE {text} {written} ELSE CASE lower(trim({text})) {branches} END END"
    return text


def _object(field: Field, text: str) -> str:
    """Return the SQL of an object, given as JSON or by its name."""
    structure = quoted(json.dumps(dict.fromkeys(field.members, "VARCHAR")))
    members = ", ".join(
        f"{quoted(member)}: {text if member in field.named_by else 'CAST(NULL AS VARCHAR)'}"
        for member in field.members
    )
    by_name = f"WHEN NOT starts_with({text}, '[') THEN {{{members}}}" if field.named_by else ""
    given = f"try(json_transform({text}, {structure}))"
    if "id" in field.members:
        parts = {member: f"given.{named(member)}" for member in field.members}
        parts["id"] = f"id_of({parts['id']})"
        plain = ", ".join(f"{quoted(member)}: {part}" for member, part in parts.items())
        invalid = f"({parts['id']}[1] IN ('{{', '[') OR is_invalid_id({parts['id']}))"
        given = (
            f"list_transform([{given}], lambda given: CASE WHEN given IS NOT NULL"
            f" AND NOT coalesce({invalid}, false) THEN {{{plain}}} END)[1]"
        )
    return f"CASE WHEN starts_with({text}, '{{') THEN {given} {by_name} END"


def _unless_empty(elements: str) -> str:
    """Return the SQL of a list, null if it is empty: a CSV cannot distinguish the two."""
    return f"nullif({elements}, [])"


def _rules(
    field: Field, scale: tuple[int, int], nested: bool, month_first: Collection[str]
) -> list[tuple[str, str, str]]:
    """Return the SQL of each possible error of a field: its condition, reason and remedy."""
    text, value, name = _text(field), named(field.name), quoted(field.name)
    shown = f"{name} || ' '"
    unreadable = f"{text} IS NOT NULL AND {value} IS NULL"
    with_id = (" with valid ids" if field.kind == "objects" else " with a valid id") * ("id" in field.members)
    rules = []
    if field.required:
        rules.append((f"{text} IS NULL", f"{name} || ' is missing'", quoted("every record must have it")))
    match field.kind:
        case "instant":
            reason = f"{shown} || instant_error(trim({text}))"
            impossible = f"{text} IS NOT NULL AND NOT is_possible({value})"
            rules.append((impossible, reason, quoted(_WRITE_INSTANT)))
            if month_first:
                either = f"{_among(month_first)} AND is_either_way(trim({text}))"
                reason = f"{shown} || 'is ambiguous: the file has dates in both orders'"
                rules.append((either, reason, quoted(_WRITE_INSTANT)))
        case "id":
            remedy = quoted("write it as a text, or as a whole number with all its digits")
            rules.append((f"is_invalid_id({text})", f"{shown} || 'is not a valid id'", remedy))
        case "number":
            rules.append((unreadable, f"{shown} || 'is not a whole number'", quoted("write a whole number")))
        case "boolean":
            remedy = quoted("write true or false, yes or no, 1 or 0")
            rules.append((unreadable, f"{shown} || 'is neither true nor false'", remedy))
        case "rating":
            span = f"{scale[0]} to {scale[1]}"
            reason = f"""{shown} || CASE WHEN {value} IS NULL THEN 'is not a whole number'
                ELSE {quoted(f"is outside the scale {span}")} END"""
            outside = f"{text} IS NOT NULL AND coalesce({value} NOT BETWEEN {scale[0]} AND {scale[1]}, true)"
            remedy = f"write a whole number from {span}, or correct the scale in csat_scales.csv"
            rules.append((outside, reason, quoted(remedy)))
        case "object":
            reason = f"{shown} || {quoted(f'is not an object{with_id}')}"
            rules.append((unreadable, reason, quoted("write a JSON object")))
        case "objects":
            broken = f"{text} <> '[]' AND {value} IS NULL AND elements_of({text}) IS NULL"
            broken += f" OR len(list_filter({value}, lambda element: element IS NULL)) > 0"
            reason = f"{shown} || {quoted(f'is not a list of objects{with_id}')}"
            rules.append((broken, reason, quoted("write a JSON list of objects, or names separated by ;")))
        case "texts":
            broken = f"{text} IS NOT NULL AND elements_of({text}) IS NULL"
            broken += f" OR len(list_filter({value}, lambda element: element[1] IN ('{{', '['))) > 0"
            reason = f"{shown} || 'is not a list of texts'"
            rules.append((broken, reason, quoted("write a JSON list of texts, or texts separated by ;")))
        case "text" if field.values:
            allowed = ", ".join(field.values)
            reason = f"{shown} || {quoted(f'is none of {allowed}')}"
            rules.append((unreadable, reason, quoted(f"write one of {allowed}")))
    if field.kind in ("text", "id") and not field.values and nested:
        kind = f"json_type(_raw, {quoted('$.' + '.'.join(map(json.dumps, field.steps)))})"
        composite = f"{text}[1] IN ('{{', '[') AND {kind} IN ('OBJECT', 'ARRAY')"
        rules.append((composite, f"{shown} || 'is not a text'", quoted("write a text or a number")))
        no_number = f"{text} IN {_NOT_NUMBERS} AND {kind} = 'DOUBLE'"
        remedy = quoted("write null where there is no value")
        rules.append((no_number, f"{shown} || 'is not a value'", remedy))
    return rules
