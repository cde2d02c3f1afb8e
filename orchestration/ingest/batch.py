"""The files of one batch: open, load by group, commit together.

Belongs here: the outcome of each file, from its bytes to its row in the ledger. Does not: reading and typing
the records of a group (`loading`), nor the choice of files (`selection`).
"""

import errno
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import duckdb

from orchestration.common.sql import quoted
from orchestration.common.words import counted
from orchestration.ingest.batch_files import BatchFiles
from orchestration.ingest.loading import Group, Loader, RecordCountError
from orchestration.ingest.parsing import file_bytes, layouts
from orchestration.ingest.parsing.engine_errors import bad_file, is_fault_of_file, out_of_memory
from orchestration.ingest.parsing.file_bytes import BadFileError, Content
from orchestration.ingest.parsing.layouts import Layout
from orchestration.ingest.platforms.schema import Source
from orchestration.ingest.raw_store import erasure, ledger, retention
from orchestration.ingest.raw_store.ledger import LEDGER, REJECTED, FileContent, FileOutcome, Identity
from orchestration.ingest.sources.local import LandedFile, has_changed, left_for_later
from orchestration.settings import Settings

MOST_FILES = 2000  # read together: the time of a query grows faster than the number of its files


class Batch(BatchFiles):
    """The files of one batch, and the steps that load and commit them.

    - `first_ingested`: first ingestion time of each content that is ingested again
    - `left`: a message for each file that is left for the next run or cannot be opened
    - `outputs`: the Parquet files written so far, each with its target folder
    """

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        settings: Settings,
        work: Path,
        scales: dict[str, tuple[int, int]],
        first_ingested: dict[FileContent, int],
    ) -> None:
        super().__init__(con, settings, work, scales)
        self.first_ingested = first_ingested
        self.left: list[str] = []
        self.outputs: list[tuple[Path, Path]] = []

    def load(self, files: list[LandedFile], loaded: set[Identity], progress: Callable[[str], None]) -> None:
        """Load these files, except contents that are `loaded`, and record the outcome of each."""
        for group, paths in self.open_files(files, loaded).items():
            progress(
                f"{group.platform} {group.source.entity.name}: {counted(len(paths), 'new file')}"
                f" ({group.layout.kind})"
            )
            for start in range(0, len(paths), MOST_FILES):
                self._load(paths[start : start + MOST_FILES], Loader(self, group))
        self.leave_changed([path for path, file in self.outcomes.items() if file.status != "loaded"])

    def commit(self) -> None:
        """Write the ledger and the rejected files, and move all files into raw/ and rejected/."""
        ledger.create_files_table(self.con, self.outcomes, self.work)
        if any(outcome.status == "rejected" for outcome in self.outcomes.values()):
            whole = self.write(f"SELECT *, {self.stamps} FROM files WHERE status = 'rejected'", REJECTED)
            self.outputs.append((whole, self.settings.rejected_path))
        erasure.apply_to_batch(self.con, self.settings, self.outputs, self.work)
        retention.apply_to_batch(self.con, self.settings, self.outputs, self.work)
        entries = self.write(f"SELECT *, {self.stamps} FROM files", LEDGER)
        ledger.commit(self.settings, self.batch_id, self.outputs, entries)

    def open_files(self, files: list[LandedFile], loaded: set[Identity]) -> dict[Group, list[str]]:
        """Return the paths to load by group, and record the outcome of every other file."""
        groups: dict[Group, list[str]] = defaultdict(list)
        sources: dict[Path, list[LandedFile]] = defaultdict(list)
        first: dict[Path, str] = {}
        for number, file in enumerate(files):
            sources[file.path].append(file)
            first.setdefault(file.path, str(self.work / f"{number:09}"))
        # Hashing and decompression release the interpreter lock, so files are opened in parallel.
        with ThreadPoolExecutor(self.settings.threads) as pool:
            opened = {path: pool.submit(self._open, sources[path], first[path], loaded) for path in first}
            for number, file in enumerate(files):
                path = str(self.work / f"{number:09}")
                group = self._group(file, path, first[file.path], opened[file.path], loaded)
                if group:
                    groups[group].append(path)
        ledger.create_files_table(self.con, self.outcomes, self.work)
        return groups

    def _group(
        self,
        file: LandedFile,
        path: str,
        first: str,
        opened: Future[tuple[str, Content | Exception | None]],
        loaded: set[Identity],
    ) -> Group | None:
        """Return the group of a file, or None if it is already loaded or cannot be loaded."""
        try:
            file_id, content = opened.result()
            self.outcomes[path] = FileOutcome.of(file, file_id, self._first_ingested(file, file_id))
            if file.identity(file_id) in loaded:
                self.outcomes[path].status = "duplicate"
                return None
            if isinstance(content, Exception):
                raise content
            if path != first:
                Path(path).symlink_to(first)
            layout = self._layout(file, Path(path), content)
        except BadFileError as bad:
            self._reject(path, file.source, bad)
            return None
        except OSError as error:
            self.outcomes.pop(path, None)
            is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            remedy = "make room on the disk" if is_full else "let this user read it"
            if file.source.answers:
                self.left.append(f"{file.name}: it cannot be opened ({error.strerror}); {remedy}")
            return None
        loaded.add(file.identity(file_id))
        return Group(file.account.platform.name, file.source, file.account.time_zone, layout)

    def _first_ingested(self, file: LandedFile, file_id: str) -> int:
        now_us = round(self.now.timestamp() * 1_000_000)
        return self.first_ingested.get(file.content(file_id), now_us)

    def _open(
        self, sources: list[LandedFile], target: str, loaded: set[Identity]
    ) -> tuple[str, Content | BadFileError | OSError | None]:
        """Write the text of a file to `target`, and return its id and its content or error.

        The file is read once for all its sources. If all of them are loaded, it is only hashed.
        """
        path = sources[0].path
        file_id = file_bytes.file_id(path)
        if all(file.identity(file_id) in loaded for file in sources):
            return file_id, None
        try:
            return file_id, file_bytes.prepare(path, Path(target), self.settings.max_unpacked_bytes)
        except (BadFileError, OSError) as error:
            return file_id, error

    def _layout(self, file: LandedFile, path: Path, found: Content) -> Layout:
        if found.lines is not None:
            self.lines[str(path)] = found.lines
        if file.source.nested and found.kind in ("csv", "parquet"):
            raise BadFileError(f"{found.kind} cannot hold nested records", "export it as JSON")
        match found.kind:
            case "csv":
                return layouts.csv_layout(found, file.source.entity)
            case "objects":
                return layouts.objects_layout(path.stat().st_size)
            case "parquet":
                try:
                    described = self.con.execute(f"DESCRIBE SELECT * FROM read_parquet({quoted(str(path))})")
                    columns = [row[:2] for row in described.fetchall()]
                    self._check_size(path)
                except duckdb.Error as error:
                    raise bad_file(error) from None
                return layouts.parquet_layout(columns, file.source.entity)
        return Layout(found.kind)

    def _check_size(self, parquet: Path) -> None:
        """Reject a Parquet file whose footer states too much data, at eight bytes per value or more."""
        size = self.con.execute(
            "SELECT coalesce(greatest(sum(total_uncompressed_size), 8 * sum(row_group_num_rows)), 0)"
            f" FROM parquet_metadata({quoted(str(parquet))})"
        ).fetchone()[0]
        if size > self.settings.max_unpacked_bytes:
            raise file_bytes.too_large(self.settings.max_unpacked_bytes)

    def _load(self, paths: list[str], loader: Loader) -> None:
        """Load these files together. If the engine cannot read one, halve them until it is isolated.

        A valid file that needs too much memory is left for the next run. So are files that changed during the
        read; the others are then read again.
        """
        failure: Exception | None = None
        try:
            outputs = loader.load(paths)
        except (duckdb.Error, UnicodeDecodeError, RecordCountError) as error:
            failure = error
        unchanged = self.leave_changed(paths)
        if len(unchanged) < len(paths):
            parts = [unchanged] if unchanged else []
        elif failure is None:
            self.outputs += outputs
            parts = []
        elif not (is_fault_of_file(failure) or isinstance(failure, duckdb.OutOfMemoryException)):
            raise failure
        elif len(paths) == 1:
            if is_fault_of_file(failure):
                self._reject(paths[0], loader.group.source, bad_file(failure))
            else:
                self._leave({paths[0]: out_of_memory(self.outcomes[paths[0]].file, failure)})
            parts = []
        else:
            parts = [paths[: len(paths) // 2], paths[len(paths) // 2 :]]
        for part in parts:
            self._load(part, loader)

    def leave_changed(self, paths: list[str]) -> list[str]:
        """Leave the files that changed since they were found for the next run, and return the others."""
        landing = self.settings.landing_path
        files = {path: self.outcomes[path] for path in paths}
        self._leave(
            {
                path: left_for_later(file.file)
                for path, file in files.items()
                if has_changed(landing / file.file, file.bytes, file.modified_us)
            }
        )
        return [path for path in paths if path in self.outcomes]

    def _leave(self, messages: dict[str, str]) -> None:
        """Remove these files from the batch, each with its message, and the duplicates of their contents."""
        left = [self.outcomes.pop(path) for path in messages]
        self.left += [message for message in dict.fromkeys(messages.values()) if message not in self.left]
        unloaded = {file.identity for file in left if file.status == "loaded"}
        copies = [
            path
            for path, file in self.outcomes.items()
            if file.status == "duplicate" and file.identity in unloaded
        ]
        for path in copies:
            del self.outcomes[path]

    def _reject(self, path: str, source: Source, bad: BadFileError) -> None:
        if source.answers:
            self.outcomes[path].reject(*bad.args)
        else:
            del self.outcomes[path]
