"""The words in which a mart declares what must be true of it.

Belongs here: the vocabulary, and promises that many marts make in the same form. Does not: the promises of
one mart (its own module), nor how they are put to the database (`gate`). Nothing here imports Great
Expectations, which takes seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from orchestration.settings import Settings

Severity = Literal["error", "warn"]


@dataclass(frozen=True)
class Check:
    """One promise of a mart, in exactly one of three forms.

    - `expectation` and `arguments`: an expectation of Great Expectations, by the name of its class;
    - `broken_where`: a condition that holds for the rows that break the promise;
    - `broken_keys`: a query of one text column `key`, a row for each thing that breaks the promise.

    Where the candidate only adds to what was checked and published, what blocks is asked of the rows that the
    increment touched, and `{batch}` stands for these: then `touched_keys`, if there is one, takes the place
    of `broken_keys`. A check `of_all` is always asked of the whole mart, and so is a warning.

    In a query, `{batch}` stands for the mart; give it an alias if, and only if, the query joins. SQL reads
    the settings by `getvariable('…')`: raw_path, hash_key_path, max_rejected_share, max_volume_drop,
    stale_after_hours.
    `expected` may name `{settings.…}` and `{last_release}`. Severity `warn` never blocks a release.
    """

    name: str
    expected: str
    expectation: str = ""
    arguments: Mapping = field(default_factory=dict)
    broken_where: str = ""
    broken_keys: str = ""
    touched_keys: str = ""
    of_all: bool = False
    severity: Severity = "error"

    @property
    def asks_all(self) -> bool:
        """Return whether it is asked of the whole mart, also after an increment."""
        return self.of_all or self.severity == "warn"


@dataclass(frozen=True)
class CheckResult:
    """What came of a check: what was `found`, and up to five `examples`, keys of what breaks it.

    `broken`: the check itself could not run; nothing is known of the data, so it has not passed.
    """

    table: str
    check: Check
    passed: bool = True
    broken: bool = False
    found: str = "as expected"
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Mart:
    """A table of schema `marts`, the columns that identify a row, and its promises."""

    table: str
    key: tuple[str, ...]
    checks: tuple[Check, ...]

    def worded(self, settings: Settings, last_rows: int | None) -> "Mart":
        """Return the mart with figures in what it expects; `last_rows`: of the last release, if any."""
        last = "there is none yet" if last_rows is None else f"{last_rows:,} rows"
        checks = (
            replace(check, expected=check.expected.format(settings=settings, last_release=last))
            for check in self.checks
        )
        return replace(self, checks=tuple(checks))

    def of_touched(self) -> "Mart":
        """Return the mart with the checks that after an increment are asked of the rows that it touched."""
        checks = (
            replace(
                check,
                broken_keys=check.touched_keys or check.broken_keys,
                expected=f"{check.expected}; asked of what the increment touched",
            )
            for check in self.checks
            if not check.asks_all
        )
        return replace(self, checks=tuple(checks))

    def of_all(self) -> "Mart":
        """Return the mart with the checks that are always asked of all rows."""
        return replace(self, checks=tuple(check for check in self.checks if check.asks_all))

    def broken(self, problem: str) -> list[CheckResult]:
        """Return the results where nothing of the mart could be checked."""
        return [
            CheckResult(self.table, check, passed=False, broken=True, found=problem) for check in self.checks
        ]


def mart(table: str, key: tuple[str, ...], *checks: Check) -> Mart:
    """Return a mart with its own checks and those of every mart: its key is unique, it did not shrink."""
    return Mart(table, key, (unique(*key), *checks, ROWS_DID_NOT_DROP))


# `least_rows` is a suite parameter of Great Expectations: it follows from the last release.
ROWS_DID_NOT_DROP = Check(
    "rows_did_not_drop",
    "at most {settings.max_volume_drop:.0%} fewer rows than in the last release: {last_release}",
    "ExpectTableRowCountToBeBetween",
    {"min_value": {"$PARAMETER": "least_rows"}},
    of_all=True,
)
RESTAGED_ACCOUNTS = "select account_id from intermediate.int_restaged_accounts"
TOUCHED_DAYS = "select account_id, report_date from intermediate.int_touched_days"


def warning(check: Check) -> Check:
    """Return the same check as one that is shown but does not block."""
    return replace(check, severity="warn")


def filled(column: str) -> Check:
    """`column` is never null."""
    return Check(
        f"{column}_is_filled",
        f"no row without {column}",
        "ExpectColumnValuesToNotBeNull",
        {"column": column},
    )


def one_of(column: str, *values: str) -> Check:
    """`column` is null or one of `values`."""
    return Check(
        f"{column}_is_known",
        f"{column} is one of {', '.join(values)}",
        "ExpectColumnValuesToBeInSet",
        {"column": column, "value_set": list(values)},
    )


def between(column: str, least: float, most: float) -> Check:
    """`column` is null or within the two, both included."""
    return Check(
        f"{column}_is_in_range",
        f"{column} from {least} to {most}",
        "ExpectColumnValuesToBeBetween",
        {"column": column, "min_value": least, "max_value": most},
    )


def not_before(later: str, earlier: str) -> Check:
    """`later` is not before `earlier`, where both are filled."""
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
    """None of `columns` is below 0."""
    return Check(
        "measures_are_not_negative",
        f"nothing below 0 in {', '.join(columns)}",
        broken_where=f"least({', '.join(columns)}) < 0",
    )


def unique(*key: str) -> Check:
    """No two rows have the same `key`; null is a value like any other."""
    columns = ", ".join(key)
    return Check(
        "key_is_unique",
        f"one row for each {columns}",
        broken_keys=f"select {key_text(key)} as key from {{batch}} group by {columns} having count(*) > 1",
    )


def refers(column: str, table: str, key: str) -> Check:
    """Every filled `column` is found as `key` in `marts.<table>`."""
    return Check(
        f"{column}_is_in_{table}",
        f"every {column} stands in {table}",
        broken_keys=f"""
            select {column} as key from {{batch}} as rows
            anti join marts.{table} as known on rows.{column} = known.{key}
            where {column} is not null
            group by {column}
        """,
    )


def complete(
    table: str, entity: str, key: str, stood_before: str, exported: str = "", where: str = "true"
) -> Check:
    """The mart `table` holds exactly the records of `entity` that the exports gave, each once.

    - `stood_before`: the model of the rows that an increment touched, as they were checked before it
    - `exported`: the query of their accounts and ids, as the mart writes them, if not that of the raw files
    - `where`: of which rows of the mart this is true

    After an increment: the records of the files that are new, all of which touch a row, and the rows touched,
    none of which comes from elsewhere; of accounts that were staged again, everything.
    """
    ids = f"""
        select _account_id as account_id, _account_id || ':' || id as id
        from read_parquet(getvariable('raw_path') || '/{entity}/*/*.parquet', union_by_name = true)
    """
    new_ids = f"""
        {ids}
        where (_account_id, _file_id) in (
            select account_id, file_id from staging.stg_ingest__files where is_new
        )
    """

    def differing(rows: str, accounts: str) -> str:
        return f"""
            select coalesce(raw.id || ' is not in the mart', rows.{key} || ' is in no raw file') as key
            from (
                select distinct id from ({exported or ids}) where {accounts}
            ) as raw
            full join (from {rows} as rows where {where} and {accounts}) as rows on raw.id = rows.{key}
            where raw.id is null or rows.{key} is null
        """

    return Check(
        f"all_{entity}_arrived",
        f"a row for each of the {entity} in the raw files, and no other",
        broken_keys=differing("{batch}", "true"),
        touched_keys=f"""
            with new_records as (from ({new_ids}) where account_id not in ({RESTAGED_ACCOUNTS}))
            select new_records.id || ' is not in the mart' as key
            from new_records
            anti join {{batch}} as rows on new_records.id = rows.{key}
            group by new_records.id
            union all
            select rows.{key} || ' is in no raw file' as key
            from {{batch}} as rows
            anti join new_records on new_records.id = rows.{key}
            anti join intermediate.{stood_before} as before on before.{key} = rows.{key}
            where account_id not in ({RESTAGED_ACCOUNTS}) and {where}
            union all
            {differing(f"marts.{table}", f"account_id in ({RESTAGED_ACCOUNTS})")}
        """,
    )


def few_rejected(*entities: str) -> Check:
    """Of the records of each account and entity that came with the newest batch, few enough were refused.

    The newest batch, because a day of garbage must not hide behind years of good exports, and must not block
    for ever once a corrected export has come.
    """
    names = ", ".join(f"'{entity}'" for entity in entities)
    return Check(
        "few_records_were_rejected",
        f"at most {{settings.max_rejected_share:.1%}} of the newest batch's {' or '.join(entities)} refused",
        broken_keys=f"""
            select
                account_id || '/' || entity || ': ' || sum(records_rejected) || ' of ' || sum(records_read)
                || ' records, most in ' || array_to_string(max_by(file, records_rejected, 3), ', ') as key
            from (
                select *, batch_id = max(batch_id) over (partition by account_id, entity) as is_newest
                from read_parquet(getvariable('raw_path') || '/ingested_files/*.parquet')
                where entity in ({names}) and status = 'loaded'
            )
            where is_newest
            group by account_id, entity
            having sum(records_rejected) > getvariable('max_rejected_share') * sum(records_read)
        """,
    )


def no_file_refused(*entities: str) -> Check:
    """No file was refused as a whole, unless its path has since held one that was loaded."""
    names = ", ".join(f"'{entity}'" for entity in entities)
    return warning(
        Check(
            "no_file_was_refused",
            f"every file of {' or '.join(entities)} could be read",
            broken_keys=f"""
                select file as key
                from read_parquet(getvariable('raw_path') || '/ingested_files/*.parquet')
                where entity in ({names})
                group by file
                having max_by(status, batch_id) = 'rejected'
            """,
        )
    )


def same_totals(name: str, source: str, day: str, totals: Mapping[str, str]) -> Check:
    """For every account and day, the sums of the mart's columns are those of `source`.

    `source` is a table or a query in parentheses, `day` its date column; `totals` gives for each column of
    the mart the aggregate over `source` that it must equal.
    """
    here = ", ".join(f"sum({column})::double as {column}" for column in totals)
    there = ", ".join(f"({total})::double as {column}" for column, total in totals.items())

    def differing(days: str) -> str:
        return f"""
            select
                concat_ws(' ', account_id, day, total) || ': '
                || coalesce(here.value, 0) || ' instead of ' || coalesce(there.value, 0) as key
            from (
                unpivot (select account_id, report_date as day, {here} from {{batch}} as rows group by all)
                on columns(* exclude (account_id, day)) into name total value value
            ) as here
            full join (
                unpivot (select account_id, {day} as day, {there} from {source} where {days} group by all)
                on columns(* exclude (account_id, day)) into name total value value
            ) as there using (account_id, day, total)
            where abs(coalesce(here.value, 0) - coalesce(there.value, 0))
                > 1e-6 * greatest(1, abs(coalesce(there.value, 0)))
        """

    return Check(
        name,
        f"for every account and day the same {', '.join(totals)}",
        broken_keys=differing("true"),
        touched_keys=differing(f"(account_id, {day}) in ({TOUCHED_DAYS})"),
    )


def key_text(key: tuple[str, ...]) -> str:
    """Return the SQL that shows a row's key as one text."""
    return f"concat_ws(' ', {', '.join(key)})"
