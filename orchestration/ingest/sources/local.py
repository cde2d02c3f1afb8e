"""The files in landing, each with its account and entity, and a message for each path without one.

Belongs here: finding files. Does not: opening them (`parsing`), reading a remote landing (`remote`), nor
the files loaded before (`raw_store.ledger`).
"""

import os
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from stat import S_ISREG

from orchestration.common.sql import printable
from orchestration.ingest.platforms.schema import Source
from orchestration.ingest.seeds import Account
from orchestration.ingest.sources import remote
from orchestration.settings import Settings

UNFINISHED = (".tmp", ".part", ".crdownload")


@dataclass(frozen=True, order=True)
class Entry:
    """An entry of a folder in landing. Size and time are those of a file."""

    name: str
    is_folder: bool
    is_file: bool
    size: int = 0
    modified_us: int = 0
    is_link: bool = False


# Returns the entries of a folder, given its path in landing such as "", "demo/" or "demo/messages/".
ListFolder = Callable[[str], list[Entry]]


@dataclass(frozen=True)
class LandedFile:
    """A file of landing for one source. A file with several sources has one object for each.

    - `path`: local path; for a landing behind a URL, the path of the local copy
    - `name`: path in landing
    - `modified_us`: modification time in microseconds since 1970
    """

    path: Path
    name: str
    account: Account
    source: Source
    size: int
    modified_us: int

    def has_changed(self) -> bool:
        """Return whether the file has changed since it was found."""
        return has_changed(self.path, self.size, self.modified_us)

    def identity(self, file_id: str) -> tuple[str, str, str, str]:
        """Return the key by which a content is loaded once: account, folder, entity and content id."""
        return self.account.account_id, self.path.parent.name, self.source.entity.name, file_id

    def content(self, file_id: str) -> tuple[str, str, str]:
        """Return the key of a content with all its entities: account, folder and content id."""
        return self.account.account_id, self.path.parent.name, file_id


def settle(files: list[LandedFile], seconds: float) -> tuple[list[LandedFile], list[str]]:
    """Wait until these files have this age. Return the unchanged ones, and a message for each changed one."""
    if seconds and (ages := [age for file in files if 0 <= (age := _age(file)) < seconds]):
        time.sleep(seconds - min(ages))
    unchanged = [file for file in files if not file.has_changed()]
    changed = sorted({file.name for file in files} - {file.name for file in unchanged})
    return unchanged, [left_for_later(name) for name in changed]


def has_changed(path: Path, size: int, modified_us: int) -> bool:
    """Return whether a file has changed since it was found, or is behind a link, which is not followed."""
    try:
        stat = path.lstat()
    except OSError:
        return True
    is_linked = path.parent.is_symlink() or path.parent.parent.is_symlink()
    return (
        is_linked
        or not S_ISREG(stat.st_mode)
        or (stat.st_size, stat.st_mtime_ns // 1000) != (size, modified_us)
    )


def left_for_later(name: str) -> str:
    """Return the message for a file that changed during the read."""
    return f"{name}: it is still being written; it is left for the next run"


def find_files(settings: Settings, accounts: dict[str, Account]) -> tuple[list[LandedFile], list[str]]:
    """Return the files in the order of their paths, and a message for each path without account or entity.

    Files behind a URL are listed, not copied. Raises `SettingsError` if that fails.
    """
    files: list[LandedFile] = []
    skipped: list[str] = []
    list_folder = partial(_local, settings.landing_path)
    if settings.landing_url:
        objects, skipped = remote.list_objects(settings.landing_url)
        list_folder = _tree(objects)
    for folder in _folders(list_folder, skipped, "move it into the folder of an account and an entity"):
        account = accounts.get(folder.name)
        if account is None:
            known = ", ".join(accounts) or "none"
            skipped.append(
                f"{folder.name}/: no account of this name; add it to accounts.csv (known: {known})"
            )
            continue
        sources = account.platform.folders
        for subfolder in _folders(
            list_folder, skipped, "move it into the folder of its entity", f"{folder.name}/"
        ):
            place = f"{folder.name}/{subfolder.name}/"
            if subfolder.name not in sources:
                known = ", ".join(sources)
                skipped.append(f"{place}: no entity of {account.platform.name}; rename it (known: {known})")
                continue
            for entry in _files(list_folder, place, skipped):
                name = place + entry.name
                files += [
                    LandedFile(
                        settings.landing_path / name, name, account, source, entry.size, entry.modified_us
                    )
                    for source in sources[subfolder.name]
                ]
    return sorted(files, key=lambda file: file.name), skipped


def _age(file: LandedFile) -> float:
    return time.time() - file.modified_us / 1e6


def _local(landing: Path, place: str) -> list[Entry]:
    if not (landing / place).is_dir():
        return []
    with os.scandir(landing / place) as entries:
        return [_local_entry(entry) for entry in entries]


def _local_entry(entry: os.DirEntry) -> Entry:
    if entry.is_symlink():
        return Entry(entry.name, is_folder=False, is_file=False, is_link=True)
    if not entry.is_file():
        return Entry(entry.name, is_folder=entry.is_dir(), is_file=False)
    stat = entry.stat()
    return Entry(entry.name, False, True, stat.st_size, stat.st_mtime_ns // 1000)


def _tree(objects: dict[str, tuple[int, int]]) -> ListFolder:
    """Return a function that lists the folders implied by the names of these objects."""
    tree: dict[str, set[Entry]] = defaultdict(set)
    for name, (size, modified_us) in objects.items():
        *folders, file = name.split("/")
        for depth, folder in enumerate(folders):
            tree["".join(f"{above}/" for above in folders[:depth])].add(Entry(folder, True, False))
        tree["".join(f"{folder}/" for folder in folders)].add(Entry(file, False, True, size, modified_us))
    return lambda place: list(tree.get(place, ()))


def _visible(list_folder: ListFolder, place: str, skipped: list[str]) -> list[Entry]:
    """Return the entries of a folder, without hidden and unfinished files, links and unprintable names.

    Following links would let users with write access to landing read any file of this program.
    """
    visible = []
    for entry in sorted(list_folder(place)):
        name = place + entry.name
        if entry.name.startswith(".") or entry.name.endswith(UNFINISHED):
            continue
        if printable(name) != name:
            skipped.append(
                f"{printable(name)}: the name is not UTF-8 or contains a control character; rename it"
            )
        elif entry.is_link:
            skipped.append(f"{name}: a link, which is not followed; replace it with the file or folder")
        else:
            visible.append(entry)
    return visible


def _folders(list_folder: ListFolder, skipped: list[str], remedy: str, place: str = "") -> list[Entry]:
    """Return the subfolders of a folder, and add a message for each file."""
    entries = _visible(list_folder, place, skipped)
    skipped += [f"{place}{e.name}: a file in the wrong folder; {remedy}" for e in entries if not e.is_folder]
    return [entry for entry in entries if entry.is_folder]


def _files(list_folder: ListFolder, place: str, skipped: list[str]) -> list[Entry]:
    """Return the files of a folder, and add a message for each other entry."""
    entries = _visible(list_folder, place, skipped)
    skipped += [
        f"{place}{e.name}: not a file; move the files of a folder one level up"
        for e in entries
        if not e.is_file
    ]
    return [entry for entry in entries if entry.is_file]
