"""One batch from landing to raw: find new files, read, type, split into accepted and rejected, commit.

Belongs here: the order of the steps. Does not: their implementation (`selection`, `batch`, `loading`,
`raw_store`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from orchestration.common.candidate_files import discard_candidate
from orchestration.common.words import counted
from orchestration.ingest.batch import Batch
from orchestration.ingest.raw_store import compaction, erasure, ledger, replay, retention
from orchestration.ingest.raw_store.ledger import FileOutcome
from orchestration.ingest.raw_store.replay import ReplaySelection
from orchestration.ingest.seeds import read_seeds
from orchestration.ingest.selection import (
    copy_if_remote,
    files_to_replay,
    new_files,
    require_all,
    unknown_files,
)
from orchestration.ingest.sources import remote
from orchestration.ingest.sources.local import find_files, settle
from orchestration.ingest.workspace import engine, workspace
from orchestration.settings import Settings


@dataclass(frozen=True)
class Totals:
    """Sums over the files of a batch."""

    files: int
    records_read: int
    records_accepted: int
    records_rejected: int


@dataclass(frozen=True)
class IngestResult:
    """The batch of a run (None without new files), its files, and a message for each skipped path."""

    batch_id: str | None
    files: list[FileOutcome]
    skipped: list[str]

    def totals(self, entity: str | None = None) -> Totals:
        """Return the sums over the files of the batch, for one entity or all."""
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
    replay_selection: ReplaySelection | None = None,
) -> IngestResult:
    """Load every new file of landing, and the files selected by `replay_selection`, as one batch.

    Invalid records and files are rejected and do not stop the others. A file that changes during the ingest
    is left for the next run. If it raises, it commits nothing:

    - `SettingsError` for invalid seeds or a landing URL that cannot be used
    - `RawStoreError` if a file of raw/ or rejected/ is damaged
    - `ReplayError` if a file selected by `replay_selection` cannot be read
    - `RecordCountError` if a record was lost or duplicated, which is a bug
    """
    seeds = read_seeds(settings.seeds)
    with (
        workspace(settings, progress) as work,
        engine(settings, work) as con,
        ledger.explain_errors(settings),
    ):
        ledger.prepare_folders(con, settings)
        replay.finish(con, settings, work)
        erasure.apply(con, settings, seeds.erasures, work, progress)
        retention.apply(con, settings, work)
        compaction.apply(con, settings, work, progress)
        found, skipped = find_files(settings, seeds.accounts)
        if not found:
            progress(f"{settings.landing_url or settings.landing_path} has no files of a known account")
        seen = ledger.read_seen(con, settings)
        chosen = {}
        if replay_selection:
            chosen = files_to_replay(con, settings, seeds.accounts, found, seen, replay_selection)
        repeated = [file for files in chosen.values() for file in files]
        names = {file.name for file in (*repeated, *unknown_files(settings, found, seen))}
        to_read, left = copy_if_remote(settings, [file for file in found if file.name in names])
        if settings.landing_url:
            remote.remove_copies(settings, {file.name for file in found})
        to_read, unsettled = settle(to_read, settings.settle_seconds)
        skipped += left + unsettled
        if not to_read and not chosen:
            return IngestResult(None, [], skipped)
        loaded = {identity for identity in seen.loaded if (*identity[:2], identity[3]) not in chosen}
        batch = Batch(con, settings, work, seeds.rating_scales, seen.first_ingested)
        batch.load(to_read, loaded, progress)
        skipped += batch.left
        if chosen:
            require_all(settings, {outcome.file for outcome in batch.outcomes.values()}, chosen)
            replay.write_note(settings, work, batch.batch_id, set(chosen))
        if not batch.outcomes:
            return IngestResult(None, [], skipped)
        batch.commit()
        replay.finish(con, settings, work)
        # The batch may reveal further ids of an erased contact.
        erasure.apply(con, settings, seeds.erasures, work, progress)
        return IngestResult(batch.batch_id, list(batch.outcomes.values()), skipped)


def changes(settings: Settings) -> Iterator[str]:
    """Yield the changes that an ingest would make, as sentences. Raises like `ingest`."""
    seeds = read_seeds(settings.seeds)
    with ledger.explain_errors(settings):
        if not erasure.is_applied(settings, seeds.erasures):
            yield "seed erasures.csv names contacts that are not erased yet"
        if retention.is_due(settings):
            yield "records are older than CONVERSATIONS_KEEP_RAW_DAYS or CONVERSATIONS_KEEP_REJECTED_DAYS"
        if files := new_files(settings):
            yield f"landing has {counted(len(files), 'new file')}, such as {files[0].name}"


def set_raw_aside(settings: Settings) -> None:
    """Move all ingested data to `before-refresh/`, so that the next ingest starts with an empty ledger.

    The ledger is in raw/, so renaming raw/ decides: after a crash before or after it, the next ingest finds
    consistent folders. Also removes the candidate. The release stays in place.
    """
    with workspace(settings):
        aside = settings.set_aside_path / ledger.new_batch_id(settings)
        aside.mkdir(parents=True)
        for folder in (settings.raw_path, settings.rejected_path):
            if folder.exists():
                folder.rename(aside / folder.name)
        discard_candidate(settings)
