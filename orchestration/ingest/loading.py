"""Loading a group of files: its records are counted, typed, and written as accepted or rejected.

Belongs here: the order of the queries, and the proof that every record read was accepted or rejected. Does
not: the SQL that reads (`parsing.readers`) and types (`parsing.typing`), nor what becomes of a file that
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
from orchestration.ingest.parsing.readers import Layout
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

CENSUS = "path VARCHAR, lines BIGINT, records BIGINT, unknown_fields VARCHAR[], has_repeated_keys BOOLEAN"


class ConservationError(Exception):
    """Records read of a file are not the records accepted and rejected: a fault of this program."""


@dataclass(frozen=True)
class Group:
    """What files must have in common to be read together."""

    platform: str
    source: Source
    zone: str
    layout: Layout

    @property
    def can_be_plain(self) -> bool:
        """Whether the engine's own reader of JSON lines may do: a line without any field must be in doubt."""
        requires = any(field.required for field in self.source.entity.fields)
        return self.layout.kind == "lines" and not self.source.nested and requires


class Loader:
    """Loads the files of a batch that belong to one group.

    It remembers the paths of files with a record that names a key twice (`repeating`), with a date that has
    its month first (`month_first`), and with a line that needs its text (`in_doubt`).
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
        """Return the files written, each with its folder."""
        simple = self._take_census(paths) - self.in_doubt
        outputs = self._load_plain(sorted(simple))
        others = sorted(set(paths) - (simple - self.in_doubt))
        thorough, known = [], -1
        while known < len(self.month_first):
            known = len(self.month_first)
            thorough = self._load_thoroughly(others)
        for path in paths:
            self._prove(path)
        return outputs + thorough

    def _load_plain(self, paths: list[str]) -> list[tuple[Path, Path]]:
        """Load those files that the engine can read as JSON lines; note the others, with a line in doubt."""
        if not paths:
            return []
        self.con.execute("SET preserve_insertion_order = false")  # else one share would wait for the other
        try:
            certain = self._accept(self._certain(paths), paths)
            doubtful = self._doubtful(paths)
            self.in_doubt.update(doubtful)
            sound = [path for path in paths if path not in self.in_doubt]
            if not sound:
                return []
            if doubtful:
                kept = ", ".join(quoted(self.files.outcomes[path].file) for path in sound)
                rows = f"SELECT * FROM read_parquet({quoted(certain)}) WHERE _file IN ({kept})"
                certain = self._accept(rows, sound)
        finally:
            self.con.execute("RESET preserve_insertion_order")
        return [(certain, self._raw_folder())]

    def _load_thoroughly(self, paths: list[str]) -> list[tuple[Path, Path]]:
        """Load files of any kind, every record with its text at hand."""
        if not paths:
            return []
        sound = f"SELECT * FROM ({self._located(paths)}) WHERE _problem IS NULL"
        outputs = [(self._accept(sound, paths), self._raw_folder())]
        doubtful = self._doubtful(paths)
        if doubtful:
            if self._finds_month_first(readers.records(doubtful, self.group.layout, self.group.source)):
                return []
            outputs.append(self._reject(self._located(doubtful)))
        return outputs

    def _accept(self, records: str, paths: list[str]) -> Path:
        """Write the accepted records of these files, and note how many each has."""
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
        """Write those of the located records that have a problem; return the file and its folder."""
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
        """Note which files of these records have a date with the month first; return whether any is new."""
        known = len(self.month_first)
        select = month_first_dates(records, self.entity, self.group.layout.is_json)
        self.month_first.update(path for (path,) in self.con.execute(select).fetchall())
        return len(self.month_first) > known

    def _take_census(self, paths: list[str]) -> set[str]:
        """Count what the files hold, before any of it is typed: the number that must come out at the end.

        Return those that are plain: JSON lines, none of them blank, without a key that is named twice.
        """
        plain = self._take_plain_census(paths)
        others = [path for path in paths if path not in plain]
        if others:
            self.con.execute(
                f"INSERT INTO census {readers.census(others, self.group.layout, self.group.source)}"
            )
        for path, lines, records, unknown, repeats in self.con.execute("FROM census").fetchall():
            outcome = self.files.outcomes[path]
            if repeats:
                self.repeating.add(path)
            if lines != self.files.lines.get(path, lines):
                raise ConservationError(
                    f"{outcome.file}: {self.files.lines[path]} lines, but {lines} were read"
                )
            outcome.records_read = lines if path in plain else records - self.group.layout.header_lines
            if not self.group.source.is_of_envelope:
                outcome.unknown_fields = unknown or readers.unknown_columns(self.group.layout, self.entity)
        unknown_keys = envelopes.unknown_keys(paths, self.group.layout, self.group.source)
        if unknown_keys:
            for path, name in self.con.execute(f"{unknown_keys} ORDER BY ALL").fetchall():
                self.files.outcomes[path].unknown_fields.append(name)
        return plain

    def _take_plain_census(self, paths: list[str]) -> set[str]:
        self.con.execute(f"CREATE OR REPLACE TEMP TABLE census ({CENSUS})")
        if not self.group.can_be_plain:
            return set()
        try:
            self.con.execute(f"INSERT INTO census {readers.plain_census(paths, self.group.source)}")
        except UNREADABLE:
            return set()
        counts = self.con.execute("SELECT path, lines FROM census WHERE NOT has_repeated_keys").fetchall()
        plain = {path for path, lines in counts if lines == self.files.lines[path]}
        self.con.execute(
            "DELETE FROM census WHERE path NOT IN (SELECT unnest(CAST($plain AS VARCHAR[])))",
            {"plain": [*plain]},
        )
        return plain

    def _certain(self, paths: list[str]) -> str:
        """Return the SELECT of the typed records of plain files that are sound beyond doubt, as `_located`.

        To number lines the engine must read them on one thread. So the files are shared among as many reads
        as it has threads.
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
        """Return the SELECT of what the ledger calls these files, and of how many lines lie before each."""
        return f"""
            SELECT path AS _path, file AS _file, file_id AS _file_id, account_id AS _account_id,
                make_timestamp(ingested_us) + INTERVAL 24 HOURS AS _latest,
                CAST(sum(lines) OVER (ORDER BY path) - lines AS BIGINT) AS _before
            FROM files JOIN census USING (path) WHERE path IN ({", ".join(map(quoted, paths))})"""

    def _located(self, paths: list[str]) -> str:
        """Return the SELECT of the typed records of these files, each with where it came from.

        Lines are numbered across the files in one pass: a line of several records counts at the first. A
        filter on `_problem` cannot sink below that numbering, which keeps the engine from typing twice.
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

    def _prove(self, path: str) -> None:
        outcome = self.files.outcomes[path]
        if outcome.records_read != outcome.records_accepted + outcome.records_rejected:
            raise ConservationError(
                f"{outcome.file}: {outcome.records_read} records read, but"
                f" {outcome.records_accepted} accepted and {outcome.records_rejected} rejected"
            )


def _shares(paths: list[str], shares: int, size: Callable[[str], int]) -> list[list[str]]:
    """Divide paths among so many shares, none of them empty, of sizes as equal as the greatest allow."""
    parts: list[list[str]] = [[] for _ in range(shares)]
    smallest = [(0, number) for number in range(shares)]
    for path in sorted(paths, key=size, reverse=True):
        total, number = smallest[0]
        parts[number].append(path)
        # A file counts one byte more than it has, so that empty ones are shared too.
        heapq.heapreplace(smallest, (total + size(path) + 1, number))
    return [sorted(part) for part in parts]
