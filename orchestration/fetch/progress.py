"""How far each account was fetched: one small JSON file, and a lock beside it.

Belongs here: reading and writing it. Does not: what the parts of a fetch are.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError

from orchestration.common.locks import exclusive
from orchestration.fetch.client import FetchError
from orchestration.fetch.files import make_folder, write_whole
from orchestration.settings import Settings


class Part(BaseModel):
    """How far one list of the API was fetched; times are the server's, in unix seconds.

    - `since`: what changed before that is in landing; None until the list was read once to its end
    - `started`: when the reading began that is under way, or was interrupted
    - `page`: the page at which it continues
    """

    since: float | None = None
    started: float | None = None
    page: int = 1


class Progress(BaseModel):
    """How far an account was fetched: its lists by name, and the digests of what is written on change."""

    parts: dict[str, Part] = Field(default_factory=dict)
    digests: dict[str, str] = Field(default_factory=dict)

    def part(self, name: str) -> Part:
        """Return the part of this name, at its beginning if there is none."""
        return self.parts.setdefault(name, Part())


class ProgressFile:
    """The file of an account's progress."""

    def __init__(self, settings: Settings, account_id: str):
        self.path = settings.fetch_path / f"{account_id}.json"

    @property
    def latest_path(self) -> Path:
        """File of the digests of the records that were fetched, for an API that lists no changes."""
        return self.path.with_suffix(".latest")

    def forget(self) -> None:
        """Let the next fetch begin with the whole account."""
        self.path.unlink(missing_ok=True)
        self.latest_path.unlink(missing_ok=True)

    def read(self) -> Progress:
        """Return what the file holds. Raises `FetchError` where it is damaged."""
        try:
            return Progress.model_validate_json(self.path.read_bytes())
        except FileNotFoundError:
            return Progress()
        except ValidationError:
            raise FetchError(
                f"{self.path} is damaged; remove it, and the next fetch reads the whole account again"
            ) from None

    def write(self, progress: Progress) -> None:
        """Replace the file; once this returns it is on disk."""
        write_whole(self.path, progress.model_dump_json(exclude_defaults=True).encode())


class Latest:
    """The latest version of each record of an account, as digests: 8 bytes of its key, 8 of its content."""

    def __init__(self, path: Path):
        self._path = path
        content = path.read_bytes() if path.exists() else b""
        starts = range(0, len(content) - 15, 16)
        self._digests = {content[at : at + 8]: content[at + 8 : at + 16] for at in starts}

    def update(self, entity: str, record: dict) -> bool:
        """Note a record of an entity; return whether it is new or differs from the version noted before."""
        key, version = _digest([entity, record["id"]]), _digest(record)
        differs = self._digests.get(key) != version
        self._digests[key] = version
        return differs

    def save(self) -> None:
        """Write the digests to disk. The records must be in landing."""
        write_whole(self._path, b"".join(key + version for key, version in self._digests.items()))


@contextmanager
def one_fetch(settings: Settings, account_id: str) -> Iterator[None]:
    """Hold the account's lock. Raises `FetchError` where another fetch of the account is under way."""

    def give_up() -> None:
        raise FetchError(f"another fetch of account {account_id} is under way; wait for its end")

    make_folder(settings.fetch_path)
    with exclusive(settings.fetch_path / f"{account_id}.lock", waiting=give_up):
        yield


def _digest(value: object) -> bytes:
    return hashlib.blake2b(json.dumps(value, sort_keys=True).encode(), digest_size=8).digest()
