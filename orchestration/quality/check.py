"""The classes of the quality gate: a check, its mart, and its result.

Belongs here: the parts of a check, and the rows that it covers. Does not: conditions that several marts share
(`conditions`), the checks of one mart (`marts`), nor their evaluation (`gate`). Nothing here imports Great
Expectations, which takes seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from orchestration.settings import Settings

Severity = Literal["error", "warn"]


@dataclass(frozen=True)
class Check:
    """A condition on a mart, in exactly one of three forms.

    - `expectation` and `arguments`: class name and arguments of a Great Expectations expectation
    - `broken_where`: SQL condition that is true for rows that violate the check
    - `broken_keys`: query with one text column `key` and one row per violation

    A check on the values of single rows (an expectation on columns, `broken_where`) is row-level. All others
    cover the whole table. A blocking row-level check covers the rows built since the published release; other
    checks, and all warnings, cover the whole table. Severity `warn` never blocks a release.

    SQL names the tables of the candidate without a schema, and seeds as `warehouse.seeds.<seed>`. In
    `broken_keys`, `{batch}` is the mart; give it an alias if, and only if, the query joins. SQL can use
    `getvariable('…')` for raw_path, hash_key_path, max_rejected_share, max_volume_drop, stale_after_hours,
    and the build_ids and checked_batches of `Scope`.

    `expected` can contain `{settings.…}` and `{last_release}`.
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
        """Whether a single row is enough to check it."""
        return bool(self.broken_where) or self.expectation.startswith("ExpectColumn")

    @property
    def is_scoped(self) -> bool:
        """Whether the check covers only rows that no earlier release has checked."""
        return self.is_row_level and self.severity == "error"


@dataclass(frozen=True)
class CheckResult:
    """The outcome of a check.

    - `broken`: the check could not run, so it has not passed
    - `found`: a summary of the violations
    - `examples`: keys of up to five violations
    """

    table: str
    check: Check
    passed: bool = True
    broken: bool = False
    found: str = "as expected"
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Mart:
    """A table of the candidate, its key columns, and its checks.

    - `is_incremental`: whether it has a column `build_id`
    """

    table: str
    key: tuple[str, ...]
    checks: tuple[Check, ...]
    is_incremental: bool = False

    def formatted(self, settings: Settings, last_rows: int | None) -> "Mart":
        """Return the mart with the values in `expected`. `last_rows` is its row count in the last release."""
        last = "there is none yet" if last_rows is None else f"{last_rows:,} rows"
        checks = (
            replace(check, expected=check.expected.format(settings=settings, last_release=last))
            for check in self.checks
        )
        return replace(self, checks=tuple(checks))

    def broken(self, problem: str) -> list[CheckResult]:
        """Return a broken result for each check."""
        return [
            CheckResult(self.table, check, passed=False, broken=True, found=problem) for check in self.checks
        ]
