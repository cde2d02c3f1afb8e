"""The files in landing: the account and entity of each, and a message for what belongs to none.

Belongs here: finding files. Does not: opening one (`parsing`), how a landing behind a URL is read (`remote`),
nor which were loaded before (`raw_store.ledger`).
"""

import os
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from orchestration.common.sql import printable
from orchestration.ingest.platforms.schema import Source
from orchestration.ingest.seeds import Account
from orchestration.ingest.sources import remote
from orchestration.settings import Settings

UNFINISHED = (".tmp", ".part", ".crdownload")


@dataclass(frozen=True, order=True)
class Entry:
    """What a folder of landing holds by one name; size and time are those of a file."""

    name: str
    is_folder: bool
    is_file: bool
    size: int = 0
    modified_us: int = 0
    is_link: bool = False


# Gives what the folder at a place such as "", "demo/" or "demo/messages/" holds.
Look = Callable[[str], list[Entry]]


@dataclass(frozen=True)
class LandedFile:
    """What one source has in a file of landing: a file with several sources stands here several times.

    `name` is its path in landing, `modified_us` microseconds since 1970. Of a landing behind a URL, `path` is
    where the local copy lies, once there is one.
    """

    path: Path
    name: str
    account: Account
    source: Source
    size: int
    modified_us: int

    def has_changed(self) -> bool:
        """Return whether the file is no longer what it was when it was found."""
        return has_changed(self.path, self.size, self.modified_us)

    def identity(self, file_id: str) -> tuple[str, str, str, str]:
        """Return account, folder, entity and id of its content: what is loaded once."""
        return self.account.account_id, self.path.parent.name, self.source.entity.name, file_id

    def content(self, file_id: str) -> tuple[str, str, str]:
        """Return account, folder and id of its content: what is read as one, with all its entities."""
        return self.account.account_id, self.path.parent.name, file_id


def settle(files: list[LandedFile], seconds: float) -> tuple[list[LandedFile], list[str]]:
    """Wait until these files are so old; return those that did not change, and a message for each other."""
    if seconds and (ages := [age for file in files if 0 <= (age := _age(file)) < seconds]):
        time.sleep(seconds - min(ages))
    steady = [file for file in files if not file.has_changed()]
    changed = sorted({file.name for file in files} - {file.name for file in steady})
    return steady, [left_for_later(name) for name in changed]


def has_changed(path: Path, size: int, modified_us: int) -> bool:
    """Return whether a file is no longer what it was when it was found."""
    try:
        stat = path.stat()
    except OSError:
        return True
    return (stat.st_size, stat.st_mtime_ns // 1000) != (size, modified_us)


def left_for_later(name: str) -> str:
    """Return the message for a file that changed while it was looked at."""
    return f"{name}: it is still being written; it is left for the next run"


def find_files(settings: Settings, accounts: dict[str, Account]) -> tuple[list[LandedFile], list[str]]:
    """Return the files in the order of their paths, and a message for everything that has no place.

    Behind a URL they are listed, not copied; raises `SettingsError` if that fails.
    """
    files: list[LandedFile] = []
    refused: list[str] = []
    look = partial(_local, settings.landing_path)
    if settings.landing_url:
        objects, refused = remote.list_objects(settings.landing_url)
        look = _tree(objects)
    for folder in _folders(look, refused, "put it into the folder of an account and an entity"):
        account = accounts.get(folder.name)
        if account is None:
            known = ", ".join(accounts) or "none"
            refused.append(
                f"{folder.name}/: no account of this name; add it to accounts.csv (known: {known})"
            )
            continue
        sources = account.platform.folders
        for subfolder in _folders(look, refused, "put it into the folder of its entity", f"{folder.name}/"):
            place = f"{folder.name}/{subfolder.name}/"
            if subfolder.name not in sources:
                known = ", ".join(sources)
                refused.append(f"{place}: no entity of {account.platform.name}; rename it (known: {known})")
                continue
            for entry in _files(look, place, refused):
                name = place + entry.name
                files += [
                    LandedFile(
                        settings.landing_path / name, name, account, source, entry.size, entry.modified_us
                    )
                    for source in sources[subfolder.name]
                ]
    return sorted(files, key=lambda file: file.name), refused


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


def _tree(objects: dict[str, tuple[int, int]]) -> Look:
    """Return what looks into the folders that the names of these objects make."""
    tree: dict[str, set[Entry]] = defaultdict(set)
    for name, (size, modified_us) in objects.items():
        *folders, file = name.split("/")
        for depth, folder in enumerate(folders):
            tree["".join(f"{above}/" for above in folders[:depth])].add(Entry(folder, True, False))
        tree["".join(f"{folder}/" for folder in folders)].add(Entry(file, False, True, size, modified_us))
    return lambda place: list(tree.get(place, ()))


def _visible(look: Look, place: str, refused: list[str]) -> list[Entry]:
    """Return what there is to see at a place; links and names that cannot be shown are refused.

    Whoever may write into landing could else have any file read that this program may read.
    """
    visible = []
    for entry in sorted(look(place)):
        name = place + entry.name
        if entry.name.startswith(".") or entry.name.endswith(UNFINISHED):
            continue
        if printable(name) != name:
            refused.append(
                f"{printable(name)}: the name is not UTF-8 or holds a control character; rename it"
            )
        elif entry.is_link:
            refused.append(f"{name}: a link, which is not followed; put the file or folder itself there")
        else:
            visible.append(entry)
    return visible


def _folders(look: Look, refused: list[str], remedy: str, place: str = "") -> list[Entry]:
    """Return the folders at a place; the files there are refused."""
    entries = _visible(look, place, refused)
    refused += [f"{place}{e.name}: a file out of place; {remedy}" for e in entries if not e.is_folder]
    return [entry for entry in entries if entry.is_folder]


def _files(look: Look, place: str, refused: list[str]) -> list[Entry]:
    """Return the files at a place; what else is there is refused."""
    entries = _visible(look, place, refused)
    refused += [
        f"{place}{e.name}: not a file; move the files of a folder one level up"
        for e in entries
        if not e.is_file
    ]
    return [entry for entry in entries if entry.is_file]
