"""Runs the checks of every mart on the candidate.

Belongs here: the use of Great Expectations. Does not: the conditions (`marts`), nor Dagster (`asset_checks`).
Importing this module imports Great Expectations, which takes seconds.

Each mart has one suite for all its rows and, after an incremental build, one for the rows that no release has
checked (see `Scope`). They run inside DuckDB on a read-only connection; no table is loaded into Python. Every
check has its own result, but few need their own scan:

- Great Expectations combines its expectations about single columns of a table into one query.
- All conditions on rows are combined into one query: whether any row violates any of them.
- Each query of rows or tables (keys, references, totals) runs once.

The first pass returns pass or fail only. Each failed check, and each check that shares a failed scan, then
runs alone for its count and examples. So invalid SQL of one check affects no other.
"""

import logging
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import great_expectations as gx
import great_expectations.expectations as gxe
import sqlalchemy
from great_expectations.core import ExpectationValidationResult
from great_expectations.datasource.fluent import SQLDatasource
from great_expectations.datasource.fluent.interfaces import Batch
from sqlalchemy.engine.cursor import FullyBufferedCursorFetchStrategy

from orchestration.common.sql import printable, quoted
from orchestration.quality.check import Check, CheckResult, Mart
from orchestration.quality.conditions import key_text
from orchestration.quality.marts import MARTS
from orchestration.quality.scope import Scope, read_scope
from orchestration.settings import Settings

EXAMPLES = 5
ROW_CONDITIONS = "row conditions"
SELECT_ROWS = "select * from main."

logging.getLogger("great_expectations").setLevel(logging.CRITICAL)  # it also returns what it logs


class ExpectNoBrokenKeys(gxe.UnexpectedRowsExpectation):
    """A query with one row that counts the violations. A query without rows fails."""

    metric_dependencies = ("unexpected_rows_query.table",)

    def _validate(self, metrics, runtime_configuration=None, execution_engine=None):
        [row] = metrics["unexpected_rows_query.table"]
        return {"success": row["found"] == 0, "result": row}


def run_gate(settings: Settings, marts: Iterable[Mart] = MARTS) -> list[CheckResult]:
    """Run every check of `marts` on the candidate. Return one result for each, in their order.

    If a table cannot be read, the results of its checks are broken. Raises if the candidate or the warehouse
    cannot be opened.
    """
    scope = read_scope(settings)
    with _candidate(settings, scope) as candidate:
        return [result for mart in marts for result in _run_mart(candidate, mart, settings, scope)]


@contextmanager
def _candidate(settings: Settings, scope: Scope) -> Iterator[SQLDatasource]:
    """Open the candidate read-only, with the seeds and the variables that the checks use."""
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    config = {"memory_limit": settings.memory_limit, "threads": settings.threads}
    candidate = context.data_sources.add_sql(
        "candidate",
        connection_string=f"duckdb:///{settings.candidate_path}",
        kwargs={"connect_args": {"read_only": True, "config": config}},
    )
    statements = _session(settings, scope)

    def prepare(connection, _record):
        for statement in statements:
            connection.cursor().execute(statement)

    # The first engine tests whether a table exists, the second runs the expectations.
    engines = [candidate.get_engine(), candidate.get_execution_engine().engine]
    try:
        sqlalchemy.event.listen(engines[1], "connect", prepare)
        sqlalchemy.event.listen(engines[1], "after_cursor_execute", _keep_result)
        yield candidate
    finally:
        for engine in engines:
            engine.dispose()


def _session(settings: Settings, scope: Scope) -> list[str]:
    """Return the statements that attach the seeds and set the variables of the checks."""
    variables = {
        "raw_path": quoted(settings.raw_path),
        "hash_key_path": quoted(settings.hash_key_path),
        "max_rejected_share": str(settings.max_rejected_share),
        "max_volume_drop": str(settings.max_volume_drop),
        "stale_after_hours": str(settings.stale_after_hours),
        "build_ids": "null" if scope.build_ids is None else _list(scope.build_ids),
        "checked_batches": _list(scope.checked_batches),
    }
    return [
        f"attach if not exists {quoted(settings.warehouse_path)} as warehouse (read_only)",
        *(f"set variable {name} = {value}" for name, value in variables.items()),
    ]


def _list(values: Iterable[str]) -> str:
    return f"[{', '.join(map(quoted, values))}]::varchar[]"


def _keep_result(_connection, cursor, statement, _parameters, context, _many):
    # Great Expectations closes the connection before it fetches, and DuckDB then drops the result. It also
    # runs the query of a batch, but only for the column names.
    if cursor.description:
        rows = [] if statement.startswith(SELECT_ROWS) else cursor.fetchall()
        context.cursor_fetch_strategy = FullyBufferedCursorFetchStrategy(cursor, cursor.description, rows)


def _run_mart(candidate: SQLDatasource, mart: Mart, settings: Settings, scope: Scope) -> list[CheckResult]:
    last_rows = scope.last_rows.get(mart.table)
    mart = mart.formatted(settings, last_rows)
    parameters = {"least_rows": math.ceil((last_rows or 0) * (1 - settings.max_volume_drop))}
    try:
        asset = candidate.add_table_asset(mart.table, table_name=mart.table, schema_name="main")
        batch = asset.add_batch_definition_whole_table("all rows").get_batch()
        if scope.build_ids is None or not mart.is_incremental:
            return _run_suite(batch, mart, parameters)
        new_row_mart = replace(mart, checks=tuple(check for check in mart.checks if check.is_scoped))
        whole_mart = replace(mart, checks=tuple(check for check in mart.checks if not check.is_scoped))
        ids = ", ".join(map(quoted, scope.build_ids)) or "null"
        query = f"{SELECT_ROWS}{mart.table} where build_id in ({ids})"
        asset = candidate.add_query_asset(f"{mart.table}, new rows", query)
        new_batch = asset.add_batch_definition_whole_table("new rows").get_batch()
        results = [
            *map(_note_new_rows, _run_suite(new_batch, new_row_mart, parameters)),
            *_run_suite(batch, whole_mart, parameters),
        ]
        order = [check.name for check in mart.checks]
        return sorted(results, key=lambda result: order.index(result.check.name))
    except Exception as error:
        return mart.broken(str(error))


def _note_new_rows(result: CheckResult) -> CheckResult:
    return result if result.broken else replace(result, found=f"{result.found}, in the rows not yet released")


def _run_suite(batch: Batch, mart: Mart, parameters: dict) -> list[CheckResult]:
    suspects = _suspects(batch, mart, parameters)
    return [
        _examine(batch, mart, check, parameters) if check.name in suspects else CheckResult(mart.table, check)
        for check in mart.checks
    ]


def _suspects(batch: Batch, mart: Mart, parameters: dict) -> set[str]:
    """Run all checks of a mart together. Return the names of those that may have failed."""
    conditions = {check.name: check.broken_where for check in mart.checks if check.broken_where}
    expectations = [_expectation(mart, check) for check in mart.checks if not check.broken_where]
    if conditions:
        any_broken = " or ".join(f"({condition})" for condition in conditions.values())
        query = f"select count(*) as found from {{batch}} where {any_broken}"
        expectations.append(ExpectNoBrokenKeys(unexpected_rows_query=query, meta={"check": ROW_CONDITIONS}))
    outcomes = _validate(batch, expectations, parameters, "BOOLEAN_ONLY")
    failed = {outcome.expectation_config.meta["check"] for outcome in outcomes if not outcome.success}
    return failed | set(conditions) if ROW_CONDITIONS in failed else failed


def _examine(batch: Batch, mart: Mart, check: Check, parameters: dict) -> CheckResult:
    """Run one check alone, for its count of violations and examples."""
    details = {
        "result_format": "SUMMARY",
        "unexpected_index_column_names": list(mart.key),
        "partial_unexpected_count": EXAMPLES,
    }
    [outcome] = _validate(batch, [_expectation(mart, check)], parameters, details)
    if outcome.success:
        return CheckResult(mart.table, check)
    if problem := _problem(outcome):
        return CheckResult(mart.table, check, passed=False, broken=True, found=problem)
    result = outcome.result
    if "found" in result:
        found, keys = _violations(result["found"]), result["examples"]
    elif "unexpected_count" in result:
        found = _violations(result["unexpected_count"])
        keys = [
            " ".join(str(row[column]) for column in mart.key if row[column] is not None)
            for row in result["partial_unexpected_index_list"]
        ]
    else:
        found, keys = f"{result['observed_value']:,} rows", []
    return CheckResult(
        mart.table,
        check,
        passed=False,
        found=found,
        examples=tuple(printable(key) if key else "(no key)" for key in keys),
    )


def _violations(count: int) -> str:
    return f"{count:,} violation{'' if count == 1 else 's'}"


def _validate(
    batch: Batch, expectations: list, parameters: dict, result_format
) -> list[ExpectationValidationResult]:
    suite = gx.ExpectationSuite("suite", expectations=expectations)
    return batch.validate(suite, result_format=result_format, expectation_parameters=parameters).results


def _expectation(mart: Mart, check: Check) -> gxe.Expectation:
    """Return the expectation of one check."""
    meta = {"check": check.name}
    if check.expectation:
        return getattr(gxe, check.expectation)(**check.arguments, meta=meta)
    keys = (
        check.broken_keys or f"select {key_text(mart.key)} as key from {{batch}} where {check.broken_where}"
    )
    query = f"""
        select count(*) as found, min(coalesce(nullif(key, ''), '(no key)'), {EXAMPLES}) as examples
        from ({keys})
    """
    if "{batch}" not in query:
        # Prevents a warning of Great Expectations: a check of other tables needs no batch.
        query += " /* {batch} */"
    return ExpectNoBrokenKeys(unexpected_rows_query=query, meta=meta)


def _problem(outcome: ExpectationValidationResult) -> str | None:
    """Return why an expectation could not run, or None. There can be one error per metric."""
    information = outcome.exception_info or {}
    problems = [
        problem["exception_message"] for problem in information.values() if isinstance(problem, Mapping)
    ] or [information.get("exception_message")]
    return problems[0] and problems[0].partition("\n[SQL:")[0]
