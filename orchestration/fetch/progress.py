"""The fetch progress of each account: a small JSON file and a lock file.

Belongs here: reading and writing them. Does not: the parts of a fetch.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError

from orchestration.common.locks import exclusive
from orchestration.fetch.client import FetchError
from orchestration.fetch.files import make_folder, write_atomically
from orchestration.settings import Settings


class Part(BaseModel):
    """The progress of one list of the API. Times are the server's, in unix seconds.

    - `since`: changes before this time are in landing; None until the list was read completely once
    - `started`: start of the first complete read, while it is in progress or interrupted
    - `page`: page from which to continue
    """

    since: float | None = None
    started: float | None = None
    page: int = 1


class Progress(BaseModel):
    """The progress of an account: its lists by name, and digests of the data that is written on change."""

    parts: dict[str, Part] = Field(default_factory=dict)
    digests: dict[str, str] = Field(default_factory=dict)

    def part(self, name: str) -> Part:
        """Return the part with this name. A new part begins at the first page."""
        return self.parts.setdefault(name, Part())


class ProgressFile:
    """The progress file of an account."""

    def __init__(self, settings: Settings, account_id: str):
        self.path = settings.fetch_path / f"{account_id}.json"

    @property
    def latest_path(self) -> Path:
        """File of the digests of the fetched records, for an API that lists no changes."""
        return self.path.with_suffix(".latest")

    def reset(self) -> None:
        """Make the next fetch read the whole account."""
        self.path.unlink(missing_ok=True)
        self.latest_path.unlink(missing_ok=True)

    def read(self) -> Progress:
        """Return the progress in the file. Raises `FetchError` if it is damaged."""
        try:
            return Progress.model_validate_json(self.path.read_bytes())
        except FileNotFoundError:
            return Progress()
        except ValidationError:
            raise FetchError(
                f"{self.path} is damaged; remove it, and the next fetch reads the whole account again"
            ) from None

    def write(self, progress: Progress) -> None:
        """Replace the file, and flush it to disk."""
        write_atomically(self.path, progress.model_dump_json(exclude_defaults=True).encode())


class Latest:
    """The latest version of each record of an account: 8-byte digests of its key and content."""

    def __init__(self, path: Path):
        self._path = path
        content = path.read_bytes() if path.exists() else b""
        starts = range(0, len(content) - 15, 16)
        self._digests = {content[at : at + 8]: content[at + 8 : at + 16] for at in starts}

    def update(self, entity: str, record: dict) -> bool:
        """Store the version of a record. Return whether it is new or changed."""
        key, version = _digest([entity, record["id"]]), _digest(record)
        differs = self._digests.get(key) != version
        self._digests[key] = version
        return differs

    def save(self) -> None:
        """Write the digests to disk. Call this when the records are in landing."""
        write_atomically(self._path, b"".join(key + version for key, version in self._digests.items()))


@contextmanager
def fetch_lock(settings: Settings, account_id: str) -> Iterator[None]:
    """Hold the lock of an account. Raises `FetchError` if another fetch of the account is in progress."""

    def fail() -> None:
        raise FetchError(f"another fetch of account {account_id} is in progress; wait until it ends")

    make_folder(settings.fetch_path)
    with exclusive(settings.fetch_path / f"{account_id}.lock", waiting=fail):
        yield


def _digest(value: object) -> bytes:
    return hashlib.blake2b(json.dumps(value, sort_keys=True).encode(), digest_size=8).digest()
