"""Private files that are moved into landing atomically.

Belongs here: permissions, names and order on disk. Does not: the content.
"""

import os
from datetime import UTC, datetime
from pathlib import Path

from orchestration.common.files import replace, sync
from orchestration.settings import Settings, SettingsError


def landing_folder(settings: Settings, account_id: str) -> Path:
    """Return the folder of an account in landing. Raises `SettingsError` if landing is a URL."""
    if settings.landing_url:
        raise SettingsError(
            f"CONVERSATIONS_LANDING={settings.landing_url}: fetched and received files need a folder; set"
            " it to a local folder"
        )
    folder = settings.landing_path / account_id
    make_folder(folder)
    return folder


def make_folder(folder: Path) -> Path:
    """Create a folder and its missing parents, accessible to their owner only. Return the folder."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(mode=0o700, exist_ok=True)
    return folder


def open_private(path: Path, flags: int = os.O_TRUNC) -> int:
    """Open a file for writing, readable by its owner only. Return its descriptor."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | flags, 0o600)


def move_into_landing(path: Path, folder: Path, suffix: str) -> Path:
    """Rename a complete file to a name that sorts after all earlier ones. Return the new path."""
    while (target := folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}{suffix}").exists():
        pass
    path.rename(target)
    sync(folder)
    return target


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file with this content, readable by its owner only."""
    written = path.with_name(f".{path.name}.tmp")
    with os.fdopen(open_private(written), "wb") as file:
        file.write(content)
    replace(written, path)
