"""How a release becomes the one that readers see, and how it stops being it.

Belongs here: publishing, rolling back, the swap, and what is kept and removed, under one lock. Does not: what
a release holds (see `build`) and what its note states (see `release`).

What is being built has a name that begins with `.building-`; where a crash left it, the next run removes it.
The swap of `reports.duckdb` is the publication: the note beside it follows, and a crash between the two is
repaired by the next release.
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
    NOTE,
    RELEASES,
    PublishError,
    Release,
    current_release,
    is_intact,
    is_sound,
    published_id,
    read_note,
    write_note,
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

    `checks` lists the names of the checks that `passed` and `warned`. Raises `PublishError` and leaves the
    current release in place where the candidate is not complete or cannot be read, or the new release is not
    as it should be.
    """
    build = verify_candidate(settings)
    published = settings.published_path
    with readable_by_others():
        (published / RELEASES).mkdir(parents=True, exist_ok=True)
    with readable_by_others(), _alone(published):
        current, now = published_id(settings), datetime.now(UTC)
        release_id = _next_id(published, current, now)  # later than the removed ones too, such as a withdrawn
        _sweep(published, current)
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
            _sweep(published, None)
        _prune(settings)
    progress(f"Published {release_id}, data through {release.data_through}")
    return release


def rollback(settings: Settings, release_id: str | None = None) -> Release:
    """Swap a kept release in: this one, else the last before the current; return it.

    The release it replaces is kept until the next one is published. A damaged release cannot be rolled
    back to. Raises `PublishError` where there is no such release.
    """
    published, current = settings.published_path, current_release(settings)
    if current is None and not any(published.glob(f"{RELEASES}/*/{FILE}")):
        raise PublishError(f"There is no release in {published} to go back to: run `make run`.")
    with readable_by_others(), _alone(published):
        kept = [path.name for path in _releases(published / RELEASES) if is_sound(path, thoroughly=True)]
        earlier = [name for name in kept if current is None or name < current.release_id]
        wanted = release_id or max(earlier, default=None)
        if wanted not in kept:
            missing = (
                f"Release {wanted} is not kept, or damaged" if wanted else "No earlier release is kept whole"
            )
            raise PublishError(
                f"{missing}. There is: {', '.join(kept) or 'none'}. CONVERSATIONS_KEEP_RELEASES sets how many"
                " are kept."
            )
        folder = published / RELEASES / wanted
        release = read_note(folder / NOTE)
        if current and is_intact(settings, current):
            withdrawn = current.withdrawn or current.fingerprint
            release = replace(release, withdrawn=None if withdrawn == release.fingerprint else withdrawn)
        file = published / f"{BUILDING}{wanted}.duckdb"
        file.unlink(missing_ok=True)
        link(folder / FILE, file)
        _swap(published, file, release)
    return release


def outdated_releases(settings: Settings) -> list[Path]:
    """Return the folders of the kept releases that may hold a contact that was erased since."""
    erased = state_digest(settings)
    notes = {path: read_note(path / NOTE) for path in _releases(settings.published_path / RELEASES)}
    return [path for path, note in notes.items() if erased and (note is None or note.erasures != erased)]


def _release_before(settings: Settings) -> Release | None:
    """Return the current release if the new one may share files with it."""
    current = current_release(settings)
    if current is None or current.erasures != state_digest(settings):
        return None
    return current if is_intact(settings, current) else None


def _swap(published: Path, file: Path, release: Release) -> None:
    """Make the file what readers see, and then the note that describes it."""
    note = published / f"{BUILDING}{release.release_id}.json"
    write_note(release, note)
    sync(note)
    file.replace(published / FILE)
    note.replace(published / NOTE)
    sync(published)


@contextmanager
def _alone(published: Path) -> Iterator[None]:
    """Let one process at a time change what is published; another waits for it."""
    folder = os.open(published, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _next_id(published: Path, current: str | None, now: datetime) -> str:
    """Return an id that sorts after every other, even where the clock went back."""
    known = [*(path.name for path in _releases(published / RELEASES)), *([current] if current else [])]
    latest = max((datetime.strptime(name[:16], ID_TIME).replace(tzinfo=UTC) for name in known), default=None)
    moment = max(now, latest + timedelta(seconds=1)) if latest else now
    return f"{moment:{ID_TIME}}-{secrets.token_hex(4)}"


def _releases(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if ID.fullmatch(path.name))


def _sweep(published: Path, current: str | None) -> None:
    """Remove what a crash left: half-built files and, given the current release, folders of later ones."""
    orphans = [path for path in _releases(published / RELEASES) if current and path.name > current]
    for path in [*published.glob(f"{BUILDING}*"), *published.glob(f"{RELEASES}/{BUILDING}*"), *orphans]:
        remove(path)


def _prune(settings: Settings) -> None:
    """Remove the releases that are too many, and those that may hold an erased contact."""
    releases = _releases(settings.published_path / RELEASES)
    for path in {*releases[: -settings.keep_releases], *outdated_releases(settings)}:
        shutil.rmtree(path)
