"""Landing behind a URL, such as `s3://bucket/prefix`: listing objects, and keeping local copies.

Belongs here: every use of fsspec. Does not: the account of an object (`local`), nor which objects are new
(`raw_store.ledger`). Objects are only read. The folder of the copies belongs to this module.
"""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from zlib import crc32

import fsspec

from orchestration.settings import Settings, SettingsError

MAX_PARALLEL_COPIES = 8
# Keys under which the file systems of fsspec report the modification time.
_MODIFIED_KEYS = ("LastModified", "last_modified", "mtime", "updated", "modified", "created")


def list_objects(url: str) -> tuple[dict[str, tuple[int, int]], list[str]]:
    """Return size and time (microseconds since 1970) of the objects by name, and a message for each bad name.

    A hash of the ETag, if any, replaces the fraction of the second: S3 has whole seconds, and an object
    can be replaced within one. Raises `SettingsError` if the store cannot be listed.
    """
    objects, skipped = {}, []
    with _explain_errors(url, "listed"):
        files, root = _open(url)
        for path, info in files.find(root, detail=True).items():
            name = path.removeprefix(root.rstrip("/") + "/")
            if name in (path, "") or path.endswith("/") or info["type"] != "file":
                continue
            if _is_valid_name(name):
                objects[name] = _state(info)
            else:
                skipped.append(f"{name!r}: not a valid file name; rename the object")
    return objects, sorted(skipped)


def copy(settings: Settings, wanted: Iterable[tuple[str, int, int]]) -> list[str]:
    """Copy objects, given by name, size and time, unless copied before. Return a message for each not copied.

    A copy has the time of its object and is written atomically. Raises `SettingsError` if the store fails; a
    later call continues from there.
    """
    url = settings.landing_url
    with _explain_errors(url, "opened"):
        files, root = _open(url)

    def copy_one(number: int, name: str, size: int, modified_us: int) -> str | None:
        target = settings.landing_path / name
        if target.exists() and _local_state(target) == (size, modified_us):
            return None
        partial = target.with_name(f".{os.getpid()}-{number}")
        source = f"{root.rstrip('/')}/{name}"
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            files.get_file(source, str(partial))
            # The object may have been replaced while it was read, perhaps in several parts.
            if (partial.stat().st_size, _state(files.info(source))) != (size, (size, modified_us)):
                raise FileNotFoundError
            os.utime(partial, ns=(modified_us * 1000, modified_us * 1000))
            partial.replace(target)
        except FileNotFoundError:
            return f"{name}: it changed while it was copied; it is left for the next run"
        except PermissionError as error:
            return f"{name}: it cannot be copied ({_reason(error)}); let this user read it"
        finally:
            partial.unlink(missing_ok=True)
        return None

    with _explain_errors(url, "copied"), ThreadPoolExecutor(MAX_PARALLEL_COPIES) as pool:
        messages = list(pool.map(lambda job: copy_one(job[0], *job[1]), enumerate(sorted(set(wanted)))))
    return [message for message in messages if message]


def remove_copies(settings: Settings, names: set[str]) -> None:
    """Remove all copies except those of these names: deleting an object deletes its copy."""
    for path in list(settings.landing_path.rglob("*")):
        if path.is_file() and path.relative_to(settings.landing_path).as_posix() not in names:
            path.unlink()


def _open(url: str) -> tuple[fsspec.AbstractFileSystem, str]:
    files, root = fsspec.url_to_fs(url)
    files.invalidate_cache()
    return files, root


def _is_valid_name(name: str) -> bool:
    """Return whether a name is a path inside landing on any system, and identifies one object."""
    parts = name.split("/")
    return (
        not {"", ".", ".."}.intersection(parts)
        and not any(sign in name for sign in ("\\", "\0", "?versionId="))
        and all(len(part.encode()) <= 255 for part in parts)
    )


def _state(info: dict) -> tuple[int, int]:
    changed = next((info[key] for key in _MODIFIED_KEYS if info.get(key)), None)
    if changed is None:
        raise ValueError("this kind of store does not report modification times")
    seconds = changed.timestamp() if isinstance(changed, datetime) else float(changed)
    tag = info.get("ETag") or info.get("etag")
    micros = int(seconds) * 1_000_000 + crc32(tag.encode()) % 1_000_000 if tag else int(seconds * 1_000_000)
    return info["size"], micros


def _local_state(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns // 1000


@contextmanager
def _explain_errors(url: str, done: str):
    """Convert the errors of any file system into a `SettingsError`."""
    try:
        yield
    except ImportError as error:
        kind = url.split("://")[0]
        remedy = (
            "pip install -r requirements-s3.txt" if kind in ("s3", "s3a") else "install the missing package"
        )
        raise SettingsError(f"CONVERSATIONS_LANDING={url}: {_reason(error)}; {remedy}") from None
    except Exception as error:
        raise SettingsError(
            f"CONVERSATIONS_LANDING={url}: it cannot be {done} ({_reason(error)}); check the address, the"
            " network and the credentials (for S3: the variables AWS_…), and run again"
        ) from None


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
