"""The files of landing that a run reads: unknown to the ledger, or selected for a replay.

Belongs here: comparing landing with the ledger. Does not: finding files (`sources`), the ledger itself
(`raw_store.ledger`), nor the contents that a replay selects (`raw_store.replay`).
"""

from collections import defaultdict
from contextlib import suppress
from functools import cache

import duckdb

from orchestration.ingest.parsing import file_bytes
from orchestration.ingest.raw_store import known_states, ledger, replay
from orchestration.ingest.raw_store.ledger import FileContent
from orchestration.ingest.raw_store.replay import ReplayError, ReplaySelection, format_names
from orchestration.ingest.seeds import Account, read_seeds
from orchestration.ingest.sources import remote
from orchestration.ingest.sources.local import (
    LandedFile,
    find_files,
)
from orchestration.settings import Settings


def new_files(settings: Settings) -> list[LandedFile]:
    """Return the files of landing that the ledger does not know. Raises `SettingsError`, `RawStoreError`."""
    found, _ = find_files(settings, read_seeds(settings.seeds).accounts)
    with duckdb.connect() as con, ledger.explain_errors(settings):
        if not ledger.ledger_folder(settings).exists():
            return found
        return unknown_files(settings, found, ledger.read_seen(con, settings))


def unknown_files(settings: Settings, found: list[LandedFile], seen: ledger.Seen) -> list[LandedFile]:
    """Return the files that the ledger knows neither by name, size and time nor by content.

    The content is compared only for files whose name and size are known but not their time. An unchanged file
    is then added to `seen`, and stored for later runs.
    """
    unknown = [file for file in found if not _is_known(file, seen)]
    contents: dict[tuple[str, int], set[str]] = defaultdict(set)
    for (name, size, _), file_id in seen.states.items():
        contents[name, size].add(file_id)
    touched = [file for file in unknown if (file.name, file.size) in contents]
    file_id = cache(file_bytes.file_id)
    unchanged = {}
    for file in copy_if_remote(settings, touched)[0]:
        with suppress(OSError):
            content = file_id(file.path)
            if content in contents[file.name, file.size] and not file.has_changed():
                unchanged[file.name, file.size, file.modified_us] = content
    if unchanged:
        seen.states.update(unchanged)
        names = {file.name for file in found}
        remembered = known_states.read(settings) | unchanged
        known_states.write(settings, {state: i for state, i in remembered.items() if state[0] in names})
    return [file for file in unknown if not _is_known(file, seen)]


def copy_if_remote(settings: Settings, files: list[LandedFile]) -> tuple[list[LandedFile], list[str]]:
    """Copy files behind a URL. Return the files that can be read locally, and a message for each other."""
    if not settings.landing_url:
        return files, []
    left = remote.copy(settings, [(file.name, file.size, file.modified_us) for file in files])
    return [file for file in files if not file.has_changed()], left


def gone_from_landing(settings: Settings) -> list[str]:
    """Return the names of the loaded files whose content is no longer in landing.

    Raises `SettingsError`, `RawStoreError`.
    """
    accounts = read_seeds(settings.seeds).accounts
    with duckdb.connect() as con, ledger.explain_errors(settings):
        if not ledger.ledger_folder(settings).exists():
            return []
        found, _ = find_files(settings, accounts)
        names = replay.choose(con, settings, accounts, ReplaySelection(everything=True))
        held = _holders(settings, found, ledger.read_seen(con, settings), set(names))
    return sorted(name for content, name in names.items() if name and content not in held)


def check_replay(settings: Settings, replay_selection: ReplaySelection) -> None:
    """Raise the `ReplayError`, `SettingsError` or `RawStoreError` that `ingest` would raise."""
    accounts = read_seeds(settings.seeds).accounts
    with duckdb.connect() as con, ledger.explain_errors(settings):
        if not ledger.ledger_folder(settings).exists():
            raise ReplayError(
                "No file has been ingested yet, so none can be read again: run `make run` first."
            )
        found, _ = find_files(settings, accounts)
        files_to_replay(con, settings, accounts, found, ledger.read_seen(con, settings), replay_selection)


def files_to_replay(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    accounts: dict[str, Account],
    found: list[LandedFile],
    seen: ledger.Seen,
    replay_selection: ReplaySelection,
) -> dict[FileContent, list[LandedFile]]:
    """Return the files of landing to read again, by content. Rejected files that are gone are left out.

    Raises `ReplayError` if loaded files are no longer in landing, unless `replay_selection.force`.
    """
    names = replay.choose(con, settings, accounts, replay_selection)
    held = _holders(settings, found, seen, set(names))
    gone = [name for content, name in names.items() if name and content not in held]
    if gone and not replay_selection.force:
        raise ReplayError(
            f"{len(gone):,} of these files are no longer in landing as they were loaded:\n"
            f"{format_names(gone)}\n"
            "Restore them, or use force: they keep their current records, and the others are read again."
        )
    if not held:
        raise ReplayError("None of these files is in landing any more: there is nothing to read again.")
    return held


def require_all(settings: Settings, read: set[str], chosen: dict[FileContent, list[LandedFile]]) -> None:
    """Raise `ReplayError` if a chosen file is not among the names `read`, as its rows would be lost."""
    missing = {
        file.name
        for files in chosen.values()
        for file in files
        if file.name not in read or file.has_changed()
    }
    if missing:
        raise ReplayError(
            f"{len(missing):,} of these files changed or cannot be opened; nothing was replaced:\n"
            f"{format_names(sorted(missing))}\nMake sure that they can be read, and replay again."
        )


def _is_known(file: LandedFile, seen: ledger.Seen) -> bool:
    return (file.name, file.size, file.modified_us) in seen.states


def _holders(
    settings: Settings, found: list[LandedFile], seen: ledger.Seen, contents: set[FileContent]
) -> dict[FileContent, list[LandedFile]]:
    """Return the files with each of these contents. Only files that the ledger does not know are read."""
    held: dict[FileContent, list[LandedFile]] = defaultdict(list)
    unknown = unknown_files(settings, found, seen)
    for file in found:
        if _is_known(file, seen):
            content = file.content(seen.states[file.name, file.size, file.modified_us])
            if content in contents:
                held[content].append(file)
    if contents - held.keys():
        file_id = cache(file_bytes.file_id)
        for file in copy_if_remote(settings, unknown)[0]:
            with suppress(OSError):  # a file that cannot be opened cannot be replayed
                if (content := file.content(file_id(file.path))) in contents:
                    held[content].append(file)
    return held
