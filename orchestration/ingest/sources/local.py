"""What lies in landing: whose file each one is, and which folders nobody can place.

Belongs here: the accounts, the rating scales, and finding files. Does not: opening one (`content`), how a
landing behind a URL is read (`remote`), nor knowing which were loaded before (`ledger`).
"""

import csv
import os
import re
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from orchestration.common.sql import printable
from orchestration.ingest.platforms import PLATFORMS
from orchestration.ingest.platforms.schema import Platform, Source
from orchestration.ingest.sources import remote
from orchestration.settings import Settings, SettingsError

DEFAULT_SCALE = (1, 5)
UNFINISHED = (".tmp", ".part", ".crdownload")
# Ids of accounts name folders and pages, and stand before the colon in every other id.
_ACCOUNT_ID = re.compile(r"[^./\\:\s][^/\\:\s]{0,99}")


@dataclass(frozen=True)
class Account:
    """A tenant: the platform its exports come from, and the zone of the times written without one."""

    account_id: str
    platform: Platform
    time_zone: str


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


def read_accounts(seeds: Path) -> dict[str, Account]:
    """Return the accounts by id. Raises `SettingsError` for an id, a platform or a zone that cannot be."""
    accounts = {}
    for _, row in read_seed(seeds / "accounts.csv", "account_id", "platform", "time_zone"):
        account_id, platform, zone = row["account_id"], row["platform"], row["time_zone"]
        if not _ACCOUNT_ID.fullmatch(account_id) or printable(account_id) != account_id:
            raise SettingsError(
                f"accounts.csv: {account_id!r} cannot name an account; write at most 100 characters, none of"
                " them a space, / \\ or :, and the first no point"
            )
        if platform not in PLATFORMS:
            raise SettingsError(
                f"accounts.csv: account {account_id} has platform {platform!r}, which nobody declared;"
                f" write one of {', '.join(PLATFORMS)}"
            )
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise SettingsError(
                f"accounts.csv: account {account_id} has time zone {zone!r}, which does not exist;"
                " write for example Europe/Rome"
            ) from None
        accounts[account_id] = Account(account_id, PLATFORMS[platform], zone)
    return accounts


def read_rating_scales(seeds: Path) -> dict[str, tuple[int, int]]:
    """Return the lowest and highest rating by platform. Raises `SettingsError` for a scale that is none."""
    scales = dict.fromkeys(PLATFORMS, DEFAULT_SCALE)
    for _, row in read_seed(seeds / "csat_scales.csv", "platform", "rating_min", "rating_max"):
        try:
            scales[row["platform"]] = int(row["rating_min"]), int(row["rating_max"])
        except ValueError:
            raise SettingsError(
                f"csat_scales.csv: the scale of platform {row['platform']!r} is not two whole numbers"
            ) from None
    return scales


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


def read_seed(path: Path, *columns: str) -> list[tuple[int, dict[str, str]]]:
    """Return the rows of a seed, each with its line. Raises `SettingsError` if the seed or a column lacks."""
    if not path.is_file():
        raise SettingsError(f"{path}: the seed is missing")
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        if missing := set(columns) - set(reader.fieldnames or ()):
            raise SettingsError(f"{path}: the seed lacks the columns {', '.join(sorted(missing))}")
        return [(reader.line_num, row) for row in reader]


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
