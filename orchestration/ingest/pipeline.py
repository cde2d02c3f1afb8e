"""One batch from landing to raw: what is new is read, typed, split into accepted and rejected, and committed.

Belongs here: the order of the steps, and the proof that every record read was accepted or rejected. Does not:
how a step is done (`landing`, `content`, `reading`, `records`, `ledger`).
"""

import errno
import fcntl
import heapq
import re
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import duckdb

from orchestration.common.sql import quoted
from orchestration.ingest.parsing import file_bytes, readers
from orchestration.ingest.parsing.file_bytes import BadFileError, Content
from orchestration.ingest.parsing.readers import Layout
from orchestration.ingest.parsing.typing import MACROS, certain, month_first_dates, named, raw_columns, typed
from orchestration.ingest.platforms.schema import Entity, Source
from orchestration.ingest.raw_store import compaction, erasure, ledger, replay, retention
from orchestration.ingest.raw_store.ledger import LEDGER, PARQUET, REJECTED, FileOutcome
from orchestration.ingest.raw_store.replay import Again, FileContent, ReplayError, listed
from orchestration.ingest.sources import remote
from orchestration.ingest.sources.local import (
    Account,
    LandedFile,
    find_files,
    has_changed,
    left_for_later,
    read_accounts,
    read_rating_scales,
    settle,
)
from orchestration.settings import Settings
from orchestration.warehouse import candidate

# What the engine says of the content of a file; every other error (memory, disk) is no fault of a file.
_UNREADABLE = (
    duckdb.InvalidInputException,
    duckdb.InvalidTypeException,
    duckdb.SerializationException,
    duckdb.ConversionException,
)


CENSUS = "path VARCHAR, lines BIGINT, records BIGINT, unknown_fields VARCHAR[], has_repeated_keys BOOLEAN"


class ConservationError(Exception):
    """Records read of a file are not the records accepted and rejected: a fault of this program."""


@dataclass(frozen=True)
class Totals:
    """Sums over the files of a batch."""

    files: int
    records_read: int
    records_accepted: int
    records_rejected: int


@dataclass(frozen=True)
class IngestResult:
    """What a run did: its batch (None if nothing was new), the batch's files, what was refused by name."""

    batch_id: str | None
    files: list[FileOutcome]
    refused: list[str]

    def totals(self, entity: str | None = None) -> Totals:
        """Return the sums over the batch's files, of one entity or of all."""
        files = [file for file in self.files if entity in (None, file.entity)]
        return Totals(
            len({file.file for file in files}),
            sum(file.records_read for file in files),
            sum(file.records_accepted for file in files),
            sum(file.records_rejected for file in files),
        )


def ingest(
    settings: Settings,
    progress: Callable[[str], None] = lambda message: None,
    again: Again | None = None,
) -> IngestResult:
    """Load every file of landing that is new, as one batch, and with them those chosen to be read `again`.

    A bad record or file is rejected and the rest goes on; a file that changes meanwhile is left for the next
    run. Raises `SettingsError` for seeds or a URL that cannot be used, `ReplayError` if the chosen files
    cannot all be read again, and `ConservationError` if a record was lost or doubled on the way; nothing is
    then committed.
    """
    accounts = read_accounts(settings.seeds)
    scales = read_rating_scales(settings.seeds)
    with _workshop(settings) as work, _engine(settings, work) as con:
        ledger.open_house(con, settings)
        replay.finish(con, settings, work)
        erasure.apply(con, settings, accounts, work, progress)
        retention.apply(con, settings, work)
        compaction.apply(con, settings, work, progress)
        found, refused = find_files(settings, accounts)
        if not found:
            progress(f"{settings.landing_url or settings.landing_path} holds no files of a known account")
        seen = ledger.read_seen(con, settings)
        chosen = _choose(con, settings, accounts, found, seen, again) if again else {}
        repeated = {file.name for files in chosen.values() for file in files}
        loaded = {identity for identity in seen.loaded if (*identity[:2], identity[3]) not in chosen}
        news, left = _at_hand(settings, [f for f in found if f.name in repeated or _is_unknown(f, seen)])
        if settings.landing_url:
            remote.remove_copies(settings, {file.name for file in found})
        news, unsettled = settle(news, settings.settle_seconds)
        refused += left + unsettled
        if not news and not chosen:
            return IngestResult(None, [], refused)
        batch = _Batch(con, settings, work, scales)
        groups, unopened = batch.open_files(news, loaded)
        refused += unopened
        for group, paths in groups.items():
            progress(
                f"{group.platform} {group.source.entity.name}: {len(paths)} new files ({group.layout.kind})"
            )
            batch.load(paths, group)
        batch.leave_changed([path for path, file in batch.outcomes.items() if file.status != "loaded"])
        refused += batch.left
        if chosen:
            _require_all(settings, batch, chosen)
            replay.note(settings, work, batch.batch_id, set(chosen))
        if not batch.outcomes:
            return IngestResult(None, [], refused)
        batch.commit()
        replay.finish(con, settings, work)
        return IngestResult(batch.batch_id, list(batch.outcomes.values()), refused)


def has_news(settings: Settings) -> bool:
    """Return whether there is a file unknown to the ledger, or something to forget; raises like `ingest`."""
    accounts = read_accounts(settings.seeds)
    return (
        not erasure.is_applied(settings, erasure.read_erasures(settings.seeds, accounts))
        or retention.is_due(settings)
        or bool(new_files(settings))
    )


def new_files(settings: Settings) -> list[LandedFile]:
    """Return what landing holds that is unknown to the ledger. Raises `SettingsError` like `ingest`."""
    found, _ = find_files(settings, read_accounts(settings.seeds))
    if not ledger.ledger_folder(settings).exists():
        return found
    with duckdb.connect() as con:
        seen = ledger.read_seen(con, settings)
    return [file for file in found if _is_unknown(file, seen)]


def _is_unknown(file: LandedFile, seen: ledger.Seen) -> bool:
    return (file.name, file.size, file.modified_us) not in seen.states


def _at_hand(settings: Settings, files: list[LandedFile]) -> tuple[list[LandedFile], list[str]]:
    """Copy what lies behind a URL; return the files that can be read here, and a message for each other."""
    if not settings.landing_url:
        return files, []
    left = remote.copy(settings, [(file.name, file.size, file.modified_us) for file in files])
    return [file for file in files if not has_changed(file.path, file.size, file.modified_us)], left


def gone_from_landing(settings: Settings) -> list[str]:
    """Return the names of the files that were loaded and whose content landing no longer holds."""
    if not ledger.ledger_folder(settings).exists():
        return []
    accounts = read_accounts(settings.seeds)
    found, _ = find_files(settings, accounts)
    with duckdb.connect() as con:
        names = replay.choose(con, settings, accounts, Again(everything=True))
        held = _holders(settings, found, ledger.read_seen(con, settings), set(names))
    return sorted(name for its_content, name in names.items() if name and its_content not in held)


def check_replay(settings: Settings, again: Again) -> None:
    """Raise `ReplayError` or `SettingsError` where `ingest` would refuse to read these files again."""
    if not ledger.ledger_folder(settings).exists():
        raise ReplayError("Nothing was taken in yet, so nothing can be read again: run it first.")
    accounts = read_accounts(settings.seeds)
    found, _ = find_files(settings, accounts)
    with duckdb.connect() as con:
        _choose(con, settings, accounts, found, ledger.read_seen(con, settings), again)


def _choose(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    accounts: dict[str, Account],
    found: list[LandedFile],
    seen: ledger.Seen,
    again: Again,
) -> dict[FileContent, list[LandedFile]]:
    """Return the files of landing to read again, by their contents; what was refused and is gone stays so.

    Raises `ReplayError` where landing no longer holds what was loaded, unless that is to be left as it is.
    """
    names = replay.choose(con, settings, accounts, again)
    held = _holders(settings, found, seen, set(names))
    gone = [name for content, name in names.items() if name and content not in held]
    if gone and not again.force:
        raise ReplayError(
            f"Landing no longer holds {len(gone):,} of these files as they were loaded:\n{listed(gone)}\n"
            "Put them back; or say force, and they stay as they were read while the rest is read again."
        )
    if not held:
        raise ReplayError("Landing holds none of these files any more: there is nothing to read again.")
    return held


def _holders(
    settings: Settings, found: list[LandedFile], seen: ledger.Seen, contents: set[FileContent]
) -> dict[FileContent, list[LandedFile]]:
    """Return which files hold each of these contents; only files that the ledger does not know are read."""
    held: dict[FileContent, list[LandedFile]] = defaultdict(list)
    unknown = []
    for file in found:
        if _is_unknown(file, seen):
            unknown.append(file)
        elif (its_content := file.content(seen.states[file.name, file.size, file.modified_us])) in contents:
            held[its_content].append(file)
    if contents - held.keys():
        file_id = cache(file_bytes.file_id)
        for file in _at_hand(settings, unknown)[0]:
            with suppress(OSError):  # What cannot be opened holds nothing that could be read.
                if (its_content := file.content(file_id(file.path))) in contents:
                    held[its_content].append(file)
    return held


def _require_all(settings: Settings, batch: "_Batch", chosen: dict[FileContent, list[LandedFile]]) -> None:
    """Raise `ReplayError` if one of the chosen files was not read: its earlier rows would go for nothing."""
    read = {outcome.file for outcome in batch.outcomes.values()}
    lacking = {
        file.name
        for files in chosen.values()
        for file in files
        if file.name not in read or has_changed(file.path, file.size, file.modified_us)
    }
    if lacking:
        raise ReplayError(
            f"{len(lacking):,} of these files changed meanwhile, or cannot be opened; nothing was touched:\n"
            f"{listed(sorted(lacking))}\nSee that they can be read, and say it again."
        )


def set_raw_aside(settings: Settings) -> None:
    """Move all that was ingested to `before-refresh/`, so that the next ingest begins with an empty ledger.

    The ledger stands in raw/, so one renaming decides: whatever crashes before or after it, the next ingest
    finds a house that is whole. The candidate goes too; what readers read stays.
    """
    with _workshop(settings):
        aside = settings.set_aside_path / ledger.new_batch_id(settings)
        aside.mkdir(parents=True)
        for folder in (settings.raw_path, settings.rejected_path):
            if folder.exists():
                folder.rename(aside / folder.name)
    candidate.discard(settings)


@contextmanager
def _workshop(settings: Settings) -> Iterator[Path]:
    """Give an empty folder beside raw/, to this process alone: a second ingest waits for the first."""
    settings.home.mkdir(parents=True, exist_ok=True)
    work = settings.home / "ingest.tmp"
    with (settings.home / "ingest.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        try:
            yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)


@contextmanager
def _engine(settings: Settings, work: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    config = {
        "memory_limit": settings.memory_limit,
        "threads": settings.threads,
        "temp_directory": str(work / "spill"),
    }
    con = duckdb.connect(config=config)
    try:
        con.execute("SET TimeZone = 'UTC'")
        con.execute(MACROS.read_text())
        yield con
    finally:
        con.close()


@dataclass(frozen=True)
class _Group:
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


class _Batch:
    """The files of one batch, each known by the path in the workshop at which the engine reads it."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        settings: Settings,
        work: Path,
        scales: dict[str, tuple[int, int]],
    ) -> None:
        self.con = con
        self.settings = settings
        self.work = work
        self.scales = scales
        self.batch_id = ledger.new_batch_id(settings)
        self.outcomes: dict[str, FileOutcome] = {}
        self.left: list[str] = []
        self.lines: dict[str, int] = {}
        self.repeating: set[str] = set()
        self.month_first: set[str] = set()
        self.in_doubt: set[str] = set()
        self.outputs: list[tuple[Path, Path]] = []
        self.written = 0
        now = f"TIMESTAMP '{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}'"
        self.stamps = f"'{self.batch_id}' AS batch_id, {now} AS ingested_at, {now} AS rejected_at"

    def open_files(
        self, news: list[LandedFile], loaded: set[tuple[str, str, str, str]]
    ) -> tuple[dict[_Group, list[str]], list[str]]:
        """Return the paths to load by what they have in common, and a message for each that will not open."""
        groups: dict[_Group, list[str]] = defaultdict(list)
        refused = []
        sources: dict[Path, list[LandedFile]] = defaultdict(list)
        first: dict[Path, str] = {}
        for number, file in enumerate(news):
            sources[file.path].append(file)
            first.setdefault(file.path, str(self.work / f"{number:09}"))
        # Hashing and unpacking need no interpreter, so files are opened beside each other.
        with ThreadPoolExecutor(self.settings.threads) as pool:
            opened = {path: pool.submit(self._open, sources[path], first[path], loaded) for path in first}
            for number, file in enumerate(news):
                path, account, source = str(self.work / f"{number:09}"), file.account, file.source
                try:
                    file_id, found = opened[file.path].result()
                    identity = file.identity(file_id)
                    self.outcomes[path] = FileOutcome.of(file, file_id)
                    if identity in loaded:
                        self.outcomes[path].status = "duplicate"
                        continue
                    if isinstance(found, Exception):
                        raise found
                    if path != first[file.path]:
                        Path(path).symlink_to(first[file.path])
                    layout = self._layout(file, Path(path), found)
                    groups[_Group(account.platform.name, source, account.time_zone, layout)].append(path)
                    loaded.add(identity)
                except BadFileError as bad:
                    self._refuse(path, source, bad)
                except OSError as error:
                    self.outcomes.pop(path, None)
                    is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
                    remedy = "make room on the disk" if is_full else "let this user read it"
                    if source.answers:
                        refused.append(f"{file.name}: it cannot be opened ({error.strerror}); {remedy}")
        ledger.tabulate(self.con, self.outcomes, self.work)
        return groups, refused

    def _open(
        self, sources: list[LandedFile], target: str, loaded: set[tuple[str, str, str, str]]
    ) -> tuple[str, Content | BadFileError | OSError | None]:
        """Return the id of a file and what it holds, with its text at `target`, or why it cannot be read.

        Its bytes are read once for all its sources; if all of these loaded them before, only for the id.
        """
        path = sources[0].path
        file_id = file_bytes.file_id(path)
        if all(file.identity(file_id) in loaded for file in sources):
            return file_id, None
        try:
            return file_id, file_bytes.prepare(path, Path(target), self.settings.max_unpacked_bytes)
        except (BadFileError, OSError) as error:
            return file_id, error

    def load(self, paths: list[str], group: _Group) -> None:
        """Load these files together; where the engine cannot read one of them, halve until that is alone.

        One that is sound but takes too much memory is left for the next run, which may have more.

        What was read counts only if no file changed meanwhile; those that did are left, the rest read again.
        """
        failure: Exception | None = None
        try:
            outputs = self._load_together(paths, group)
        except (duckdb.Error, UnicodeDecodeError, ConservationError) as error:
            failure = error
        steady = self.leave_changed(paths)
        if len(steady) < len(paths):
            parts = [steady] if steady else []
        elif failure is None:
            self.outputs += outputs
            parts = []
        elif not (_is_fault_of_file(failure) or isinstance(failure, duckdb.OutOfMemoryException)):
            raise failure
        elif len(paths) == 1:
            if _is_fault_of_file(failure):
                self._refuse(paths[0], group.source, _unreadable(failure))
            else:
                self._leave(paths[0], _too_hungry(self.outcomes[paths[0]].file, failure))
            parts = []
        else:
            parts = [paths[: len(paths) // 2], paths[len(paths) // 2 :]]
        for part in parts:
            self.load(part, group)

    def leave_changed(self, paths: list[str]) -> list[str]:
        """Forget those of these files that changed since they were found, and return the others."""
        for path in paths:
            file = self.outcomes[path]
            if has_changed(self.settings.landing_path / file.file, file.bytes, file.modified_us):
                self._leave(path, left_for_later(file.file))
        return [path for path in paths if path in self.outcomes]

    def _leave(self, path: str, message: str) -> None:
        file = self.outcomes.pop(path)
        if message not in self.left:
            self.left.append(message)
        # A file of the same content was not loaded for the sake of this one.
        self.outcomes = {
            p: other
            for p, other in self.outcomes.items()
            if other.status != "duplicate" or other.file_id != file.file_id
        }

    def commit(self) -> None:
        """Write the ledger and what was refused as a whole, and put every file of the batch in its place."""
        ledger.tabulate(self.con, self.outcomes, self.work)
        if any(outcome.status == "rejected" for outcome in self.outcomes.values()):
            whole = self._write(f"SELECT *, {self.stamps} FROM files WHERE status = 'rejected'", REJECTED)
            self.outputs.append((whole, self.settings.rejected_path))
        erasure.screen(self.con, self.settings, self.outputs, self.work)
        retention.screen(self.con, self.settings, self.outputs, self.work)
        entries = self._write(f"SELECT *, {self.stamps} FROM files", LEDGER)
        ledger.commit(self.settings, self.batch_id, self.outputs, entries)

    def _refuse(self, path: str, source: Source, bad: BadFileError) -> None:
        if source.answers:
            self.outcomes[path].reject(*bad.args)
        else:
            del self.outcomes[path]

    def _layout(self, file: LandedFile, path: Path, found: Content) -> Layout:
        if found.lines is not None:
            self.lines[str(path)] = found.lines
        if file.source.nested and found.kind in ("csv", "parquet"):
            raise BadFileError(f"{found.kind} cannot hold what is nested", "export it as JSON")
        match found.kind:
            case "csv":
                return readers.csv_layout(found.header, file.source.entity)
            case "objects":
                return readers.objects_layout(path.stat().st_size)
            case "parquet":
                try:
                    described = self.con.execute(f"DESCRIBE SELECT * FROM read_parquet({quoted(str(path))})")
                    columns = [row[:2] for row in described.fetchall()]
                    self._check_size(path)
                except duckdb.Error as error:
                    raise _unreadable(error) from None
                return readers.parquet_layout(columns, file.source.entity)
        return Layout(found.kind)

    def _check_size(self, parquet: Path) -> None:
        """Refuse a Parquet file that says that it unpacks to too much; a value takes eight bytes or more."""
        size = self.con.execute(
            "SELECT coalesce(greatest(sum(total_uncompressed_size), 8 * sum(row_group_num_rows)), 0)"
            f" FROM parquet_metadata({quoted(str(parquet))})"
        ).fetchone()[0]
        if size > self.settings.max_unpacked_bytes:
            raise file_bytes.too_large(self.settings.max_unpacked_bytes)

    def _load_together(self, paths: list[str], group: _Group) -> list[tuple[Path, Path]]:
        """Return the files written, each with its folder."""
        simple = self._take_census(paths, group) - self.in_doubt
        outputs = self._load_plain(sorted(simple), group)
        others = sorted(set(paths) - (simple - self.in_doubt))
        thorough, known = [], -1
        while known < len(self.month_first):
            known = len(self.month_first)
            thorough = self._load_thoroughly(others, group)
        for path in paths:
            self._prove(path)
        return outputs + thorough

    def _load_plain(self, paths: list[str], group: _Group) -> list[tuple[Path, Path]]:
        """Load those files that the engine can read as JSON lines; note the others, with a line in doubt."""
        if not paths:
            return []
        self.con.execute("SET preserve_insertion_order = false")  # else one share would wait for the other
        try:
            certain = self._accept(self._certain(paths, group), paths, group)
            doubtful = self._doubtful(paths)
            self.in_doubt.update(doubtful)
            sound = [path for path in paths if path not in doubtful]
            if not sound:
                return []
            if doubtful:
                kept = ", ".join(quoted(self.outcomes[path].file) for path in sound)
                rows = f"SELECT * FROM read_parquet({quoted(certain)}) WHERE _file IN ({kept})"
                certain = self._accept(rows, sound, group)
        finally:
            self.con.execute("RESET preserve_insertion_order")
        return [(certain, self._raw_folder(group))]

    def _load_thoroughly(self, paths: list[str], group: _Group) -> list[tuple[Path, Path]]:
        """Load files of any kind, every record with its text at hand."""
        if not paths:
            return []
        sound = f"SELECT * FROM ({self._located(paths, group)}) WHERE _problem IS NULL"
        outputs = [(self._accept(sound, paths, group), self._raw_folder(group))]
        doubtful = self._doubtful(paths)
        if doubtful:
            if self._finds_month_first(readers.records(doubtful, group.layout, group.source), group):
                return []
            outputs.append(self._reject(self._located(doubtful, group), group))
        return outputs

    def _accept(self, records: str, paths: list[str], group: _Group) -> Path:
        """Write the accepted records of these files, and note anew how many each has."""
        for path in paths:
            self.outcomes[path].records_accepted = self.outcomes[path].records_rejected = 0
        accepted = self._write(records, raw_columns(group.source.entity))
        self._count_accepted(accepted, group.source.entity)
        return accepted

    def _raw_folder(self, group: _Group) -> Path:
        return ledger.raw_folder(self.settings, group.source.entity.name, group.platform)

    def _doubtful(self, paths: list[str]) -> list[str]:
        return [p for p in paths if self.outcomes[p].records_accepted != self.outcomes[p].records_read]

    def _reject(self, located: str, group: _Group) -> tuple[Path, Path]:
        """Write those of the located records that have a problem; return the file and its folder."""
        rejected = self._write(
            f"""SELECT _account_id AS account_id, {quoted(group.platform)} AS platform, _file AS file,
                {quoted(group.source.entity.name)} AS entity, _file_id AS file_id, _line AS line,
                _raw AS raw, _problem.field AS field, _problem.value AS value,
                _problem.reason AS reason, _problem.remedy AS remedy, {self.stamps}
            FROM ({located}) WHERE _problem IS NOT NULL AND _raw IS NOT NULL""",
            REJECTED,
        )
        self._count_rejected(rejected)
        return rejected, self.settings.rejected_path

    def _finds_month_first(self, records: str, group: _Group) -> bool:
        """Note which files of these records have a date with the month first; return whether that is news."""
        known = len(self.month_first)
        select = month_first_dates(records, group.source.entity, group.layout.is_json)
        self.month_first.update(path for (path,) in self.con.execute(select).fetchall())
        return len(self.month_first) > known

    def _take_census(self, paths: list[str], group: _Group) -> set[str]:
        """Count what the files hold, before any of it is typed: the number that must come out at the end.

        Return those that are plain: JSON lines, none of them blank, without a key that is named twice.
        """
        plain = self._take_plain_census(paths, group)
        others = [path for path in paths if path not in plain]
        if others:
            self.con.execute(f"INSERT INTO census {readers.census(others, group.layout, group.source)}")
        for path, lines, records, unknown, repeats in self.con.execute("FROM census").fetchall():
            outcome = self.outcomes[path]
            if repeats:
                self.repeating.add(path)
            if lines != self.lines.get(path, lines):
                raise ConservationError(f"{outcome.file}: {self.lines[path]} lines, but {lines} were read")
            outcome.records_read = lines if path in plain else records - group.layout.header_lines
            outcome.unknown_fields = unknown or readers.unknown_columns(group.layout, group.source.entity)
        return plain

    def _take_plain_census(self, paths: list[str], group: _Group) -> set[str]:
        self.con.execute(f"CREATE OR REPLACE TEMP TABLE census ({CENSUS})")
        if not group.can_be_plain:
            return set()
        try:
            self.con.execute(f"INSERT INTO census {readers.plain_census(paths, group.source)}")
        except _UNREADABLE:
            return set()
        counts = self.con.execute("SELECT path, lines FROM census WHERE NOT has_repeated_keys").fetchall()
        plain = {path for path, lines in counts if lines == self.lines[path]}
        self.con.execute(f"DELETE FROM census WHERE path NOT IN ({', '.join(map(quoted, ['', *plain]))})")
        return plain

    def _certain(self, paths: list[str], group: _Group) -> str:
        """Return the SELECT of the typed records of plain files that are sound beyond doubt, as `_located`.

        To number lines the engine must read them on one thread. So the files are shared among as many reads
        as it has threads.
        """
        threads = self.con.execute("SELECT current_setting('threads')").fetchone()[0]
        shares = _shared(paths, min(threads, len(paths)), lambda path: self.outcomes[path].bytes)
        entity, scale = group.source.entity, self.scales[group.platform]
        numbered = " UNION ALL ".join(
            f"SELECT *, row_number() OVER () AS _n FROM ({records})"
            for share in shares
            for records in [certain(readers.plain_records(share, entity), entity, group.zone, scale)]
        )
        origins = " UNION ALL ".join(self._origins(share) for share in shares)
        return f"""
            SELECT *, _n - _before AS _line, 1 AS _position, '{self.batch_id}' AS _batch_id
            FROM ({numbered}) JOIN ({origins}) USING (_path) WHERE _is_certain"""

    def _origins(self, paths: list[str]) -> str:
        """Return the SELECT of what the ledger calls these files, and of how many lines lie before each."""
        return f"""
            SELECT path AS _path, file AS _file, file_id AS _file_id, account_id AS _account_id,
                CAST(sum(lines) OVER (ORDER BY path) - lines AS BIGINT) AS _before
            FROM files JOIN census USING (path) WHERE path IN ({", ".join(map(quoted, paths))})"""

    def _located(self, paths: list[str], group: _Group) -> str:
        """Return the SELECT of the typed records of these files, each with where it came from.

        Lines are numbered across the files in one pass: a line of several records counts at the first. A
        filter on `_problem` cannot sink below that numbering, which keeps the engine from typing twice.
        """
        records = readers.records(paths, group.layout, group.source)
        scale = self.scales[group.platform]
        repeating, month_first = self.repeating.intersection(paths), self.month_first.intersection(paths)
        typed_records = typed(
            records, group.source.entity, group.zone, scale, group.layout.is_json, repeating, month_first
        )
        return f"""
            SELECT *, _n - _before AS _line, '{self.batch_id}' AS _batch_id
            FROM (SELECT *, count(*) FILTER (_position = 1) OVER (ROWS UNBOUNDED PRECEDING) AS _n
                FROM ({typed_records}))
            JOIN ({self._origins(paths)}) USING (_path)
            WHERE _n - _before > {group.layout.header_lines}"""

    def _write(self, select: str, columns: dict[str, str]) -> Path:
        self.written += 1
        path = self.work / f"{self.written}.parquet"
        cast = ", ".join(f"CAST({named(name)} AS {kind}) AS {named(name)}" for name, kind in columns.items())
        self.con.execute(f"COPY (SELECT {cast} FROM ({select})) TO {quoted(str(path))} {PARQUET}")
        return path

    def _count_accepted(self, parquet: Path, entity: Entity) -> None:
        instants = [named(f.name) for f in entity.fields if f.kind == "instant"] or [
            "CAST(NULL AS TIMESTAMP)"
        ]
        earliest = f"least({', '.join(f'min({instant})' for instant in instants)})"
        latest = f"greatest({', '.join(f'max({instant})' for instant in instants)})"
        rows = self.con.execute(f"""
            SELECT path, n, earliest, latest FROM files JOIN (
                SELECT _file AS file, count(*) AS n, epoch_us({earliest}) AS earliest,
                    epoch_us({latest}) AS latest
                FROM read_parquet({quoted(str(parquet))}) GROUP BY ALL) USING (file)
            WHERE entity = {quoted(entity.name)}""")
        for path, records, first_us, last_us in rows.fetchall():
            outcome = self.outcomes[path]
            outcome.records_accepted, outcome.first_us, outcome.last_us = records, first_us, last_us

    def _count_rejected(self, parquet: Path) -> None:
        rows = self.con.execute(f"""
            SELECT path, n FROM files JOIN (
                SELECT file, entity, count(*) AS n FROM read_parquet({quoted(str(parquet))})
                GROUP BY ALL) USING (file, entity)""")
        for path, records in rows.fetchall():
            self.outcomes[path].records_rejected = records

    def _prove(self, path: str) -> None:
        outcome = self.outcomes[path]
        if outcome.records_read != outcome.records_accepted + outcome.records_rejected:
            raise ConservationError(
                f"{outcome.file}: {outcome.records_read} records read, but"
                f" {outcome.records_accepted} accepted and {outcome.records_rejected} rejected"
            )


def _shared(paths: list[str], shares: int, size: Callable[[str], int]) -> list[list[str]]:
    """Divide paths among so many shares, none of them empty, of sizes as equal as the greatest allow."""
    parts: list[tuple[int, list[str]]] = [(0, []) for _ in range(shares)]
    for path in sorted(paths, key=size, reverse=True):
        total, part = heapq.heappop(parts)
        heapq.heappush(parts, (total + size(path), sorted([*part, path])))
    return [part for _, part in parts]


def _is_fault_of_file(error: Exception) -> bool:
    """Return whether an error lies in the content of a file, and in nothing of this program or machine.

    An error of no class of its own is one of the engine's Parquet reader; one that cannot be decoded quotes
    the file.
    """
    return isinstance(error, (*_UNREADABLE, UnicodeDecodeError)) or type(error) is duckdb.Error


def _too_hungry(file: str, error: duckdb.OutOfMemoryException) -> str:
    return (
        f"{file}: it takes more memory than there is ({str(error).splitlines()[0]}); split it or raise"
        " CONVERSATIONS_MEMORY_LIMIT; it is left for the next run"
    )


def _unreadable(error: Exception) -> BadFileError:
    """Return the engine's complaint, without the path in the workshop and a position that misleads."""
    if isinstance(error, UnicodeDecodeError):
        return BadFileError("it cannot be read: it is not UTF-8", "save it as UTF-8")
    complaint = re.sub(
        r"^[\w ]+ Error: | (in|while reading) file \S+| '\S+'|,? at byte .*?(?=:)", "", str(error)
    )
    if "maximum_object_size" in complaint:
        return BadFileError("a record of it is too long to be read", "export it again, a record a line")
    complaint = re.sub(r"[\x00-\x1f]+", " ", complaint.splitlines()[0]).strip()
    return BadFileError("it cannot be read", "export or copy it again", complaint)
