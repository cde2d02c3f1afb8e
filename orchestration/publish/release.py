"""What a release is: its note, which release readers see, and whether its files are as published.

Belongs here: `release.json`, its fields, reading and writing it, and the digests of a release's files. Does
not: how a release is built (see `build`) and how it replaces the one before it (see `store`).

`published/` holds `reports.duckdb`, `release.json` and, for each of the last releases, a folder
`releases/<release_id>/` with the two files again, to go back to, the tables as Parquet, and `schema.json`,
the JSON Schema of their rows. The macro `release()` of `reports.duckdb` states which release it is. Where
`release.json` states another one, a crash interrupted the swap: the note in the release's own folder is valid
until the next run writes both.
"""

import json
import logging
from dataclasses import asdict, dataclass, field, replace
from hashlib import file_digest
from pathlib import Path

import duckdb

from orchestration.publish.reader import FILE, reader
from orchestration.settings import Settings

NOTE = "release.json"
RELEASES = "releases"

log = logging.getLogger(__name__)


class PublishError(Exception):
    """The release was not published and the one before it is in place; the message has reason and remedy."""


@dataclass(frozen=True)
class Release:
    """The content of `release.json`. Instants are ISO 8601 texts in UTC, of whole seconds.

    - `data_through`: the time of the latest message; `accounts` has it and the `time_zone` of each account
    - `rows`: the number of rows of each published table
    - `checks`: the names of the checks that `passed` and `warned`
    - `source_files`: how many files were ingested
    - `fingerprint`: the digest of the batches and rules that the candidate was built from
    - `parquet`: the folder of the tables as Parquet, relative to `published/`; None where they were left out
    - `build_id`: the last build of the candidate that was copied; None in notes of earlier versions
    - `erasures`: what identifies the erased contacts of what the candidate was built from; empty: none are
    - `withdrawn`: the fingerprint of the later release that a rollback replaced by this one
    - `digests`, `states`: of each file of the release's folder but the note, the SHA-256; bytes and mtime_ns
    """

    release_id: str
    published_at: str
    data_through: str | None
    accounts: dict[str, dict[str, str | None]]
    rows: dict[str, int]
    checks: dict[str, list[str]]
    source_files: int
    code_version: str
    fingerprint: str
    parquet: str | None
    build_id: str | None = None
    erasures: str = ""
    withdrawn: str | None = None
    digests: dict[str, str] = field(default_factory=dict)
    states: dict[str, list[int]] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        """The folder of the release's own files, relative to `published/`."""
        return f"{RELEASES}/{self.release_id}"


def current_release(settings: Settings) -> Release | None:
    """Return the release that readers see; None, with a warning that has the reason, where it is unknown."""
    published, release_id = settings.published_path, published_id(settings)
    if release_id is None:
        if (published / FILE).exists():
            log.warning("%s cannot be read; run again, or go back by `make rollback`", published / FILE)
        return None
    # The file first: while a release is swapped in, the note in its folder is there before `release.json`.
    for path in (published / NOTE, published / RELEASES / release_id / NOTE):
        release = read_note(path)
        if release and release.release_id == release_id:
            return release
    log.warning("%s holds release %s, which has no note in %s; run again", FILE, release_id, published)
    return None


def was_published(settings: Settings) -> bool:
    """Return whether there are files of a release, readable or not."""
    published = settings.published_path
    return (published / FILE).exists() or any(published.glob(f"{RELEASES}/*/{FILE}"))


def published_id(settings: Settings) -> str | None:
    """Return the id of the release in `reports.duckdb`; None if there is none or it cannot be read."""
    try:
        with reader(settings) as connection:
            return connection.execute("select release_id from release()").fetchone()[0]
    except duckdb.Error:
        return None


def is_intact(settings: Settings, release: Release) -> bool:
    """Return whether all files of the current release are there, unchanged; warn where not.

    A file of the size and time that it was published with counts as unchanged; any other is read through.
    """
    published = settings.published_path
    is_whole = (
        read_note(published / NOTE) == release
        and is_sound(published / release.folder)
        and (FILE not in release.digests or _is_same(published / FILE, FILE, release))
    )
    if not is_whole:
        log.warning("Files of release %s are missing or damaged in %s", release.release_id, published)
    return is_whole


def is_sound(folder: Path, thoroughly: bool = False) -> bool:
    """Return whether the folder of a release holds all its files as they were published."""
    release = read_note(folder / NOTE)
    if release is None:
        return False
    try:
        return all(_is_same(folder / name, name, release, thoroughly) for name in release.digests)
    except OSError:
        return False


def read_note(path: Path) -> Release | None:
    """Return the release of a note; None, with a warning unless there is no file, where it cannot be read."""
    try:
        return Release(**json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        log.warning("%s cannot be read (%s); the next release replaces it", path, error)
        return None


def write_note(release: Release, path: Path) -> None:
    """Write the note of a release."""
    path.write_text(json.dumps(asdict(release), indent=2) + "\n")


def sealed(release: Release, folder: Path, before: Release | None) -> Release:
    """Return the release with the digests of the files in its folder; of shared ones `before` has them."""
    files = {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*")) if path.is_file()}
    states = {name: _state(path) for name, path in files.items()}
    same = {name for name in files if before and before.states.get(name) == states[name]}
    digests = {name: before.digests[name] if name in same else _digest(files[name]) for name in files}
    return replace(release, digests=digests, states=states)


def _is_same(path: Path, name: str, release: Release, thoroughly: bool = False) -> bool:
    """Return whether a file is as it was published by this name. Raises `OSError` where there is none."""
    is_untouched = _state(path) == release.states.get(name)
    return (is_untouched and not thoroughly) or _digest(path) == release.digests[name]


def _state(path: Path) -> list[int]:
    state = path.stat()
    return [state.st_size, state.st_mtime_ns]


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()
