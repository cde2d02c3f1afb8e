"""Files that only their owner can read, and that appear in landing as a whole or not at all.

Belongs here: permissions, names and order on disk. Does not: what is in them.
"""

import os
from datetime import UTC, datetime
from pathlib import Path

from orchestration.common.files import replace, sync
from orchestration.settings import Settings, SettingsError


def landing_folder(settings: Settings, account_id: str) -> Path:
    """Return an account's folder of landing. Raises `SettingsError` where landing is behind a URL."""
    if settings.landing_url:
        raise SettingsError(
            f"CONVERSATIONS_LANDING={settings.landing_url}: files are fetched and received into a folder"
            " only; set it to a folder of this machine"
        )
    folder = settings.landing_path / account_id
    make_folder(folder)
    return folder


def make_folder(folder: Path) -> Path:
    """Make a folder, and those above it, that only its owner can open; return it."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(mode=0o700, exist_ok=True)
    return folder


def open_private(path: Path, flags: int = os.O_TRUNC) -> int:
    """Open a file for writing that only its owner can read; return its descriptor."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | flags, 0o600)


def appear(path: Path, folder: Path, suffix: str) -> Path:
    """Rename a finished file within its folder to a name that sorts after all earlier ones; return it."""
    while (target := folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}{suffix}").exists():
        pass
    path.rename(target)
    sync(folder)
    return target


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file by one with this content that only its owner can read."""
    written = path.with_name(f".{path.name}.tmp")
    with os.fdopen(open_private(written), "wb") as file:
        file.write(content)
    replace(written, path)
