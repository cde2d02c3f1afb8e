"""Puts every mart's promises to the candidate warehouse and says what came of each.

Belongs here: how Great Expectations is driven. Does not: what is expected (the marts' modules), nor Dagster
(`checks`). Importing this module imports Great Expectations, which takes seconds.

One suite a mart, run inside DuckDB on a read-only connection; no table comes to Python. Each promise is a
check of its own, whose name says what is wrong, yet few of them cost a scan of their own:

- Great Expectations itself puts its expectations about single columns of a table into one query;
- the conditions on rows go into one query too: does any row break any of them;
- a query between rows or tables (keys, references, totals) is one run.

Where the candidate only adds to what was checked and published, the checks that block are asked of the rows
that the increment touched; warnings, which are to stay as long as what they warn of, are asked of all.

This first pass only says yes or no. A check that did not pass, or shared a scan that did not, is then run
again by itself, for the count and the examples; so one whose SQL is broken takes no other with it.
"""

import logging
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import great_expectations as gx
import great_expectations.expectations as gxe
import sqlalchemy
from great_expectations.core import ExpectationValidationResult
from great_expectations.datasource.fluent import SQLDatasource
from great_expectations.datasource.fluent.interfaces import Batch
from sqlalchemy.engine.cursor import FullyBufferedCursorFetchStrategy

from orchestration.common.sql import printable
from orchestration.publish.release import current_release
from orchestration.publish.tables import touched, touched_rows
from orchestration.quality.check import Check, CheckResult, Mart, key_text
from orchestration.quality.marts import MARTS
from orchestration.settings import Settings
from orchestration.warehouse.candidate import read_built

EXAMPLES = 5
ROW_CONDITIONS = "row conditions"
READ_TOUCHED = "select * from touched_"

logging.getLogger("great_expectations").setLevel(logging.CRITICAL)  # what it logs, it also returns


class ExpectNoBrokenKeys(gxe.UnexpectedRowsExpectation):
    """A query of one row that counts what breaks the promise; without that row, nothing is proved."""

    metric_dependencies = ("unexpected_rows_query.table",)

    def _validate(self, metrics, runtime_configuration=None, execution_engine=None):
        [row] = metrics["unexpected_rows_query.table"]
        return {"success": row["found"] == 0, "result": row}


def run_gate(settings: Settings, marts: Iterable[Mart] = MARTS) -> list[CheckResult]:
    """Run every check of `marts` on the candidate; one result for each, in their order.

    Where a table cannot be read, its checks come back as broken. Raises where the warehouse cannot.
    """
    release, built = current_release(settings), read_built(settings)
    last_rows = release.rows if release else {}
    adds = bool(release and built and built.base == release.fingerprint)
    with _warehouse(settings) as warehouse:
        return [
            result
            for mart in marts
            for result in _run_mart(warehouse, mart, settings, last_rows.get(mart.table), adds)
        ]


@contextmanager
def _warehouse(settings: Settings) -> Iterator[SQLDatasource]:
    """Open the candidate for reading, on connections that know the settings which checks read."""
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    config = {"memory_limit": settings.memory_limit, "threads": settings.threads}
    warehouse = context.data_sources.add_sql(
        "warehouse",
        connection_string=f"duckdb:///{settings.warehouse_path}",
        kwargs={"connect_args": {"read_only": True, "config": config}},
    )
    paths = {"raw_path": str(settings.raw_path), "hash_key_path": str(settings.hash_key_path)}
    variables = paths | settings.model_dump(
        include={"max_rejected_share", "max_volume_drop", "stale_after_hours"}
    )

    def set_variables(connection, _record):
        for name, value in variables.items():
            connection.cursor().execute(f"set variable {name} = ?", [value])

    # One tests that a table is there, the other runs the expectations.
    engines = [warehouse.get_engine(), warehouse.get_execution_engine().engine]
    try:
        sqlalchemy.event.listen(engines[1], "connect", set_variables)
        sqlalchemy.event.listen(engines[1], "after_cursor_execute", _keep_result)
        yield warehouse
    finally:
        for engine in engines:
            engine.dispose()


def _keep_result(_connection, cursor, statement, _parameters, context, _many):
    # Great Expectations closes its connection before it fetches, and DuckDB then drops what was not fetched.
    # A batch that is a query it first runs as it stands, but only for the names of the columns.
    if cursor.description:
        rows = [] if statement.startswith(READ_TOUCHED) else cursor.fetchall()
        context.cursor_fetch_strategy = FullyBufferedCursorFetchStrategy(cursor, cursor.description, rows)


def _run_mart(
    warehouse: SQLDatasource, mart: Mart, settings: Settings, last_rows: int | None, adds: bool
) -> list[CheckResult]:
    mart = mart.worded(settings, last_rows)
    parameters = {"least_rows": math.ceil((last_rows or 0) * (1 - settings.max_volume_drop))}
    try:
        asset = warehouse.add_table_asset(mart.table, table_name=mart.table, schema_name="marts")
        batch = asset.add_batch_definition_whole_table("all rows").get_batch()
        if not (adds and touched(mart.table)):
            return _ask(batch, mart, parameters)
        asset = warehouse.add_query_asset(f"{mart.table}, touched", _touched_rows(warehouse, mart.table))
        part = asset.add_batch_definition_whole_table("touched rows").get_batch()
        results = _ask(part, mart.of_touched(), parameters) + _ask(batch, mart.of_all(), parameters)
        order = [check.name for check in mart.checks]
        return sorted(results, key=lambda result: order.index(result.check.name))
    except Exception as error:
        return mart.broken(str(error))


def _touched_rows(warehouse: SQLDatasource, table: str) -> str:
    """Put the rows that an increment touched aside, once for all checks; return the query that reads them."""
    with warehouse.get_execution_engine().engine.begin() as connection:
        connection.exec_driver_sql(f"create temp table touched_{table} as {touched_rows(table)}")
    return f"{READ_TOUCHED}{table}"


def _ask(batch: Batch, mart: Mart, parameters: dict) -> list[CheckResult]:
    doubtful = _doubtful(batch, mart, parameters)
    return [
        _examine(batch, mart, check, parameters) if check.name in doubtful else CheckResult(mart.table, check)
        for check in mart.checks
    ]


def _doubtful(batch: Batch, mart: Mart, parameters: dict) -> set[str]:
    """Run all checks of a mart together; return the names of those that did not pass."""
    conditions = {check.name: check.broken_where for check in mart.checks if check.broken_where}
    expectations = [_expectation(mart, check) for check in mart.checks if not check.broken_where]
    if conditions:
        any_broken = " or ".join(f"({condition})" for condition in conditions.values())
        query = f"select count(*) as found from {{batch}} where {any_broken}"
        expectations.append(ExpectNoBrokenKeys(unexpected_rows_query=query, meta={"check": ROW_CONDITIONS}))
    outcomes = _validate(batch, expectations, parameters, "BOOLEAN_ONLY")
    doubtful = {outcome.expectation_config.meta["check"] for outcome in outcomes if not outcome.success}
    return doubtful | set(conditions) if ROW_CONDITIONS in doubtful else doubtful


def _examine(batch: Batch, mart: Mart, check: Check, parameters: dict) -> CheckResult:
    """Run one check by itself, for what was found and for examples."""
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
        found, keys = f"broken by {result['found']:,}", result["examples"]
    elif "unexpected_count" in result:
        found = f"broken by {result['unexpected_count']:,}"
        keys = [
            " ".join(str(row[column]) for column in mart.key if row[column] is not None)
            for row in result["partial_unexpected_index_list"]
        ]
    else:
        found, keys = f"{result['observed_value']:,}", []
    return CheckResult(
        mart.table,
        check,
        passed=False,
        found=found,
        examples=tuple(printable(key) if key else "(no key)" for key in keys),
    )


def _validate(
    batch: Batch, expectations: list, parameters: dict, result_format
) -> list[ExpectationValidationResult]:
    suite = gx.ExpectationSuite("suite", expectations=expectations)
    return batch.validate(suite, result_format=result_format, expectation_parameters=parameters).results


def _expectation(mart: Mart, check: Check) -> gxe.Expectation:
    """Return the expectation that runs one check by itself."""
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
        # Great Expectations would print a complaint, but a check between other tables needs no batch.
        query += " /* {batch} */"
    return ExpectNoBrokenKeys(unexpected_rows_query=query, meta=meta)


def _problem(outcome: ExpectationValidationResult) -> str | None:
    """Return why an expectation could not run, if so; told for each figure that could not be got."""
    information = outcome.exception_info or {}
    problems = [
        problem["exception_message"] for problem in information.values() if isinstance(problem, Mapping)
    ] or [information.get("exception_message")]
    return problems[0] and problems[0].partition("\n[SQL:")[0]
