"""Loading a group of files: count, type and write the records as accepted or rejected.

Belongs here: the order of the queries, and the check that every record read is accepted or rejected. Does
not: the SQL that reads (`parsing.readers`) and types (`parsing.typing`), nor the outcome of a file that
cannot be loaded (`batch`).
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from orchestration.common.sql import quoted
from orchestration.ingest.batch_files import BatchFiles
from orchestration.ingest.parsing import envelopes, readers
from orchestration.ingest.parsing.engine_errors import UNREADABLE
from orchestration.ingest.parsing.layouts import Layout, unknown_columns
from orchestration.ingest.parsing.typing import (
    certain,
    is_too_late,
    month_first_dates,
    named,
    raw_columns,
    too_late_problem,
    typed,
)
from orchestration.ingest.platforms.schema import Source
from orchestration.ingest.raw_store import ledger
from orchestration.ingest.raw_store.ledger import REJECTED

FILE_COUNTS = (
    "path VARCHAR, lines BIGINT, records BIGINT, unknown_fields VARCHAR[], has_repeated_keys BOOLEAN"
)


class RecordCountError(Exception):
    """The records read from a file differ from those accepted and rejected. This is a bug."""


@dataclass(frozen=True)
class Group:
    """The attributes that files must share to be read together."""

    platform: str
    source: Source
    zone: str
    layout: Layout

    @property
    def can_be_plain(self) -> bool:
        """Whether the engine's JSON lines reader fits: a line without any field must be invalid."""
        requires = any(field.required for field in self.source.entity.fields)
        return self.layout.kind == "lines" and not self.source.nested and requires


class Loader:
    """Loads the files of one group of a batch.

    It keeps the paths of files with a repeated key in a record (`repeating`), with a date that has the month
    first (`month_first`), and with a record that the fast path cannot judge (`in_doubt`).
    """

    def __init__(self, files: BatchFiles, group: Group) -> None:
        self.files = files
        self.group = group
        self.con = files.con
        self.entity = group.source.entity
        self.repeating: set[str] = set()
        self.month_first: set[str] = set()
        self.in_doubt: set[str] = set()

    def load(self, paths: list[str]) -> list[tuple[Path, Path]]:
        """Load the files, and return the Parquet files written, each with its target folder."""
        simple = self._count_records(paths) - self.in_doubt
        outputs = self._load_plain(sorted(simple))
        others = sorted(set(paths) - (simple - self.in_doubt))
        thorough, known = [], -1
        while known < len(self.month_first):
            known = len(self.month_first)
            thorough = self._load_thoroughly(others)
        for path in paths:
            self._check_record_counts(path)
        return outputs + thorough

    def _load_plain(self, paths: list[str]) -> list[tuple[Path, Path]]:
        """Load files with the engine's JSON lines reader. Adds those it cannot judge to `in_doubt`."""
        if not paths:
            return []
        # Parallel reads would otherwise wait for each other.
        self.con.execute("SET preserve_insertion_order = false")
        try:
            certain = self._accept(self._certain(paths), paths)
            doubtful = self._doubtful(paths)
            self.in_doubt.update(doubtful)
            readable = [path for path in paths if path not in self.in_doubt]
            if not readable:
                return []
            if doubtful:
                kept = ", ".join(quoted(self.files.outcomes[path].file) for path in readable)
                rows = f"SELECT * FROM read_parquet({quoted(certain)}) WHERE _file IN ({kept})"
                certain = self._accept(rows, readable)
        finally:
            self.con.execute("RESET preserve_insertion_order")
        return [(certain, self._raw_folder())]

    def _load_thoroughly(self, paths: list[str]) -> list[tuple[Path, Path]]:
        """Load files of any kind, with the text of every record."""
        if not paths:
            return []
        valid = f"SELECT * FROM ({self._located(paths)}) WHERE _problem IS NULL"
        outputs = [(self._accept(valid, paths), self._raw_folder())]
        doubtful = self._doubtful(paths)
        if doubtful:
            if self._finds_month_first(readers.records(doubtful, self.group.layout, self.group.source)):
                return []
            outputs.append(self._reject(self._located(doubtful)))
        return outputs

    def _accept(self, records: str, paths: list[str]) -> Path:
        """Write the accepted records of these files, and record their number per file."""
        for path in paths:
            self.files.outcomes[path].records_accepted = self.files.outcomes[path].records_rejected = 0
        accepted = self.files.write(records, raw_columns(self.entity))
        self._count_accepted(accepted)
        return accepted

    def _raw_folder(self) -> Path:
        return ledger.raw_folder(self.files.settings, self.entity.name, self.group.platform)

    def _doubtful(self, paths: list[str]) -> list[str]:
        files = self.files.outcomes
        return [path for path in paths if files[path].records_accepted != files[path].records_read]

    def _reject(self, located: str) -> tuple[Path, Path]:
        """Write the records that have a problem, and return the Parquet file and its folder."""
        rejected = self.files.write(
            f"""SELECT _account_id AS account_id, {quoted(self.group.platform)} AS platform, _file AS file,
                {quoted(self.entity.name)} AS entity, _file_id AS file_id, _line AS line,
                _raw AS raw, _problem.field AS field, _problem.value AS value,
                _problem.reason AS reason, _problem.remedy AS remedy, {self.files.stamps}
            FROM ({located}) WHERE _problem IS NOT NULL AND _raw IS NOT NULL""",
            REJECTED,
        )
        self._count_rejected(rejected)
        return rejected, self.files.settings.rejected_path

    def _finds_month_first(self, records: str) -> bool:
        """Add files that have a date with the month first to `month_first`. Return whether any was added."""
        known = len(self.month_first)
        select = month_first_dates(records, self.entity, self.group.layout.is_json)
        self.month_first.update(path for (path,) in self.con.execute(select).fetchall())
        return len(self.month_first) > known

    def _count_records(self, paths: list[str]) -> set[str]:
        """Count the records of the files before typing, to compare with the result of the load.

        Return the paths of the plain files: JSON lines without blank lines or repeated keys.
        """
        plain = self._count_plain_records(paths)
        others = [path for path in paths if path not in plain]
        if others:
            self.con.execute(
                f"INSERT INTO file_counts {readers.file_counts(others, self.group.layout, self.group.source)}"
            )
        for path, lines, records, unknown, repeats in self.con.execute("FROM file_counts").fetchall():
            outcome = self.files.outcomes[path]
            if repeats:
                self.repeating.add(path)
            if lines != self.files.lines.get(path, lines):
                raise RecordCountError(
                    f"{outcome.file}: {self.files.lines[path]} lines, but {lines} were read"
                )
            outcome.records_read = lines if path in plain else records - self.group.layout.header_lines
            if not self.group.source.is_in_envelope:
                outcome.unknown_fields = unknown or unknown_columns(self.group.layout, self.entity)
        unknown_keys = envelopes.unknown_keys(paths, self.group.layout, self.group.source)
        if unknown_keys:
            for path, name in self.con.execute(f"{unknown_keys} ORDER BY ALL").fetchall():
                self.files.outcomes[path].unknown_fields.append(name)
        return plain

    def _count_plain_records(self, paths: list[str]) -> set[str]:
        self.con.execute(f"CREATE OR REPLACE TEMP TABLE file_counts ({FILE_COUNTS})")
        if not self.group.can_be_plain:
            return set()
        try:
            self.con.execute(f"INSERT INTO file_counts {readers.plain_file_counts(paths, self.group.source)}")
        except UNREADABLE:
            return set()
        counts = self.con.execute(
            "SELECT path, lines FROM file_counts WHERE NOT has_repeated_keys"
        ).fetchall()
        plain = {path for path, lines in counts if lines == self.files.lines[path]}
        self.con.execute(
            "DELETE FROM file_counts WHERE path NOT IN (SELECT unnest(CAST($plain AS VARCHAR[])))",
            {"plain": [*plain]},
        )
        return plain

    def _certain(self, paths: list[str]) -> str:
        """Return the SELECT of the certainly valid records of plain files, in the shape of `_located`.

        The engine numbers lines correctly only on one thread. So the files are divided among as many reads as
        there are threads.
        """
        threads = self.con.execute("SELECT current_setting('threads')").fetchone()[0]
        shares = _shares(paths, min(threads, len(paths)), lambda path: self.files.outcomes[path].bytes)
        entity, scale = self.entity, self.files.scales[self.group.platform]
        numbered = " UNION ALL ".join(
            f"SELECT *, row_number() OVER () AS _n FROM ({records})"
            for share in shares
            for records in [certain(readers.plain_records(share, entity), entity, self.group.zone, scale)]
        )
        origins = " UNION ALL ".join(self._origins(share) for share in shares)
        return f"""
            SELECT *, _n - _before AS _line, 1 AS _position, '{self.files.batch_id}' AS _batch_id
            FROM ({numbered}) JOIN ({origins}) USING (_path)
            WHERE _is_certain AND NOT {is_too_late(entity, "_latest")}"""

    def _origins(self, paths: list[str]) -> str:
        """Return the SELECT of the ledger columns of these files and the number of lines before each."""
        return f"""
            SELECT path AS _path, file AS _file, file_id AS _file_id, account_id AS _account_id,
                make_timestamp(ingested_us) + INTERVAL 24 HOURS AS _latest,
                CAST(sum(lines) OVER (ORDER BY path) - lines AS BIGINT) AS _before
            FROM files JOIN file_counts USING (path) WHERE path IN ({", ".join(map(quoted, paths))})"""

    def _located(self, paths: list[str]) -> str:
        """Return the SELECT of the typed records of these files, each with its lineage.

        Lines are numbered across the files in one pass. A line with several records counts at the first. The
        engine cannot push a filter on `_problem` below the numbering, so it does not type a record twice.
        """
        records = readers.records(paths, self.group.layout, self.group.source)
        scale = self.files.scales[self.group.platform]
        repeating, month_first = self.repeating.intersection(paths), self.month_first.intersection(paths)
        typed_records = typed(
            records, self.entity, self.group.zone, scale, self.group.layout.is_json, repeating, month_first
        )
        return f"""
            SELECT * REPLACE (coalesce(_problem, {too_late_problem(self.entity, "_latest")}) AS _problem),
                _n - _before AS _line, '{self.files.batch_id}' AS _batch_id
            FROM (SELECT *, count(*) FILTER (_position = 1) OVER (ROWS UNBOUNDED PRECEDING) AS _n
                FROM ({typed_records}))
            JOIN ({self._origins(paths)}) USING (_path)
            WHERE _n - _before > {self.group.layout.header_lines}"""

    def _count_accepted(self, parquet: Path) -> None:
        instants = [named(f.name) for f in self.entity.fields if f.kind == "instant"] or [
            "CAST(NULL AS TIMESTAMP)"
        ]
        earliest = f"least({', '.join(f'min({instant})' for instant in instants)})"
        latest = f"greatest({', '.join(f'max({instant})' for instant in instants)})"
        rows = self.con.execute(f"""
            SELECT path, n, earliest, latest FROM files JOIN (
                SELECT _file AS file, count(*) AS n, epoch_us({earliest}) AS earliest,
                    epoch_us({latest}) AS latest
                FROM read_parquet({quoted(str(parquet))}) GROUP BY ALL) USING (file)
            WHERE entity = {quoted(self.entity.name)}""")
        for path, records, first_us, last_us in rows.fetchall():
            outcome = self.files.outcomes[path]
            outcome.records_accepted, outcome.first_us, outcome.last_us = records, first_us, last_us

    def _count_rejected(self, parquet: Path) -> None:
        rows = self.con.execute(f"""
            SELECT path, n FROM files JOIN (
                SELECT file, entity, count(*) AS n FROM read_parquet({quoted(str(parquet))})
                GROUP BY ALL) USING (file, entity)""")
        for path, records in rows.fetchall():
            self.files.outcomes[path].records_rejected = records

    def _check_record_counts(self, path: str) -> None:
        outcome = self.files.outcomes[path]
        if outcome.records_read != outcome.records_accepted + outcome.records_rejected:
            raise RecordCountError(
                f"{outcome.file}: {outcome.records_read} records read, but"
                f" {outcome.records_accepted} accepted and {outcome.records_rejected} rejected"
            )


def _shares(paths: list[str], shares: int, size: Callable[[str], int]) -> list[list[str]]:
    """Divide paths into this number of non-empty shares of similar total size."""
    parts: list[list[str]] = [[] for _ in range(shares)]
    smallest = [(0, number) for number in range(shares)]
    for path in sorted(paths, key=size, reverse=True):
        total, number = smallest[0]
        parts[number].append(path)
        # One more byte per file also distributes empty files.
        heapq.heapreplace(smallest, (total + size(path) + 1, number))
    return [sorted(part) for part in parts]
