"""A release: its description in `release.json`, the current release, and the integrity of its files.

Belongs here: `release.json`, its fields, reading and writing it, and the digests of the files. Does not: how
a release is built (`build`) and swapped in (`store`).

`published/` contains `reports.duckdb`, `release.json` and, for each of the last releases, a folder
`releases/<release_id>/` with both files for a rollback, and the tables as Parquet. The macro `release()` in
`reports.duckdb` identifies its release. If `release.json` has another id, a crash interrupted the swap: the
`release.json` in the folder of the release is then valid, until the next run writes both.
"""

import json
import logging
from dataclasses import asdict, dataclass, field, replace
from hashlib import file_digest
from pathlib import Path

import duckdb

from orchestration.publish.reader import FILE, reader
from orchestration.settings import Settings

RELEASE_FILE = "release.json"
RELEASES = "releases"

log = logging.getLogger(__name__)


class PublishError(Exception):
    """The release is not published, and the current one stays. The message has the reason and the remedy."""


@dataclass(frozen=True)
class Release:
    """The content of `release.json`. Instants are ISO 8601 texts in UTC, of whole seconds.

    - `data_through`: time of the latest message
    - `accounts`: `data_through` and `time_zone` of each account
    - `rows`: row count of each published table
    - `checks`: names of the checks that `passed` and `warned`
    - `source_files`: number of ingested files
    - `fingerprint`: digest of the inputs of the candidate
    - `parquet`: folder of the Parquet files, relative to `published/`; None without
    - `build_id`: the last build of the copied candidate; None in files of earlier versions
    - `erasures`: digest of the erased contacts in the inputs of the candidate; empty without
    - `withdrawn`: fingerprint of the later release that a rollback replaced with this one
    - `digests`: SHA-256 of each file in the release's folder except `release.json`
    - `states`: size in bytes and mtime_ns of the same files
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
        """The folder of the release, relative to `published/`."""
        return f"{RELEASES}/{self.release_id}"


def current_release(settings: Settings) -> Release | None:
    """Return the current release, or None and log a warning with the reason."""
    published, release_id = settings.published_path, published_id(settings)
    if release_id is None:
        if (published / FILE).exists():
            log.warning("%s cannot be read; run again, or use `make rollback`", published / FILE)
        return None
    # During a swap, `release.json` of the folder exists before the one next to `reports.duckdb`.
    for path in (published / RELEASE_FILE, published / RELEASES / release_id / RELEASE_FILE):
        release = read_release(path)
        if release and release.release_id == release_id:
            return release
    log.warning(
        "%s is of release %s, which has no %s in %s; run again", FILE, release_id, RELEASE_FILE, published
    )
    return None


def was_published(settings: Settings) -> bool:
    """Return whether files of a release exist, readable or not."""
    published = settings.published_path
    return (published / FILE).exists() or any(published.glob(f"{RELEASES}/*/{FILE}"))


def published_id(settings: Settings) -> str | None:
    """Return the id of the release in `reports.duckdb`, or None if it is missing or cannot be read."""
    try:
        with reader(settings) as connection:
            return connection.execute("select release_id from release()").fetchone()[0]
    except duckdb.Error:
        return None


def is_intact(settings: Settings, release: Release) -> bool:
    """Return whether all files of the current release exist and are unchanged. Logs a warning if not.

    A file with its published size and time counts as unchanged. Others are hashed.
    """
    published = settings.published_path
    is_unchanged = (
        read_release(published / RELEASE_FILE) == release
        and is_complete(published / release.folder)
        and (FILE not in release.digests or _is_same(published / FILE, FILE, release))
    )
    if not is_unchanged:
        log.warning("Files of release %s are missing or damaged in %s", release.release_id, published)
    return is_unchanged


def is_complete(folder: Path, hash_all: bool = False) -> bool:
    """Return whether the folder of a release has all its files unchanged."""
    release = read_release(folder / RELEASE_FILE)
    if release is None:
        return False
    try:
        return all(_is_same(folder / name, name, release, hash_all) for name in release.digests)
    except OSError:
        return False


def read_release(path: Path) -> Release | None:
    """Return the release in a `release.json`, or None if it is missing or, with a warning, unreadable."""
    try:
        return Release(**json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        log.warning("%s cannot be read (%s); the next release replaces it", path, error)
        return None


def write_release(release: Release, path: Path) -> None:
    """Write a release to a `release.json`."""
    path.write_text(json.dumps(asdict(release), indent=2) + "\n")


def with_digests(release: Release, folder: Path, before: Release | None) -> Release:
    """Return the release with the digests of its files. Digests of linked files come from `before`."""
    files = {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*")) if path.is_file()}
    states = {name: _state(path) for name, path in files.items()}
    same = {name for name in files if before and before.states.get(name) == states[name]}
    digests = {name: before.digests[name] if name in same else _digest(files[name]) for name in files}
    return replace(release, digests=digests, states=states)


def _is_same(path: Path, name: str, release: Release, hash_all: bool = False) -> bool:
    """Return whether a file is unchanged since it was published. Raises `OSError` if it is missing."""
    is_untouched = _state(path) == release.states.get(name)
    return (is_untouched and not hash_all) or _digest(path) == release.digests[name]


def _state(path: Path) -> list[int]:
    state = path.stat()
    return [state.st_size, state.st_mtime_ns]


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()
