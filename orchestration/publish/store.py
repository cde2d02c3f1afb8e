"""The store of releases: publishing, rollback, and retention.

Belongs here: swapping releases, and keeping and removing them, under one lock. Does not: the content of a
release (`build`) and its `release.json` (`release`).

Files under construction have names that begin with `.building-`; the next run removes those that a crash
left. Replacing `reports.duckdb` publishes a release. `release.json` is replaced after it; the next release
repairs a crash between the two.
"""

import fcntl
import logging
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from orchestration.common.files import link, readable_by_others, remove, sync
from orchestration.ingest.raw_store.erasure import state_digest
from orchestration.publish.build import build_release
from orchestration.publish.preconditions import verify_candidate
from orchestration.publish.reader import FILE
from orchestration.publish.release import (
    RELEASE_FILE,
    RELEASES,
    PublishError,
    Release,
    current_release,
    is_complete,
    is_intact,
    published_id,
    read_release,
    write_release,
)
from orchestration.settings import Settings

BUILDING = ".building-"
ID_TIME = "%Y%m%dT%H%M%SZ"
ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}")

log = logging.getLogger(__name__)


def publish(
    settings: Settings, checks: Mapping[str, Sequence[str]], progress: Callable[[str], None] = log.info
) -> Release:
    """Copy the candidate to a new release, verify it, swap it in, and return it.

    `checks` has the names of the checks that `passed` and `warned`. Raises `PublishError` if the candidate is
    incomplete or unreadable, or if the new release is invalid. The current release then stays in place.
    """
    build = verify_candidate(settings)
    published = settings.published_path
    with readable_by_others():
        (published / RELEASES).mkdir(parents=True, exist_ok=True)
    with readable_by_others(), _store_lock(published):
        current, now = published_id(settings), datetime.now(UTC)
        release_id = _next_id(published, current, now)  # also later than removed and withdrawn releases
        _remove_leftovers(published, current)
        file = published / f"{BUILDING}{release_id}.duckdb"
        folder = published / RELEASES / f"{BUILDING}{release_id}"
        progress(f"Building release {release_id} from build {build.build_id}")
        try:
            before = _release_before(settings)
            release = build_release(settings, build, release_id, now, checks, file, folder, before)
            folder.rename(published / release.folder)
            sync(published / RELEASES)
            _swap(published, file, release)
        except (duckdb.Error, OSError) as error:
            raise PublishError(f"Release {release_id} was not published: {error}") from error
        finally:
            _remove_leftovers(published, None)
        _prune(settings)
    progress(f"Published {release_id}, data through {release.data_through}")
    return release


def rollback(settings: Settings, release_id: str | None = None) -> Release:
    """Swap in a kept release, by default the one before the current release, and return it.

    The release that it replaces is kept until the next one is published. Raises `PublishError` if there is no
    such release, or if it is damaged.
    """
    published, current = settings.published_path, current_release(settings)
    if current is None and not any(published.glob(f"{RELEASES}/*/{FILE}")):
        raise PublishError(f"There is no release in {published} to roll back to: run `make run`.")
    with readable_by_others(), _store_lock(published):
        kept = [path.name for path in _releases(published / RELEASES) if is_complete(path, hash_all=True)]
        earlier = [name for name in kept if current is None or name < current.release_id]
        wanted = release_id or max(earlier, default=None)
        if wanted not in kept:
            missing = (
                f"Release {wanted} is not kept, or is damaged"
                if wanted
                else "No earlier valid release is kept"
            )
            raise PublishError(
                f"{missing}. Kept: {', '.join(kept) or 'none'}. CONVERSATIONS_KEEP_RELEASES sets the number"
                " of releases to keep."
            )
        folder = published / RELEASES / wanted
        release = read_release(folder / RELEASE_FILE)
        if current and is_intact(settings, current):
            withdrawn = current.withdrawn or current.fingerprint
            release = replace(release, withdrawn=None if withdrawn == release.fingerprint else withdrawn)
        file = published / f"{BUILDING}{wanted}.duckdb"
        file.unlink(missing_ok=True)
        link(folder / FILE, file)
        _swap(published, file, release)
    return release


def outdated_releases(settings: Settings) -> list[Path]:
    """Return the folders of kept releases that can contain a contact erased since."""
    erased = state_digest(settings)
    releases = {
        path: read_release(path / RELEASE_FILE) for path in _releases(settings.published_path / RELEASES)
    }
    return [
        path
        for path, release in releases.items()
        if erased and (release is None or release.erasures != erased)
    ]


def _release_before(settings: Settings) -> Release | None:
    """Return the current release if the new one can share files with it."""
    current = current_release(settings)
    if current is None or current.erasures != state_digest(settings):
        return None
    return current if is_intact(settings, current) else None


def _swap(published: Path, file: Path, release: Release) -> None:
    """Replace `reports.duckdb` with the file, then `release.json`."""
    description = published / f"{BUILDING}{release.release_id}.json"
    write_release(release, description)
    sync(description)
    file.replace(published / FILE)
    description.replace(published / RELEASE_FILE)
    sync(published)


@contextmanager
def _store_lock(published: Path) -> Iterator[None]:
    """Hold the lock of the published files, or wait for it."""
    folder = os.open(published, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _next_id(published: Path, current: str | None, now: datetime) -> str:
    """Return an id that sorts after all others, even if the clock was set back."""
    known = [*(path.name for path in _releases(published / RELEASES)), *([current] if current else [])]
    latest = max((datetime.strptime(name[:16], ID_TIME).replace(tzinfo=UTC) for name in known), default=None)
    moment = max(now, latest + timedelta(seconds=1)) if latest else now
    return f"{moment:{ID_TIME}}-{secrets.token_hex(4)}"


def _releases(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if ID.fullmatch(path.name))


def _remove_leftovers(published: Path, current: str | None) -> None:
    """Remove what a crash left: incomplete files and, given the current release, folders of later ones."""
    orphans = [path for path in _releases(published / RELEASES) if current and path.name > current]
    for path in [*published.glob(f"{BUILDING}*"), *published.glob(f"{RELEASES}/{BUILDING}*"), *orphans]:
        remove(path)


def _prune(settings: Settings) -> None:
    """Remove the oldest releases above the limit, and those that can contain an erased contact."""
    releases = _releases(settings.published_path / RELEASES)
    for path in {*releases[: -settings.keep_releases], *outdated_releases(settings)}:
        shutil.rmtree(path)
