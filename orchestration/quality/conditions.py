"""Conditions that several marts share, as functions that return a check.

Belongs here: a form of check that more than one mart uses. Does not: the checks of one mart (`marts`).
"""

from collections.abc import Mapping
from dataclasses import replace

from orchestration.quality.check import Check, Mart

LEDGER = "read_parquet(getvariable('raw_path') || '/ingested_files/*.parquet')"

# `least_rows` is a parameter of each run, computed from the last release.
ROW_COUNT_WITHIN_LIMIT = Check(
    "row_count_within_limit",
    "at most {settings.max_volume_drop:.0%} fewer rows than in the last release: {last_release}",
    "ExpectTableRowCountToBeBetween",
    {"min_value": {"$PARAMETER": "least_rows"}},
)

# Row-level checks skip the rows of earlier builds, so every row needs a build.
BUILD_ID_IS_KNOWN = Check(
    "build_id_is_known",
    "every build_id is in build.builds",
    broken_keys="""
        select coalesce(build_id, 'null') || ': ' || count(*) || ' rows' as key
        from {batch}
        where build_id is null or build_id not in (select build_id from build.builds)
        group by build_id
    """,
)


def mart(table: str, key: tuple[str, ...], *checks: Check) -> Mart:
    """Return a mart that every build rewrites, with its checks and the checks of all marts."""
    return Mart(table, key, (key_is_unique(*key), *checks, ROW_COUNT_WITHIN_LIMIT))


def incremental_mart(table: str, key: tuple[str, ...], *checks: Check) -> Mart:
    """Return a mart with a column `build_id`, with its checks and the checks of all marts."""
    checks = (key_is_unique(*key), *checks, BUILD_ID_IS_KNOWN, ROW_COUNT_WITHIN_LIMIT)
    return Mart(table, key, checks, is_incremental=True)


def warning(check: Check) -> Check:
    """Return the same check with severity `warn`."""
    return replace(check, severity="warn")


def not_null(column: str) -> Check:
    """Return the check that `column` is not null."""
    return Check(
        f"{column}_is_not_null",
        f"every row has a {column}",
        "ExpectColumnValuesToNotBeNull",
        {"column": column},
    )


def accepted_values(column: str, *values: str) -> Check:
    """Return the check that `column` is null or one of `values`."""
    return Check(
        f"{column}_is_accepted_value",
        f"{column} is one of {', '.join(values)}",
        "ExpectColumnValuesToBeInSet",
        {"column": column, "value_set": list(values)},
    )


def between(column: str, least: float, most: float) -> Check:
    """Return the check that `column` is null or between `least` and `most`, inclusive."""
    return Check(
        f"{column}_is_in_range",
        f"{column} from {least} to {most}",
        "ExpectColumnValuesToBeBetween",
        {"column": column, "min_value": least, "max_value": most},
    )


def not_before(later: str, earlier: str) -> Check:
    """Return the check that `later` is not before `earlier`, unless one is null."""
    return Check(
        f"{later}_is_not_before_{earlier}",
        f"{later} at or after {earlier}",
        "ExpectColumnPairValuesAToBeGreaterThanB",
        {
            "column_A": later,
            "column_B": earlier,
            "or_equal": True,
            "ignore_row_if": "either_value_is_missing",
        },
    )


def not_negative(*columns: str) -> Check:
    """Return the check that no value in `columns` is negative."""
    return Check(
        "measures_are_not_negative",
        f"no negative value in {', '.join(columns)}",
        broken_where=f"least({', '.join(columns)}) < 0",
    )


def key_is_unique(*key: str) -> Check:
    """Return the check that `key` is unique. Null is treated as a value."""
    columns = ", ".join(key)
    return Check(
        "key_is_unique",
        f"one row for each {columns}",
        broken_keys=f"select {key_text(key)} as key from {{batch}} group by {columns} having count(*) > 1",
    )


def references(column: str, table: str, key: str) -> Check:
    """Return the check that every non-null `column` is a `key` of `table`."""
    return Check(
        f"{column}_is_in_{table}",
        f"every {column} is in {table}",
        broken_keys=f"""
            select {column} as key from {{batch}} as rows
            anti join {table} as referenced on rows.{column} = referenced.{key}
            where {column} is not null
            group by {column}
        """,
    )


def matches_raw_files(entity: str, key: str, records: str, where: str = "true") -> Check:
    """Return the check that the mart has exactly one row per exported record of `entity`.

    - `records`: query of the records in the raw files, with `id` as in the mart's `key`, and `batch_id`
    - `where`: condition of the rows that come from such a record

    Records of batches in the published release, and rows that it has checked, are not compared again. Most
    new rows come from new records. Only for the others, older records that were rebuilt, are all records
    read.
    """
    return Check(
        f"{entity}_match_raw_files",
        f"exactly one row for each of the {entity} in the raw files",
        broken_keys=f"""
            with records as ({records}),
            new_records as (
                select id from records
                where batch_id in (
                    select batch_id from {LEDGER}
                    where batch_id not in (select unnest(getvariable('checked_batches')))
                )
            ),
            rows as (
                select {key} as id from {{batch}}
                where {where} and (
                    getvariable('build_ids') is null or list_contains(getvariable('build_ids'), build_id)
                )
            ),
            other_rows as (from rows anti join new_records using (id))
            select id || ' is not in the mart' as key
            from new_records anti join {{batch}} as present on new_records.id = present.{key}
            group by id
            union all
            select id || ' is in no raw file' as key
            from other_rows
            where id not in (select id from records where id in (select id from other_rows))
        """,
    )


def rejection_rate(*entities: str) -> Check:
    """Return the check that the share of rejected records in the latest batch is within the limit.

    The share is per account and entity. It covers only the latest batch, so that years of valid exports do
    not hide a bad one, and a corrected export unblocks releases.
    """
    names = ", ".join(f"'{entity}'" for entity in entities)
    return Check(
        "rejection_rate_within_limit",
        f"at most {{settings.max_rejected_share:.1%}} of the {' or '.join(entities)} of the latest batch"
        " rejected",
        broken_keys=f"""
            select
                account_id || '/' || entity || ': ' || sum(records_rejected) || ' of ' || sum(records_read)
                || ' records, most in ' || array_to_string(max_by(file, records_rejected, 3), ', ') as key
            from (
                select *, batch_id = max(batch_id) over (partition by account_id, entity) as is_latest
                from ingested_files
                where entity in ({names}) and status = 'loaded'
            )
            where is_latest
            group by account_id, entity
            having sum(records_rejected) > getvariable('max_rejected_share') * sum(records_read)
        """,
    )


def no_file_is_rejected(*entities: str) -> Check:
    """Return the check that no file is rejected, unless a later version of it was loaded."""
    names = ", ".join(f"'{entity}'" for entity in entities)
    return warning(
        Check(
            "no_file_is_rejected",
            f"every file of {' or '.join(entities)} is loaded",
            broken_keys=f"""
                select file as key
                from ingested_files
                where entity in ({names})
                group by file
                having max_by(status, batch_id) = 'rejected'
            """,
        )
    )


def same_totals(name: str, source: str, day: str, totals: Mapping[str, str]) -> Check:
    """Return the check that the mart's sums per account and day equal those of `source`.

    - `source`: a table, or a query in parentheses
    - `day`: the date column of `source`
    - `totals`: column of the mart → aggregate over `source` that equals its sum
    """
    actual = ", ".join(f"sum({column})::double as {column}" for column in totals)
    expected = ", ".join(f"({total})::double as {column}" for column, total in totals.items())
    return Check(
        name,
        f"equal {', '.join(totals)} for every account and day",
        broken_keys=f"""
            select
                concat_ws(' ', account_id, day, total) || ': '
                || coalesce(actual.value, 0) || ' instead of ' || coalesce(expected.value, 0) as key
            from (
                unpivot (select account_id, report_date as day, {actual} from {{batch}} as rows group by all)
                on columns(* exclude (account_id, day)) into name total value value
            ) as actual
            full join (
                unpivot (select account_id, {day} as day, {expected} from {source} group by all)
                on columns(* exclude (account_id, day)) into name total value value
            ) as expected using (account_id, day, total)
            where abs(coalesce(actual.value, 0) - coalesce(expected.value, 0))
                > 1e-6 * greatest(1, abs(coalesce(expected.value, 0)))
        """,
    )


def key_text(key: tuple[str, ...]) -> str:
    """Return the SQL of a row's key as one text."""
    return f"concat_ws(' ', {', '.join(key)})"
