"""Landing behind a URL, such as `s3://bucket/prefix`: what it holds, and the local copies of what is read.

Belongs here: all that is done with fsspec. Does not: whose file an object is (`landing`), nor which are new
(`ledger`). Objects are only read; the folder of the copies is this module's own.
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

AT_ONCE = 8
# The names under which the file systems of fsspec tell when a file changed.
_CHANGED = ("LastModified", "last_modified", "mtime", "updated", "modified", "created")


def list_objects(url: str) -> tuple[dict[str, tuple[int, int]], list[str]]:
    """Return size and time (microseconds since 1970) of the objects by name, and a message for each bad name.

    The fraction of the second stands for the ETag, where there is one: S3 tells whole seconds, and an object
    that was replaced within one is another. Raises `SettingsError` if there is no answer.
    """
    objects, refused = {}, []
    with _explained(url, "listed"):
        files, root = _open(url)
        for path, info in files.find(root, detail=True).items():
            name = path.removeprefix(root.rstrip("/") + "/")
            if name in (path, "") or path.endswith("/") or info["type"] != "file":
                continue
            if _is_a_name(name):
                objects[name] = _state(info)
            else:
                refused.append(f"{name!r}: no name for a file; rename the object")
    return objects, sorted(refused)


def copy(settings: Settings, wanted: Iterable[tuple[str, int, int]]) -> list[str]:
    """Copy the objects of these names, sizes and times, if not done before; return a message for each left.

    A copy carries the object's time, and is there as a whole or not at all. Raises `SettingsError` if the
    store fails; what was copied before is not copied again.
    """
    url = settings.landing_url
    with _explained(url, "opened"):
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

    with _explained(url, "copied"), ThreadPoolExecutor(AT_ONCE) as pool:
        messages = list(pool.map(lambda job: copy_one(job[0], *job[1]), enumerate(sorted(set(wanted)))))
    return [message for message in messages if message]


def remove_copies(settings: Settings, names: set[str]) -> None:
    """Remove every copy but those of these names: what was deleted there must not live on here."""
    for path in list(settings.landing_path.rglob("*")):
        if path.is_file() and path.relative_to(settings.landing_path).as_posix() not in names:
            path.unlink()


def _open(url: str) -> tuple[fsspec.AbstractFileSystem, str]:
    files, root = fsspec.url_to_fs(url)
    files.invalidate_cache()
    return files, root


def _is_a_name(name: str) -> bool:
    """Return whether a name stays inside its folder, on any system, and means one object."""
    parts = name.split("/")
    return (
        not {"", ".", ".."}.intersection(parts)
        and not any(sign in name for sign in ("\\", "\0", "?versionId="))
        and all(len(part.encode()) <= 255 for part in parts)
    )


def _state(info: dict) -> tuple[int, int]:
    changed = next((info[key] for key in _CHANGED if info.get(key)), None)
    if changed is None:
        raise ValueError("this kind of store does not tell when a file changed")
    seconds = changed.timestamp() if isinstance(changed, datetime) else float(changed)
    tag = info.get("ETag") or info.get("etag")
    micros = int(seconds) * 1_000_000 + crc32(tag.encode()) % 1_000_000 if tag else int(seconds * 1_000_000)
    return info["size"], micros


def _local_state(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns // 1000


@contextmanager
def _explained(url: str, done: str):
    """Turn whatever goes wrong, of which each file system has errors of its own, into one sentence."""
    try:
        yield
    except ImportError as error:
        kind = url.split("://")[0]
        remedy = "pip install -r requirements-s3.txt" if kind in ("s3", "s3a") else "install what is missing"
        raise SettingsError(f"CONVERSATIONS_LANDING={url}: {_reason(error)}; {remedy}") from None
    except Exception as error:
        raise SettingsError(
            f"CONVERSATIONS_LANDING={url}: it cannot be {done} ({_reason(error)}); check the address, the"
            " network and the credentials (for S3: the variables AWS_…), and run again"
        ) from None


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
