"""The vocabulary of the quality gate: a check, the mart that it belongs to, and its result.

Belongs here: what a check consists of and which rows it looks at. Does not: conditions that many marts share
(`conditions`), the checks of one mart (`marts`), nor how the database evaluates them (`gate`). Nothing here
imports Great Expectations, which takes seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from orchestration.settings import Settings

Severity = Literal["error", "warn"]


@dataclass(frozen=True)
class Check:
    """A condition that holds for a mart, in exactly one of three forms.

    - `expectation` and `arguments`: an expectation of Great Expectations, by the name of its class
    - `broken_where`: an SQL condition that is true for the rows that break the check
    - `broken_keys`: a query of one text column `key`, with a row for each violation

    A check of one row's values (an expectation on columns, `broken_where`) is row-level; any other is about
    the whole table. A row-level check that blocks looks at the rows built since the published release; all
    other checks, and all warnings, look at the whole table. Severity `warn` never blocks a release.

    SQL names the tables of the candidate without a schema, and the seeds as `warehouse.seeds.<seed>`. In
    `broken_keys`, `{batch}` is the mart itself; give it an alias if, and only if, the query joins. SQL reads
    variables by `getvariable('…')`: raw_path, hash_key_path, max_rejected_share, max_volume_drop,
    stale_after_hours, and the build_ids and checked_batches of `Scope`.

    `expected` may contain `{settings.…}` and `{last_release}`.
    """

    name: str
    expected: str
    expectation: str = ""
    arguments: Mapping = field(default_factory=dict)
    broken_where: str = ""
    broken_keys: str = ""
    severity: Severity = "error"

    @property
    def is_row_level(self) -> bool:
        """Return whether one row shows if the check holds for it."""
        return bool(self.broken_where) or self.expectation.startswith("ExpectColumn")

    @property
    def is_scoped(self) -> bool:
        """Return whether the check needs to look only at rows that no earlier release has checked."""
        return self.is_row_level and self.severity == "error"


@dataclass(frozen=True)
class CheckResult:
    """The outcome of a check: what was `found`, and up to five `examples`, the keys of violations.

    `broken`: the check itself failed to run. Nothing is known about the data, so the check has not passed.
    """

    table: str
    check: Check
    passed: bool = True
    broken: bool = False
    found: str = "as expected"
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Mart:
    """A table of the candidate, the columns that identify a row, and its checks.

    `is_incremental`: its column `build_id` says which build made a row.
    """

    table: str
    key: tuple[str, ...]
    checks: tuple[Check, ...]
    is_incremental: bool = False

    def formatted(self, settings: Settings, last_rows: int | None) -> "Mart":
        """Return the mart with figures in `expected`; `last_rows`: of the last release, if there is one."""
        last = "there is none yet" if last_rows is None else f"{last_rows:,} rows"
        checks = (
            replace(check, expected=check.expected.format(settings=settings, last_release=last))
            for check in self.checks
        )
        return replace(self, checks=tuple(checks))

    def broken(self, problem: str) -> list[CheckResult]:
        """Return a result for each check where none of them could run."""
        return [
            CheckResult(self.table, check, passed=False, broken=True, found=problem) for check in self.checks
        ]
